#include "launcher/network/networks.hpp"

#include <fmt/format.h>

#include "base/database.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "images/accounts/account.hpp"
#include "images/catalog/security_group.hpp"
#include "launcher/network/address_range.hpp"
#include "launcher/network/network_plan.hpp"

namespace kiln::launcher {

namespace {

constexpr const char* invalid_configuration = "InvalidConfiguration";
constexpr std::size_t identity_digits = 6;

NetworkRows read_rows(Session& session, const images::Vpc& vpc) {
    return {.vpc = vpc,
            .subnets = images::subnets_of_region(session, vpc.region),
            .interfaces = images::interfaces_of_region(session, vpc.region),
            .groups = images::security_groups_of_region(session, vpc.region),
            .rules = images::rules_of_region(session, vpc.region),
            .addresses = images::addresses_of_region(session, vpc.region),
            .users = images::users_of_accounts(session)};
}

}  // namespace

Networks::Networks(const Dependencies& dependencies) : use_(dependencies) {}

std::optional<std::string> Networks::obstacle(const Region& region) const {
    if (use_.settings.user_networking) return "the configuration says 'network: user'";
    return region.hypervisor.bridging_obstacle();
}

Ipv4Range Networks::choose_range_for(const Region& region,
                                     const std::vector<images::Vpc>& others) const {
    std::vector<Ipv4Range> taken = parse_routes(read_file("/proc/net/route"));
    for (const images::Vpc& other : others)
        taken.push_back(other.range);
    const bool is_home = region.name == use_.settings.region;
    if (use_.settings.network_range && is_home) return *use_.settings.network_range;
    const auto range = choose_range(taken);
    if (range) return *range;
    throw Error(invalid_configuration, region.name,
                fmt::format("the host has routes to all private ranges: set network_range to one "
                            "that guests of '{}' may have",
                            region.name));
}

images::Vpc Networks::make_vpc(const Region& region) {
    return use_.database.write([&](Session& session) {
        if (const auto known = images::find_vpc(session, region.name)) return *known;
        images::Vpc vpc{.id = VpcId::generate(),
                        .region = region.name,
                        .identity = random_hex(identity_digits),
                        .range = choose_range_for(region, images::list_vpcs(session)),
                        .created = use_.clock.now()};
        images::insert_vpc(session, vpc);
        for (std::size_t i = 0; i < region.zones.size(); ++i) {
            images::insert_subnet(session,
                                  {.id = SubnetId::generate(),
                                   .vpc = vpc.id,
                                   .region = region.name,
                                   .zone = region.zones[i],
                                   .range = subnet_range(vpc.range, i, region.zones.size())});
        }
        return vpc;
    });
}

images::Vpc Networks::vpc_of(const Region& region) {
    const auto known = use_.database.read(
        [&](Session& session) { return images::find_vpc(session, region.name); });
    return known ? *known : make_vpc(region);
}

std::mutex& Networks::lane_of(const std::string& region) {
    const std::lock_guard lock(mutex_);
    auto& lane = applying_[region];
    if (!lane) lane = std::make_unique<std::mutex>();
    return *lane;
}

void Networks::tell_of_user_networking(const Region& region, const std::string& reason) {
    const std::lock_guard lock(mutex_);
    if (!told_.insert(region.name).second) return;
    log::warn(
        "guests of the region {} get QEMU's user networking, without addresses of their own or "
        "security groups: {}",
        region.name, reason);
}

void Networks::apply(const Region& region) {
    if (const auto reason = obstacle(region)) {
        tell_of_user_networking(region, *reason);
        return;
    }
    const images::Vpc vpc = vpc_of(region);
    {
        // What is read last is applied last.
        const std::lock_guard lane(lane_of(region.name));
        const NetworkRows rows =
            use_.database.read([&](Session& session) { return read_rows(session, vpc); });
        region.hypervisor.apply_network(plan_network(rows));
    }
    std::function<void(const LiveNetwork&)> listener;
    {
        const std::lock_guard lock(mutex_);
        listener = listener_;
    }
    if (listener) listener({.region = region.name, .bridge = plan_empty_network(vpc).bridge});
}

void Networks::apply_all() {
    for (const Region* region : use_.regions.reachable()) {
        try {
            apply(*region);
        } catch (const Error& error) {
            log::error("the network of the region {} is not as it should be: {}", region->name,
                       error.message());
        }
    }
}

void Networks::remove_unused() {
    for (const Region* region : use_.regions.reachable()) {
        try {
            const auto vpc = use_.database.read([&](Session& session) {
                const bool used = !images::interfaces_of_region(session, region->name).empty();
                return used ? std::nullopt : images::find_vpc(session, region->name);
            });
            if (!vpc || obstacle(*region)) continue;
            const std::lock_guard lane(lane_of(region->name));
            remove_network_of(*region, *vpc);
        } catch (const Error& error) {
            log::warn("the network of the region {} stays on the host: {}", region->name,
                      error.message());
        }
    }
}

void Networks::set_listener(std::function<void(const LiveNetwork&)> listener) {
    const std::lock_guard lock(mutex_);
    listener_ = std::move(listener);
}

void remove_network_of(const Region& region, const images::Vpc& vpc) {
    if (region.hypervisor.bridging_obstacle()) return;
    region.hypervisor.remove_network(plan_empty_network(vpc));
}

}  // namespace kiln::launcher
