#include "launcher/instances/instance_quotas.hpp"

#include <cstdlib>

#include "images/catalog/instance.hpp"
#include "launcher/types/instance_type.hpp"

namespace kiln::launcher {

namespace {

using images::InstanceState;
using images::Quota;

std::int64_t used_vcpus(Session& session, const InstanceTypes& types, const AccountId& account) {
    std::int64_t used = 0;
    for (const images::Instance& instance : images::unfinished_instances(session)) {
        const bool runs =
            instance.state == InstanceState::pending || instance.state == InstanceState::running;
        if (instance.owner != account || !runs) continue;
        // A type may have left the configuration since.
        const InstanceType* type = types.find(instance.instance_type);
        if (type != nullptr) used += type->vcpus;
    }
    return used;
}

void check_vcpu_quota(Session& session, const InstanceTypes& types, const AccountId& account,
                      const std::string& instance_type, int count) {
    images::check_quota(
        session, account, Quota::vcpus,
        [&](Session& inner, const AccountId& whose) { return used_vcpus(inner, types, whose); },
        std::int64_t{types.get(instance_type).vcpus} * count);
}

}  // namespace

std::int64_t used_of_quota(Session& session, const InstanceTypes& types, const AccountId& account,
                           Quota quota) {
    switch (quota) {
        case Quota::instances:
            return images::count_instances(session, account);
        case Quota::vcpus:
            return used_vcpus(session, types, account);
        case Quota::volume_gib:
            return images::count_volume_gib(session, account);
        case Quota::images:
            return images::count_images(session, account);
    }
    std::abort();
}

void check_launch_quotas(Session& session, const InstanceTypes& types, const AccountId& account,
                         const std::string& instance_type, int count) {
    images::check_quota(session, account, Quota::instances, images::count_instances, count);
    check_vcpu_quota(session, types, account, instance_type, count);
}

void check_start_quota(Session& session, const InstanceTypes& types, const AccountId& account,
                       const std::string& instance_type) {
    check_vcpu_quota(session, types, account, instance_type, 1);
}

}  // namespace kiln::launcher
