#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "base/error.hpp"
#include "images/catalog/address.hpp"
#include "images/catalog/network_interface.hpp"
#include "launcher/implementation.hpp"

namespace kiln::launcher {

namespace {

using images::Address;

constexpr int greatest_port = 65535;

std::string to_text(const PublicAddress& entry) {
    const std::string address = kiln::to_text(entry.address);
    return entry.ports ? address + ":" + kiln::to_text(*entry.ports) : address;
}

std::string list_of(const std::vector<PublicAddress>& entries) {
    if (entries.empty()) return "that has none";
    std::vector<std::string> texts;
    std::ranges::transform(entries, std::back_inserter(texts),
                           [](const PublicAddress& entry) { return to_text(entry); });
    return fmt::format("that has {}", fmt::join(texts, ", "));
}

[[noreturn]] void refuse_address(const std::string& wanted, const Settings& settings) {
    throw Error(error_code::invalid_parameter_value, wanted,
                fmt::format("'{}' is not among the addresses that may be mapped to guests: list it "
                            "under public_addresses in the configuration, {}",
                            wanted, list_of(settings.public_addresses)));
}

[[noreturn]] void refuse_ports(const std::string& ports) {
    throw Error(error_code::invalid_parameter_value, "PortRange",
                fmt::format("Invalid value '{}' for PortRange: it is a port, or a range of at most "
                            "{} as 8000-8099",
                            ports, max_ports_per_address));
}

/// What the request names; nothing: any whole address.
std::optional<PublicAddress> wanted_address(const AllocateAddressRequest& request,
                                            const Settings& settings) {
    if (!request.address) {
        if (!request.ports) return std::nullopt;
        throw Error(error_code::missing_parameter, "Address",
                    "PortRange needs Address: the host's address that the ports are of");
    }
    const auto address = parse_ipv4_address(*request.address);
    if (!address) refuse_address(*request.address, settings);
    PublicAddress wanted{.address = *address};
    if (!request.ports) return wanted;
    wanted.ports = parse_port_range(*request.ports);
    if (!wanted.ports || wanted.ports->size() > max_ports_per_address) refuse_ports(*request.ports);
    return wanted;
}

bool allows(const PublicAddress& entry, const PublicAddress& wanted) {
    if (entry.address != wanted.address) return false;
    return !entry.ports || (wanted.ports && entry.ports->contains(*wanted.ports));
}

bool is_free(Session& session, const Address& candidate) {
    const auto taken = images::all_addresses(session);
    return std::ranges::none_of(taken,
                                [&](const Address& other) { return other.overlaps(candidate); });
}

/// Chooses among those that are listed, when the request names none.
PublicAddress choose(Session& session, const Settings& settings,
                     const std::vector<Ipv4Address>& of_host) {
    for (const PublicAddress& entry : settings.public_addresses) {
        const Address candidate{.id = AllocationId::generate(),
                                .owner = AccountId("000000000000"),
                                .public_address = entry.address};
        const bool is_here = std::ranges::find(of_host, entry.address) != of_host.end();
        if (!entry.ports && is_here && is_free(session, candidate)) return entry;
    }
    throw Error("InsufficientAddressCapacity", "",
                fmt::format("No address of this host is free to be mapped whole. List some under "
                            "public_addresses in the configuration, {}; or ask for ports of one: "
                            "Address and PortRange",
                            list_of(settings.public_addresses)));
}

void check_is_of_host(const std::vector<Ipv4Address>& of_host, Ipv4Address address) {
    if (std::ranges::find(of_host, address) != of_host.end()) return;
    throw Error(error_code::invalid_parameter_value, kiln::to_text(address),
                fmt::format("This host does not have the address {}: give it to an interface, as "
                            "with 'ip address add {}/32 dev eth0', then try again",
                            kiln::to_text(address), kiln::to_text(address)));
}

images::NetworkInterface target_of(Session& session, const images::Caller& caller,
                                   const AssociateAddressRequest& request) {
    if (request.instance.has_value() == request.interface.has_value()) {
        throw Error(error_code::missing_parameter, "InstanceId",
                    "The request needs either InstanceId or NetworkInterfaceId");
    }
    if (request.interface) {
        for (images::NetworkInterface& own :
             images::list_network_interfaces(session, caller.scope())) {
            if (own.id == *request.interface) return std::move(own);
        }
        throw Error(
            "InvalidNetworkInterfaceID.NotFound", request.interface->str(),
            fmt::format("The networkInterface ID '{}' does not exist", request.interface->str()));
    }
    const auto instance = images::get_instance(session, caller.scope(), *request.instance);
    auto interface = images::interface_of_instance(session, instance.id);
    if (interface) return std::move(*interface);
    throw Error("InvalidInstanceID", instance.id.str(),
                fmt::format("The instance '{}' has no private address to map to: it is {} or has "
                            "user networking",
                            instance.id.str(), images::to_text(instance.state)));
}

int first_port_of(const Address& address, const AssociateAddressRequest& request) {
    if (!address.ports) {
        if (!request.first_port) return 0;
        throw Error(error_code::invalid_parameter_combination, "PrivatePort",
                    "PrivatePort is for addresses with a PortRange: this one is mapped whole");
    }
    if (!request.first_port) return address.ports->first;
    const std::int64_t most = greatest_port - address.ports->size() + 1;
    if (*request.first_port >= 1 && *request.first_port <= most)
        return static_cast<int>(*request.first_port);
    throw Error(error_code::invalid_parameter_value, "PrivatePort",
                fmt::format("The PrivatePort of {} ports is from 1 to {}, not {}",
                            address.ports->size(), most, *request.first_port));
}

/// A guest has one address that is mapped whole: the one before is free again.
void make_room(Session& session, const Address& address, const NetworkInterfaceId& interface) {
    if (address.ports) return;
    for (Address& other : images::addresses_of_interface(session, interface)) {
        if (other.ports || other.id == address.id) continue;
        other.association.reset();
        images::update_address(session, other);
    }
}

}  // namespace

Address Launcher::allocate_address(const images::Caller& caller,
                                   const AllocateAddressRequest& request) {
    Implementation& use = *implementation_;
    const Settings& settings = use.use().settings;
    const Region& region = use.region_of(caller);
    if (const auto obstacle = use.networks().obstacle(region)) {
        throw Error(error_code::unsupported_operation, "Address",
                    fmt::format("Addresses are mapped to guests on a bridge, and those of this "
                                "region have QEMU's user networking: {}",
                                *obstacle));
    }
    const auto wanted = wanted_address(request, settings);
    const auto allowed = [&](const PublicAddress& entry) { return allows(entry, *wanted); };
    if (wanted && std::ranges::none_of(settings.public_addresses, allowed))
        refuse_address(to_text(*wanted), settings);
    const auto of_host = region.hypervisor.host_addresses();
    if (wanted) check_is_of_host(of_host, wanted->address);
    return use.database().write([&](Session& session) {
        const PublicAddress chosen = wanted ? *wanted : choose(session, settings, of_host);
        Address address{.id = AllocationId::generate(),
                        .owner = caller.account,
                        .region = caller.region,
                        .public_address = chosen.address,
                        .ports = chosen.ports,
                        .created = use.now()};
        if (!is_free(session, address)) {
            throw Error("InvalidAddress.InUse", to_text(chosen),
                        fmt::format("The address {} is allocated already, or a part of it is",
                                    to_text(chosen)));
        }
        images::insert_address(session, address);
        images::set_tags(session, caller.scope(), address.id.str(), request.tags);
        caller.stop_if_dry_run();
        return address;
    });
}

AssociationId Launcher::associate_address(const images::Caller& caller,
                                          const AssociateAddressRequest& request) {
    auto association = implementation_->database().write([&](Session& session) {
        Address address = images::get_address(session, caller.scope(), request.allocation);
        const auto target = target_of(session, caller, request);
        const bool moves = address.association && address.association->interface != target.id;
        if (moves && !request.may_reassociate) {
            throw Error("Resource.AlreadyAssociated", address.id.str(),
                        fmt::format("resource {} is already associated with associate-id {}",
                                    address.id.str(), address.association->id.str()));
        }
        make_room(session, address, target.id);
        address.association =
            images::AddressAssociation{.id = AssociationId::generate(),
                                       .interface = target.id,
                                       .first_port = first_port_of(address, request)};
        images::update_address(session, address);
        caller.stop_if_dry_run();
        return address.association->id;
    });
    implementation_->apply_network(caller);
    return association;
}

void Launcher::disassociate_address(const images::Caller& caller, const AllocationId& id) {
    implementation_->database().write([&](Session& session) {
        Address address = images::get_address(session, caller.scope(), id);
        address.association.reset();
        images::update_address(session, address);
        caller.stop_if_dry_run();
    });
    implementation_->apply_network(caller);
}

void Launcher::release_address(const images::Caller& caller, const AllocationId& id) {
    implementation_->database().write([&](Session& session) {
        const Address address = images::get_address(session, caller.scope(), id);
        if (address.association) {
            throw Error(
                "InvalidIPAddress.InUse", id.str(),
                fmt::format("The address {} is associated ({}): disassociate it first",
                            kiln::to_text(address.public_address), address.association->id.str()));
        }
        images::delete_address(session, id);
        caller.stop_if_dry_run();
    });
}

}  // namespace kiln::launcher
