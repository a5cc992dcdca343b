#include "images/catalog/upload.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "images/catalog/table.hpp"

namespace kiln::images {

namespace {

struct UploadTable {
    static constexpr const char* name = "uploads";
    static Upload blank() {
        return {.id = placeholder_id<UploadId>(), .owner = placeholder_account()};
    }
    static void columns(auto& column, auto& upload) {
        column("upload_id", upload.id);
        column("owner", upload.owner);
        column("region", upload.region);
        column("size", upload.size);
        column("created", upload.created);
    }
};

}  // namespace

void insert_upload(Session& session, const Upload& upload) {
    const auto others =
        select_rows<UploadTable>(session, "where owner = :owner", {{"owner", upload.owner.str()}});
    if (std::ssize(others) >= max_uploads) {
        throw Error("ResourceLimitExceeded", "",
                    fmt::format("{} files of yours are being sent already: finish or delete one "
                                "(kiln delete-upload)",
                                others.size()));
    }
    insert_row<UploadTable>(session, upload);
}

Upload get_upload(Session& session, const Scope& scope, const UploadId& id) {
    auto upload = select_row<UploadTable>(session, "where upload_id = :id", {{"id", id.str()}});
    if (upload && upload->owner == scope.owner && upload->region == scope.region)
        return std::move(*upload);
    throw Error("InvalidUploadId.NotFound", id.str(),
                fmt::format("The upload '{}' does not exist: it was imported or deleted, or is "
                            "older than a day",
                            id.str()));
}

std::vector<Upload> list_uploads(Session& session, const Scope& scope) {
    return select_rows<UploadTable>(
        session, "where owner = :owner and region = :region order by created, upload_id",
        {{"owner", scope.owner.str()}, {"region", scope.region}});
}

std::vector<Upload> list_uploads_before(Session& session, const std::string& region, Time before) {
    return select_rows<UploadTable>(session, "where region = :region and created < :before",
                                    {{"region", region}, {"before", to_value(before)}});
}

std::vector<Upload> all_uploads(Session& session, const std::string& region) {
    return select_rows<UploadTable>(session, "where region = :region", {{"region", region}});
}

void delete_upload(Session& session, const UploadId& id) {
    run_sql(session, "delete from uploads where upload_id = :id", {{"id", id.str()}});
}

}  // namespace kiln::images
