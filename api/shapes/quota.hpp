#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "api/action.hpp"
#include "api/output/structure.hpp"
#include "base/database.hpp"
#include "images/catalog/quota.hpp"

namespace kiln::launcher {
class InstanceTypes;
}

namespace kiln::api {

struct QuotaView {
    images::Quota quota;
    std::int64_t used;
    std::optional<std::int64_t> most;  // nullopt: no limit
};

/// All quotas of an account.
struct QuotaViews {
    std::vector<QuotaView> quotas;
};

/// "Quotas", a list.
Structure<QuotaViews> quotas_structure();
/// How the CLI shows them.
Table quotas_table();
/// Of an account that is there, which is the caller's to know.
QuotaViews load_quota_views(Session& session, const launcher::InstanceTypes& types,
                            const AccountId& account);

}  // namespace kiln::api
