#include "builder/steps/build_disk.hpp"

#include "base/error.hpp"
#include "builder/steps/appliance_root.hpp"
#include "builder/steps/boot.hpp"
#include "builder/steps/build.hpp"
#include "builder/steps/debian_root.hpp"
#include "builder/steps/file_system.hpp"
#include "builder/steps/tiny_root.hpp"
#include "images/layers/qemu_img.hpp"

namespace kiln::builder {

namespace {

void make_root(const Build& build) {
    switch (build.recipe.kind) {
        case RecipeKind::debian:
            return make_debian_root(build);
        case RecipeKind::tiny:
            return make_tiny_root(build);
        case RecipeKind::pv_appliance:
            return make_appliance_root(build);
    }
}

DiskLayout layout_of(const Recipe& recipe) {
    switch (recipe.boot) {
        case RecipeBoot::boot_loader:
            return plan_disk(recipe.size, target_of(recipe.architecture).root_type);
        case RecipeBoot::pv_grub_hd0:
            return plan_plain_disk(recipe.size, PartitionTable::none);
        case RecipeBoot::pv_grub_hd00:
            return plan_plain_disk(recipe.size, PartitionTable::dos);
    }
    throw build_failed("a recipe that boots in no way");
}

struct Part {
    int percent = 0;  // of the whole build, when the step begins
    const char* name;
    void (*run)(const Build&);
};

void convert_disk(const Build& build) {
    // What it is made from stays until the work directory goes: on file systems that discard what
    // is removed at once, that takes long, and nobody should wait for it.
    images::qemu_img::convert_raw(build.raw_disk(), build.result(), build.stop);
}

constexpr Part parts[] = {
    {1, "reading the package lists", make_root},
    {76, "making the file system", make_disk},
    {87, "installing the boot loader", install_boot_loader},
    {90, "writing the image", convert_disk},
};

}  // namespace

std::filesystem::path build_disk(const Recipe& recipe, const std::filesystem::path& work_directory,
                                 const BuildProgress& progress, std::stop_token stop) {
    const Build build{.recipe = recipe,
                      .work_directory = work_directory,
                      .progress = progress,
                      .stop = stop,
                      .target = target_of(recipe.architecture),
                      .layout = layout_of(recipe)};
    for (const Part& part : parts) {
        if (stop.stop_requested()) throw Error("Canceled", "", "the build was canceled");
        build.report(part.percent, part.name);
        part.run(build);
    }
    build.report(98, "checking the image");
    images::qemu_img::check(build.result());
    return build.result();
}

}  // namespace kiln::builder
