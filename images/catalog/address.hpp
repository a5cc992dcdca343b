#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/ids.hpp"
#include "base/ipv4.hpp"
#include "images/catalog/scope.hpp"

namespace kiln::images {

/// Where an address is mapped to.
struct AddressAssociation {
    AssociationId id;
    NetworkInterfaceId interface;
    int first_port = 0;  // of the guest; 0 when the address is mapped whole
};

/// An address of the host that an account has, whole or some of its ports, to map it to a guest.
struct Address {
    AllocationId id;
    AccountId owner;
    std::string region;
    Ipv4Address public_address;
    std::optional<PortRange> ports;  // absent: all of it, ICMP as well
    std::optional<AddressAssociation> association;
    Time created;

    /// Whether a packet could be meant for both.
    bool overlaps(const Address& other) const;
};

void insert_address(Session& session, const Address& address);
/// The caller's. Throws Error{InvalidAllocationID.NotFound}.
Address get_address(Session& session, const Scope& scope, const AllocationId& id);
/// By address and ports.
std::vector<Address> list_addresses(Session& session, const Scope& scope);
/// Of all accounts.
std::vector<Address> addresses_of_region(Session& session, const std::string& region);
/// Of all accounts and regions.
std::vector<Address> all_addresses(Session& session);
/// One that is mapped whole first.
std::vector<Address> addresses_of_interface(Session& session, const NetworkInterfaceId& id);
void update_address(Session& session, const Address& address);
void delete_address(Session& session, const AllocationId& id);
/// Addresses that are mapped to the interface are mapped to nothing. None is no error.
void disassociate_addresses_of(Session& session, const NetworkInterfaceId& id);

}  // namespace kiln::images
