#pragma once

#include <cstdint>
#include <string>

#include "base/database.hpp"
#include "base/ids.hpp"
#include "images/catalog/quota.hpp"

namespace kiln::launcher {

class InstanceTypes;

/// How much of it the account has; of vCPUs those of its pending and running instances.
std::int64_t used_of_quota(Session& session, const InstanceTypes& types, const AccountId& account,
                           images::Quota quota);

/// For so many instances of the type that the account is about to launch: throws
/// Error{InstanceLimitExceeded} or Error{VcpuLimitExceeded}.
void check_launch_quotas(Session& session, const InstanceTypes& types, const AccountId& account,
                         const std::string& instance_type, int count);
/// For one that it has and is about to start: throws Error{VcpuLimitExceeded}.
void check_start_quota(Session& session, const InstanceTypes& types, const AccountId& account,
                       const std::string& instance_type);

}  // namespace kiln::launcher
