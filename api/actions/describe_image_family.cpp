#include "api/action.hpp"
#include "api/output/page.hpp"
#include "api/shapes/common.hpp"
#include "base/database.hpp"
#include "images/catalog/image_alias.hpp"
#include "images/catalog/lineage.hpp"
#include "images/catalog/snapshot.hpp"

namespace kiln::api {

namespace {

struct View {
    images::Relative relative;
    std::vector<std::string> aliases = {};  // of the caller's
    Bytes stored_size = {};                 // what its own layers occupy
};

struct Result {
    std::vector<View> views;
    std::optional<std::string> next_token;
    bool is_whole = true;
};

/// A field of what is known of an image.
template <class Get>
auto known(Get get) {
    return [get](const View& v) -> std::optional<std::string> {
        if (!v.relative.image) return std::nullopt;
        return get(*v.relative.image);
    };
}

Bytes volume_size_of(const images::Image& image) {
    Bytes sum{};
    for (const images::ImageBlockDevice& device : image.block_devices)
        sum.value += device.volume_size.value;
    return sum;
}

void add_source(Structure<View>& s) {
    using images::Image;
    s.text("Origin", "origin",
           known([](const Image& i) { return if_any(std::string(to_text(i.origin))); }))
        .text("SourceImageId", "sourceImageId", known([](const Image& i) {
                  return i.source_image ? std::optional(i.source_image->str()) : std::nullopt;
              }))
        .text("SourceImageRegion", "sourceImageRegion",
              known([](const Image& i) { return if_any(i.source_region); }))
        .text("SourceInstanceId", "sourceInstanceId", known([](const Image& i) {
                  return i.source_instance ? std::optional(i.source_instance->str()) : std::nullopt;
              }));
}

Structure<View> relative_structure() {
    using images::Image;
    Structure<View> s;
    s.text("ImageId", "imageId", [](const View& v) { return v.relative.id.str(); })
        .text("Region", "region", [](const View& v) { return if_any(v.relative.region); })
        .text("Name", "name", known([](const Image& i) { return std::optional(i.name); }))
        .text("OwnerId", "imageOwnerId",
              known([](const Image& i) { return std::optional(i.owner.str()); }))
        .text("State", "imageState",
              known([](const Image& i) { return std::optional(std::string(to_text(i.state))); }))
        .text("CreationDate", "creationDate",
              known([](const Image& i) { return std::optional(format_time(i.created)); }));
    add_source(s);
    s.integer(
         "VolumeSize", "volumeSize",
         [](const View& v) -> std::optional<std::int64_t> {
             if (!v.relative.image || v.relative.image->block_devices.empty()) return std::nullopt;
             return static_cast<std::int64_t>(volume_size_of(*v.relative.image).in_gibibytes());
         })
        .integer("StoredSize", "storedSize",
                 [](const View& v) -> std::optional<std::int64_t> {
                     if (v.stored_size.value == 0) return std::nullopt;
                     return static_cast<std::int64_t>(v.stored_size.value);
                 })
        .text_list(
            "Aliases", "aliasSet", [](const View& v) -> const auto& { return v.aliases; });
    return s;
}

Structure<Result> output() {
    return Structure<Result>()
        .list(
            "Relatives", "relativeSet", relative_structure(),
            [](const Result& r) -> const auto& { return r.views; })
        .boolean("Truncated", "truncated",
                 [](const Result& r) -> std::optional<bool> {
                     if (r.is_whole) return std::nullopt;
                     return true;
                 })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

View view_of(Session& session, const images::Caller& caller, images::Relative relative) {
    View view{.relative = std::move(relative)};
    view.aliases = images::aliases_of(session, caller.account, view.relative.id);
    if (!view.relative.image) return view;
    for (const images::ImageBlockDevice& device : view.relative.image->block_devices) {
        if (!device.snapshot) continue;
        const auto snapshot = images::find_snapshot(session, *device.snapshot);
        if (snapshot) view.stored_size.value += snapshot->stored_size.value;
    }
    return view;
}

/// The oldest come first on all pages.
std::string key_of(const View& view) {
    const std::string date =
        view.relative.image ? format_time(view.relative.image->created) : std::string();
    return date + " " + view.relative.id.str();
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const ImageId id(arguments.required_text("ImageId"));
    Result result;
    std::vector<View> views;
    services.database.read([&](Session& session) {
        images::Family family = images::family(session, caller.scope(), id);
        result.is_whole = family.is_whole;
        for (images::Relative& relative : family.relatives)
            views.push_back(view_of(session, caller, std::move(relative)));
    });
    caller.stop_if_dry_run();
    auto page = page_of<View>(arguments, std::move(views), key_of);
    result.views = std::move(page.items);
    result.next_token = std::move(page.next_token);
    return result;
}

}  // namespace

Action describe_image_family() {
    return with_handler<Result>(
        {.name = "DescribeImageFamily",
         .summary = "Show all images that come from the same one as an image, in every region",
         .example = "kiln describe-image-family --image-id ami-0123456789abcdef0",
         .parameters = {image_id_parameter("An image that you own or may launch"),
                        max_results_parameter(), next_token_parameter(), dry_run_parameter()},
         .table = {.rows = "Relatives",
                   .columns = {"ImageId", "Region", "Name", "State", "Origin", "SourceImageId",
                               "CreationDate"}}},
        output(), handle);
}

}  // namespace kiln::api
