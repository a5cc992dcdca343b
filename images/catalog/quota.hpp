#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "base/database.hpp"
#include "base/ids.hpp"
#include "base/units.hpp"

namespace kiln::images {

/// How much an account may have, in all regions together. What is not limited has no row.
enum class Quota { instances, vcpus, volume_gib, images };
inline constexpr std::array all_quotas{Quota::instances, Quota::vcpus, Quota::volume_gib,
                                       Quota::images};
/// "instances", "vcpus", "volume-gib", "images".
std::string_view to_text(Quota quota);

/// The most that the account may have; nullopt: it is not limited.
std::optional<std::int64_t> find_quota(Session& session, const AccountId& account, Quota quota);
/// nullopt takes the limit away. What the account has already stays.
void set_quota(Session& session, const AccountId& account, Quota quota,
               std::optional<std::int64_t> most);

/// What the account has: instances that are not terminated, whole GiB of volumes that are not
/// deleted, images that are not deregistered. How many vCPUs its instances have is not known here.
std::int64_t count_instances(Session& session, const AccountId& account);
std::int64_t count_volume_gib(Session& session, const AccountId& account);
std::int64_t count_images(Session& session, const AccountId& account);

/// Throws Error{InstanceLimitExceeded}, Error{VcpuLimitExceeded}, Error{VolumeLimitExceeded} or
/// Error{ResourceLimitExceeded} when the account has a limit and would have `more` than it allows.
/// What it has is counted only then.
using CountUsed = std::function<std::int64_t(Session& session, const AccountId& account)>;
void check_quota(Session& session, const AccountId& account, Quota quota,
                 const CountUsed& count_used, std::int64_t more);
/// The same for volumes of so much.
void check_volume_quota(Session& session, const AccountId& account, Bytes more);

}  // namespace kiln::images
