#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "images/accounts/caller.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/instance.hpp"
#include "images/catalog/network_interface.hpp"
#include "images/catalog/vpc.hpp"
#include "launcher/instances/requests.hpp"

namespace kiln::launcher {

/// What of the request is about the network, for its digest; empty when nothing is.
std::string network_digest(const RunInstancesRequest& request);

/// The zone that the request names by its subnet or by itself; empty: none. Throws
/// Error{InvalidSubnetID.NotFound}, and Error{InvalidParameterValue} when the two differ.
std::string requested_zone(Session& session, const images::Caller& caller,
                           const RunInstancesRequest& request);
/// Throws Error{UnsupportedOperation} when the request asks for what guests with user networking do
/// not have.
void check_user_networking(const RunInstancesRequest& request, const std::string& obstacle);

images::Subnet subnet_of_zone(Session& session, const std::string& region, const std::string& zone);

/// The groups that are named, sorted; the caller's default group when none is. Throws
/// Error{InvalidGroup.NotFound} and Error{SecurityGroupsPerInterfaceLimitExceeded}.
std::vector<SecurityGroupId> requested_groups(Session& session, const images::Caller& caller,
                                              const std::vector<SecurityGroupId>& ids,
                                              const std::vector<std::string>& names, Time now);
inline constexpr std::size_t max_groups_per_interface = 5;

/// An interface for the instance, with the wanted address or the next that is free. Throws
/// Error{InvalidIPAddress.InUse}, Error{InvalidParameterValue} and
/// Error{InsufficientFreeAddressesInSubnet}.
images::NetworkInterface new_interface(Session& session, const images::Instance& instance,
                                       const images::Subnet& subnet,
                                       const std::vector<SecurityGroupId>& groups,
                                       const std::optional<std::string>& wanted_address);

/// The options with the change. Throws Error{InvalidParameterValue} for a hop limit that is not
/// from 1 to 64.
images::MetadataOptions changed_metadata_options(images::MetadataOptions options,
                                                 const MetadataOptionsChange& change);
/// Those of an instance of the image, which may ask for tokens.
images::MetadataOptions launch_metadata_options(const images::Image& image,
                                                const MetadataOptionsChange& change);

}  // namespace kiln::launcher
