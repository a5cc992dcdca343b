#include "cli/recipe/import_base.hpp"

#include <fmt/format.h>

#include "builder/recipe/recipe.hpp"
#include "cli/terminal/terminal.hpp"
#include "cli/transfers/import_disk.hpp"

namespace kiln::cli {

namespace {

constexpr const char* describe_images = "DescribeImages";
constexpr const char* disk_tag = builder::imported_disk_tag;

/// An available one of the caller's own.
bool is_imported(Service& service, const BaseDisk& base) {
    const api::Reply reply =
        service.call(describe_images, {{"Owner.1", "self"},
                                       {"Filter.1.Name", "state"},
                                       {"Filter.1.Value.1", "available"},
                                       {"Filter.2.Name", std::string("tag:") + disk_tag},
                                       {"Filter.2.Value.1", base.sha256}});
    return !reply_text(describe_images, reply, "Images.ImageId").empty();
}

}  // namespace

bool import_base(Service& service, const BaseDisk& base) {
    if (is_imported(service, base)) return true;
    say(fmt::format("importing {}", base.source));
    const auto end = import_disk(service, import_image_kind,
                                 {.source = base.source,
                                  .format = {},
                                  .sha256 = base.sha256,
                                  .parameters = {{"TagSpecification.1.ResourceType", "image"},
                                                 {"TagSpecification.1.Tag.1.Key", disk_tag},
                                                 {"TagSpecification.1.Tag.1.Value", base.sha256}}});
    return end.has_value();
}

}  // namespace kiln::cli
