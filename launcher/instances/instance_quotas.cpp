#include "launcher/instances/instance_quotas.hpp"

#include <cstdlib>

#include "images/catalog/instance.hpp"
#include "launcher/types/instance_type.hpp"

namespace kiln::launcher {

namespace {

using images::InstanceState;
using images::Quota;

std::int64_t used_vcpus(Session& session, const AccountId& account) {
    std::int64_t used = 0;
    for (const images::Instance& instance : images::unfinished_instances(session)) {
        const bool runs =
            instance.state == InstanceState::pending || instance.state == InstanceState::running;
        if (instance.owner == account && runs)
            used += get_instance_type(instance.instance_type).vcpus;
    }
    return used;
}

void check_vcpu_quota(Session& session, const AccountId& account, const std::string& instance_type,
                      int count) {
    images::check_quota(session, account, Quota::vcpus, used_vcpus,
                        std::int64_t{get_instance_type(instance_type).vcpus} * count);
}

}  // namespace

std::int64_t used_of_quota(Session& session, const AccountId& account, Quota quota) {
    switch (quota) {
        case Quota::instances:
            return images::count_instances(session, account);
        case Quota::vcpus:
            return used_vcpus(session, account);
        case Quota::volume_gib:
            return images::count_volume_gib(session, account);
        case Quota::images:
            return images::count_images(session, account);
    }
    std::abort();
}

void check_launch_quotas(Session& session, const AccountId& account,
                         const std::string& instance_type, int count) {
    images::check_quota(session, account, Quota::instances, images::count_instances, count);
    check_vcpu_quota(session, account, instance_type, count);
}

void check_start_quota(Session& session, const AccountId& account,
                       const std::string& instance_type) {
    check_vcpu_quota(session, account, instance_type, 1);
}

}  // namespace kiln::launcher
