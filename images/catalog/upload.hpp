#pragma once

#include <cstdint>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/ids.hpp"
#include "base/units.hpp"
#include "images/catalog/scope.hpp"

namespace kiln::images {

struct UploadKind {
    static constexpr const char* prefix = "upload";
    static constexpr const char* malformed_code = "InvalidParameterValue";
};
using UploadId = Id<UploadKind>;

/// A file that a client sends, piece by piece, to be imported.
struct Upload {
    UploadId id;
    AccountId owner;
    std::string region;
    Bytes size;  // of the whole file
    Time created;
};

/// Throws Error{ResourceLimitExceeded} past max_uploads of the account.
inline constexpr std::int64_t max_uploads = 20;
void insert_upload(Session& session, const Upload& upload);
/// The caller's own. Throws Error{InvalidUploadId.NotFound}.
Upload get_upload(Session& session, const Scope& scope, const UploadId& id);
/// The caller's, oldest first.
std::vector<Upload> list_uploads(Session& session, const Scope& scope);
/// Those of all accounts in the region that were begun before the time.
std::vector<Upload> list_uploads_before(Session& session, const std::string& region, Time before);
std::vector<Upload> all_uploads(Session& session, const std::string& region);
/// None is no error.
void delete_upload(Session& session, const UploadId& id);

}  // namespace kiln::images
