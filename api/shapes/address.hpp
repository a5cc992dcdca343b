#pragma once

#include <map>
#include <vector>

#include "api/output/structure.hpp"
#include "api/protocol/arguments.hpp"
#include "base/database.hpp"
#include "images/catalog/address.hpp"
#include "images/catalog/network_interface.hpp"
#include "images/catalog/tag.hpp"

namespace kiln::api {

/// An address with what is shown of it.
struct AddressView {
    images::Address address;
    std::optional<images::NetworkInterface> interface;  // that it is mapped to
    std::vector<images::Tag> tags;
};

/// As DescribeAddresses shows it.
const Structure<AddressView>& address_structure();
/// The caller's.
std::vector<AddressView> load_address_views(Session& session, const images::Scope& scope);

/// AllocationId, or PublicIp, which may be one that the caller has ports of
/// ("192.0.2.7:8000-8099").
std::vector<Parameter> which_address_parameters();
/// The address that they name. Throws Error{MissingParameter} and Error{InvalidAddress.NotFound}.
AllocationId which_address(Session& session, const images::Scope& scope,
                           const Arguments& arguments);

}  // namespace kiln::api
