#include "images/catalog/store_image_task.hpp"

#include "images/catalog/table.hpp"

namespace kiln::images {

namespace {

struct StoreImageTaskTable {
    static constexpr const char* name = "store_image_tasks";
    static StoreImageTask blank() {
        return {.image = placeholder_id<ImageId>(), .owner = placeholder_account()};
    }
    static void columns(auto& column, auto& task) {
        column("image_id", task.image);
        column("bucket", task.bucket);
        column("object_key", task.object_key);
        column("owner", task.owner);
        column("region", task.region);
        column("state", task.state);
        column("failure", task.failure);
        column("started", task.started);
    }
};

}  // namespace

void put_store_image_task(Session& session, const StoreImageTask& task) {
    run_sql(session, "delete from store_image_tasks where image_id = :image and bucket = :bucket",
            {{"image", task.image.str()}, {"bucket", task.bucket}});
    insert_row<StoreImageTaskTable>(session, task);
}

std::optional<StoreImageTask> find_store_image_task(Session& session, const ImageId& image,
                                                    const std::string& bucket) {
    return select_row<StoreImageTaskTable>(session, "where image_id = :image and bucket = :bucket",
                                           {{"image", image.str()}, {"bucket", bucket}});
}

std::vector<StoreImageTask> list_store_image_tasks(Session& session, const Scope& scope) {
    return select_rows<StoreImageTaskTable>(
        session, "where owner = :owner and region = :region order by started, image_id, bucket",
        {{"owner", scope.owner.str()}, {"region", scope.region}});
}

void forget_store_image_tasks(Session& session, Time before) {
    run_sql(session,
            "delete from store_image_tasks where state <> 'InProgress' and started < :before",
            {{"before", to_value(before)}});
}

}  // namespace kiln::images
