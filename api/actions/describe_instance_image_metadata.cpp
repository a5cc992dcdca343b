#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "api/output/page.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/instance.hpp"
#include "base/clock.hpp"
#include "base/database.hpp"
#include "images/accounts/allowed_images.hpp"
#include "images/catalog/image.hpp"
#include "images/market/product_code.hpp"

namespace kiln::api {

namespace {

using images::Image;
using Values = std::vector<std::string>;

struct ImageView {
    Image image;
    std::optional<bool> allowed;  // where settings say which images are
};

struct View {
    InstanceView of;
    ImageView image;
};

struct Result {
    std::vector<View> views;
    std::optional<std::string> next_token;
};

const Structure<ImageView>& image_structure() {
    static const auto structure =
        Structure<ImageView>()
            .text("ImageId", "imageId", [](const ImageView& v) { return v.image.id.str(); })
            .text("Name", "name", [](const ImageView& v) { return v.image.name; })
            .text("OwnerId", "imageOwnerId", [](const ImageView& v) { return v.image.owner.str(); })
            .text("State", "imageState",
                  [](const ImageView& v) { return std::string(to_text(v.image.state)); })
            .text("CreationDate", "creationDate",
                  [](const ImageView& v) { return format_time(v.image.created); })
            .text("DeprecationTime", "deprecationTime",
                  [](const ImageView& v) { return if_any(v.image.deprecated); })
            .boolean("ImageAllowed", "imageAllowed", [](const ImageView& v) { return v.allowed; })
            .boolean("IsPublic", "isPublic", [](const ImageView& v) { return v.image.is_public; });
    return structure;
}

Structure<Result> output() {
    const auto item =
        Structure<View>()
            .text("InstanceId", "instanceId", [](const View& v) { return v.of.instance.id.str(); })
            .text("InstanceType", "instanceType",
                  [](const View& v) { return v.of.instance.instance_type; })
            .text("LaunchTime", "launchTime",
                  [](const View& v) { return format_time(v.of.instance.launched); })
            .text("AvailabilityZone", "availabilityZone",
                  [](const View& v) { return v.of.instance.zone; })
            .structure("State", "instanceState", instance_state_structure(),
                       [](const View& v) { return v.of.instance.state; })
            .text("OwnerId", "instanceOwnerId",
                  [](const View& v) { return v.of.instance.owner.str(); })
            .list(
                "Tags", "tagSet", tag_structure(),
                [](const View& v) -> const auto& { return v.of.tags; })
            .structure("ImageMetadata", "imageMetadata", image_structure(),
                       [](const View& v) { return v.image; });
    return Structure<Result>()
        .list(
            "InstanceImageMetadata", "instanceImageMetadataSet", item,
            [](const Result& r) -> const auto& { return r.views; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

const FilterTable<View>& filters() {
    static const FilterTable<View> table(
        {{"availability-zone", [](const View& v) { return Values{v.of.instance.zone}; }},
         {"image-id", [](const View& v) { return Values{v.image.image.id.str()}; }},
         {"image-name", [](const View& v) { return Values{v.image.image.name}; }},
         {"image-allowed",
          [](const View& v) { return Values{v.image.allowed.value_or(true) ? "true" : "false"}; }},
         {"instance-id", [](const View& v) { return Values{v.of.instance.id.str()}; }},
         {"instance-state-name",
          [](const View& v) { return Values{std::string(to_text(v.of.instance.state))}; }},
         {"instance-type", [](const View& v) { return Values{v.of.instance.instance_type}; }},
         {"launch-time", [](const View& v) { return Values{format_time(v.of.instance.launched)}; }},
         {"owner-id", [](const View& v) { return Values{v.of.instance.owner.str()}; }}},
        [](const View& v) -> const auto& { return v.of.tags; });
    return table;
}

/// An image stays in the catalog for as long as an instance of it does, whatever became of it.
std::vector<View> load_views(Session& session, const images::Scope& scope, Time now) {
    const auto allowed = images::load_allowed_images(session, scope);
    const bool are_restricted = allowed.state != images::AllowedImagesState::disabled;
    std::vector<View> views;
    for (InstanceView& of : load_instance_views(session, scope, now)) {
        auto image = images::find_image(session, of.instance.image);
        if (!image) continue;
        ImageView view{.image = *std::move(image), .allowed = std::nullopt};
        const auto codes = images::product_codes_of(session, view.image.id.str());
        if (are_restricted)
            view.allowed = images::meets_criteria(allowed, scope, view.image, codes, now);
        views.push_back({.of = std::move(of), .image = std::move(view)});
    }
    return views;
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    check_ids_or_pages(arguments, "InstanceId");
    std::vector<View> views = services.database.read([&](Session& session) {
        return load_views(session, caller.scope(), services.clock.now());
    });
    keep_ids<View, InstanceId>(
        views, ids_of<InstanceId>(arguments, "InstanceId"),
        [](const View& v) -> const InstanceId& { return v.of.instance.id; },
        images::instance_not_found);
    filters().apply(filters_of(arguments), views);
    caller.stop_if_dry_run();
    auto page = page_of<View>(arguments, std::move(views),
                              [](const View& v) { return v.of.instance.id.str(); });
    return {.views = std::move(page.items), .next_token = std::move(page.next_token)};
}

}  // namespace

Action describe_instance_image_metadata() {
    return with_handler<Result>(
        {.name = "DescribeInstanceImageMetadata",
         .summary = "Show what image each of your instances is of, even one that is gone by now",
         .example = "kiln describe-instance-image-metadata --filters Name=image-name,Values=web-*",
         .parameters = {ids_parameter("InstanceId", "Ids of the instances"), filters_parameter(),
                        max_results_parameter(), next_token_parameter(), dry_run_parameter()},
         .table = {.rows = "InstanceImageMetadata",
                   .columns = {"InstanceId", "State.Name", "ImageMetadata.ImageId",
                               "ImageMetadata.Name", "ImageMetadata.State",
                               "ImageMetadata.CreationDate", "ImageMetadata.DeprecationTime"}}},
        output(), handle);
}

}  // namespace kiln::api
