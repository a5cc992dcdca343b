#include <algorithm>
#include <map>
#include <utility>

#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "api/output/page.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/image.hpp"
#include "base/database.hpp"
#include "base/error.hpp"
#include "images/accounts/allowed_images.hpp"
#include "images/catalog/name_family.hpp"
#include "images/catalog/permission.hpp"
#include "images/market/product_code.hpp"

namespace kiln::api {

namespace {

using View = ImageView;
using Result = Page<View>;
using Values = std::vector<std::string>;
using AllowedState = images::AllowedImagesState;

Structure<Result> output() {
    return Structure<Result>()
        .list(
            "Images", "imagesSet", image_structure(),
            [](const Result& r) -> const auto& { return r.items; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

Values each_device(const View& view,
                   const std::function<std::string(const images::ImageBlockDevice&)>& value) {
    Values values;
    for (const auto& device : view.image.block_devices)
        values.push_back(value(device));
    return values;
}

std::vector<FilterTable<View>::Row> block_device_filters() {
    using Device = images::ImageBlockDevice;
    return {
        {"block-device-mapping.device-name",
         [](const View& v) {
             return each_device(v, [](const Device& d) { return d.device_name; });
         }},
        {"block-device-mapping.encrypted",
         [](const View& v) {
             return each_device(v, [](const Device& d) { return d.encrypted ? "true" : "false"; });
         }},
        {"block-device-mapping.snapshot-id",
         [](const View& v) {
             return each_device(
                 v, [](const Device& d) { return d.snapshot ? d.snapshot->str() : ""; });
         }},
        {"block-device-mapping.volume-size",
         [](const View& v) {
             return each_device(
                 v, [](const Device& d) { return std::to_string(d.volume_size.in_gibibytes()); });
         }},
        {"block-device-mapping.volume-type",
         [](const View& v) {
             return each_device(v, [](const Device& d) { return d.volume_type; });
         }},
        {"block-device-mapping.delete-on-termination", [](const View& v) {
             return each_device(
                 v, [](const Device& d) { return d.delete_on_termination ? "true" : "false"; });
         }}};
}

std::vector<FilterTable<View>::Row> image_filters() {
    return {
        {"architecture",
         [](const View& v) { return Values{std::string(to_text(v.image.architecture))}; }},
        {"creation-date", [](const View& v) { return Values{format_time(v.image.created)}; }},
        {"description", [](const View& v) { return Values{v.image.description}; }},
        {"hypervisor", [](const View&) { return Values{"xen"}; }},
        {"image-id", [](const View& v) { return Values{v.id()}; }},
        {"image-type", [](const View& v) { return Values{v.type()}; }},
        {"is-public", [](const View& v) { return Values{v.image.is_public ? "true" : "false"}; }},
        {"kernel-id", [](const View& v) { return Values{v.image.kernel_id}; }},
        {"manifest-location", [](const View& v) { return Values{v.location()}; }},
        {"name", [](const View& v) { return Values{v.image.name}; }},
        {"owner-alias", [](const View& v) { return Values{v.owner_alias()}; }},
        {"owner-id", [](const View& v) { return Values{v.image.owner.str()}; }},
        {"platform", [](const View& v) { return Values{v.image.platform}; }},
        {"product-code", [](const View& v) { return v.product_codes; }},
        {"product-code.type",
         [](const View& v) { return Values(v.product_codes.size(), "marketplace"); }},
        {"ramdisk-id", [](const View& v) { return Values{v.image.ramdisk_id}; }},
        {"root-device-name", [](const View& v) { return Values{v.image.root_device_name}; }},
        {"root-device-type",
         [](const View& v) { return Values{std::string(to_text(v.image.root_device_type))}; }},
        {"source-instance-id",
         [](const View& v) {
             return Values{v.image.source_instance ? v.image.source_instance->str() : ""};
         }},
        {"source-image-id",
         [](const View& v) {
             return Values{v.image.source_image ? v.image.source_image->str() : ""};
         }},
        {"source-image-region", [](const View& v) { return Values{v.image.source_region}; }},
        {"state", [](const View& v) { return Values{std::string(to_text(v.image.state))}; }},
        {"virtualization-type",
         [](const View& v) { return Values{std::string(to_text(v.image.virtualization_type))}; }}};
}

const FilterTable<View>& filters() {
    static const FilterTable<View> table = [] {
        auto rows = image_filters();
        auto devices = block_device_filters();
        rows.insert(rows.end(), devices.begin(), devices.end());
        return FilterTable<View>(
            rows, [](const View& v) -> const auto& { return v.tags; });
    }();
    return table;
}

/// What is the owner's own business.
void blank_for_others(images::Image& image, const images::Caller& caller) {
    if (image.owner == caller.account) return;
    image.source_instance.reset();
    image.source_image.reset();
    image.source_region.clear();
    image.last_launched.reset();
    image.state_reason.clear();
}

std::vector<View> load_views(Services& services, const images::Caller& caller,
                             const images::ImageQuery& query) {
    return services.database.read([&](Session& session) {
        // Of a few images what belongs to them is asked for one by one.
        const bool is_of_ids = !query.ids.empty();
        images::TagsByResource tags;
        images::ProductCodes codes;
        if (!is_of_ids) {
            tags = images::tags_by_resource(session, caller.scope());
            codes = images::all_product_codes(session);
        }
        const auto allowed = images::load_allowed_images(session, caller.scope());
        std::vector<View> views;
        for (images::Image& image : images::list_images(session, caller.scope(), query)) {
            const std::string id = image.id.str();
            if (is_of_ids) {
                tags[id] = images::tags_of(session, caller.scope(), id);
                codes[id] = images::product_codes_of(session, id);
            }
            const auto& own_codes = images::product_codes_of(codes, id);
            const bool is_allowed =
                images::meets_criteria(allowed, caller.scope(), image, own_codes, query.now);
            if (allowed.state == AllowedState::enabled && !is_allowed) continue;
            const auto own_tags = tags.find(id);
            blank_for_others(image, caller);
            views.push_back({.image = std::move(image), .product_codes = own_codes});
            if (allowed.state != AllowedState::disabled) views.back().allowed = is_allowed;
            if (own_tags != tags.end()) views.back().tags = std::move(own_tags->second);
        }
        return views;
    });
}

bool is_kernel_id(const std::string& id) {
    return id.starts_with("aki-");
}

struct Requested {
    bool any = false;  // else all are
    std::vector<ImageId> images;
};

Requested requested_ids(const Arguments& arguments) {
    Requested requested;
    for (const std::string& id : arguments.texts("ImageId")) {
        requested.any = true;
        if (!is_kernel_id(id)) requested.images.emplace_back(id);
    }
    return requested;
}

/// Those that are named, or all of them where nothing keeps others' public images away.
std::vector<View> requested_kernels(const Arguments& arguments, const std::string& after) {
    const Values ids = arguments.texts("ImageId");
    const auto has = [&](const char* parameter, const char* value) {
        const Values values = arguments.texts(parameter);
        return values.empty() || std::ranges::find(values, value) != values.end();
    };
    for (const std::string& id : ids) {
        if (!is_kernel_id(id) || images::find_pv_kernel(id) != nullptr) continue;
        throw Error("InvalidAMIID.NotFound", id, "The image id '[" + id + "]' does not exist");
    }
    std::vector<View> kernels = kernel_views();
    std::erase_if(kernels, [&](const View& view) {
        const bool named = std::ranges::find(ids, view.id()) != ids.end();
        const bool of_owner = has("Owner", kernel_owner) || has("Owner", kernel_owner_alias);
        const bool listed =
            ids.empty() && of_owner && has("ExecutableBy", images::everybody) && view.id() > after;
        return !named && !listed;
    });
    return kernels;
}

/// Clients look for the ids that they asked for.
void name_as_asked(const Arguments& arguments, std::vector<View>& views) {
    for (View& view : views)
        view.asked_id = arguments.asked_image(view.id()).value_or("");
}

/// Of each owner's images of a family the newest available one.
void keep_latest(std::vector<View>& views) {
    std::erase_if(
        views, [](const View& view) { return view.image.state != images::ImageState::available; });
    std::map<std::pair<std::string, std::string>, const View*> latest;
    const auto family_of = [](const View& view) {
        return std::pair(view.image.owner.str(), images::name_family(view.image.name));
    };
    for (const View& view : views) {
        const View*& newest = latest[family_of(view)];
        if (newest == nullptr || std::pair(newest->image.created, newest->id()) <
                                     std::pair(view.image.created, view.id()))
            newest = &view;
    }
    std::vector<View> kept;
    for (const View& view : views)
        if (latest[family_of(view)] == &view) kept.push_back(view);
    views = std::move(kept);
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    check_ids_or_pages(arguments, "ImageId");
    const auto token = arguments.text("NextToken");
    const bool latest = arguments.boolean("Latest").value_or(false);
    // What is the latest is not known without those of earlier pages.
    const std::string after = token && !latest ? decode_page_token(*token) : "";
    std::vector<View> views = requested_kernels(arguments, after);
    const Requested requested = requested_ids(arguments);
    if (!requested.images.empty() || !requested.any) {
        const std::vector<View> others =
            load_views(services, caller,
                       {.ids = requested.images,
                        .owners = arguments.texts("Owner"),
                        .executable_by = arguments.texts("ExecutableBy"),
                        .with_disabled = arguments.boolean("IncludeDisabled").value_or(false),
                        .with_deprecated = arguments.boolean("IncludeDeprecated").value_or(false),
                        .now = services.clock.now(),
                        .after = after});
        views.insert(views.end(), others.begin(), others.end());
    }
    name_as_asked(arguments, views);
    filters().apply(filters_of(arguments), views);
    if (latest) keep_latest(views);
    caller.stop_if_dry_run();
    return page_of<View>(arguments, std::move(views), [](const View& v) { return v.id(); });
}

}  // namespace

Action describe_images() {
    return with_handler<Result>(
        {.name = "DescribeImages",
         .summary = "Show images that you own or may launch, and kernels for paravirtual ones",
         .example = "kiln describe-images --owners self --filters Name=name,Values='golden-*'",
         .parameters = {ids_parameter("ImageId", "Ids of the images to show"),
                        {.name = "Owners",
                         .wire = "Owner",
                         .list = true,
                         .help = "Only images of these accounts; self is your own"},
                        {.name = "ExecutableUsers",
                         .wire = "ExecutableBy",
                         .list = true,
                         .help = "Only images that these accounts may launch by permission: self, "
                                 "an id, or all for public ones"},
                        {.name = "IncludeDeprecated",
                         .wire = "IncludeDeprecated",
                         .shape = Shape::boolean,
                         .help = "Also images of others that are deprecated"},
                        {.name = "IncludeDisabled",
                         .wire = "IncludeDisabled",
                         .shape = Shape::boolean,
                         .help = "Also images of yours that are disabled"},
                        {.name = "Latest",
                         .wire = "Latest",
                         .shape = Shape::boolean,
                         .help = "Of what the rest asks for, of each owner and name only the "
                                 "newest that is available; versions and dates at the end of "
                                 "names make no other name: web-v2 is newer than web-v1"},
                        filters_parameter(),
                        max_results_parameter(),
                        next_token_parameter(),
                        dry_run_parameter()},
         .table = {.rows = "Images",
                   .columns = {"ImageId", "Name", "State", "Architecture", "OwnerId", "Public",
                               "CreationDate"}}},
        output(), handle);
}

}  // namespace kiln::api
