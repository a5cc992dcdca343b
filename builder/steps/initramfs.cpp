#include "builder/steps/initramfs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/file.hpp"
#include "base/text.hpp"
#include "builder/steps/guest_files.hpp"

namespace kiln::builder {

namespace {

namespace fs = std::filesystem;

/// By a soft dependency, which modules.dep does not tell.
constexpr const char* ext4_needs = "crc32c_generic";

std::vector<std::string> wanted_modules(const Build& build) {
    if (build.recipe.kind == RecipeKind::pv_appliance) {
        return {"virtio_pci",     "virtio_blk",  ext4_needs,    "ext4",       "virtio_net",
                "virtio_console", "xen_privcmd", "xen_evtchn",  "xen_gntdev", "xen_gntalloc",
                "xenfs",          "xen_blkback", "xen_netback", "bridge"};
    }
    if (build.recipe.boot != RecipeBoot::boot_loader)
        return {"xen_blkfront", "xen_netfront", ext4_needs, "ext4",
                "vfat",         "nls_cp437",    "nls_ascii"};
    std::vector<std::string> names{"virtio_pci", "virtio_blk",     ext4_needs,   "ext4",
                                   "virtio_net", "virtio_console", "virtio_rng", "vfat",
                                   "nls_cp437",  "nls_ascii",      "button",     "evdev"};
    if (*build.target.efi_format != '\0') names.emplace_back("efivarfs");
    if (build.recipe.tpm) names.emplace_back(build.target.boots_bios ? "tpm_crb" : "tpm_tis");
    return names;
}

/// "kernel/drivers/char/hw_random/virtio-rng.ko" → "virtio_rng".
std::string module_name(const std::string& path) {
    std::string name = fs::path(path).filename().string();
    name.erase(std::min(name.find(".ko"), name.size()));
    std::ranges::replace(name, '-', '_');
    return name;
}

class LoadOrder {
  public:
    explicit LoadOrder(const ModuleIndex& index) {
        for (const std::string& line : split(index.dependencies, '\n')) {
            const std::size_t colon = line.find(':');
            if (colon == std::string::npos) continue;
            const std::string path = line.substr(0, colon);
            path_of_[module_name(path)] = path;
            for (const std::string& needed : split(trim(line.substr(colon + 1)), ' ')) {
                if (!needed.empty()) needs_[path].push_back(needed);
            }
        }
        for (const std::string& line : split(index.built_in, '\n')) {
            if (!line.empty()) built_in_.insert(module_name(line));
        }
    }

    void add(const std::string& name) {
        if (const auto found = path_of_.find(name); found != path_of_.end()) {
            add_path(found->second);
        } else if (!built_in_.contains(name)) {
            throw build_failed(fmt::format("the kernel has no module '{}'", name));
        }
    }

    std::vector<std::string> take() { return std::move(order_); }

  private:
    void add_path(const std::string& path) {
        if (!added_.insert(path).second) return;
        for (const std::string& needed : needs_[path])
            add_path(needed);
        order_.push_back(path);
    }

    std::map<std::string, std::string> path_of_;
    std::map<std::string, std::vector<std::string>> needs_;
    std::set<std::string> built_in_;
    std::set<std::string> added_;
    std::vector<std::string> order_;
};

std::vector<std::string> find_modules(const Build& build, const std::string& version) {
    const fs::path directory = build.packages_tree() / "lib/modules" / version;
    run_tool(build, {.arguments = {"depmod", "-b", build.packages_tree(), version}});
    return module_load_order({.dependencies = read_file(directory / "modules.dep"),
                              .built_in = read_file(directory / "modules.builtin")},
                             wanted_modules(build));
}

void write_executable(const fs::path& path, std::string_view content) {
    write_file_atomically(path, content, 0755);
}

/// Modules as /modules/NN-name.ko, so that their names give the order.
void copy_modules(const Build& build, const std::string& version, const fs::path& tree) {
    const fs::path from = build.packages_tree() / "lib/modules" / version;
    fs::create_directories(tree / "modules");
    int number = 0;
    for (const std::string& module : find_modules(build, version)) {
        const std::string name = fmt::format("{:02}-{}.ko", number++, module_name(module));
        fs::copy_file(from / module, tree / "modules" / name);
    }
}

/// The names in the tree, as cpio reads them.
std::string list_tree(const fs::path& tree) {
    std::string names;
    for (const auto& entry : fs::recursive_directory_iterator(tree)) {
        names += fs::relative(entry.path(), tree).string() + '\n';
    }
    return names;
}

}  // namespace

std::string kernel_version(const fs::path& tree) {
    constexpr std::string_view prefix = "vmlinuz-";
    for (const auto& entry : fs::directory_iterator(tree / "boot")) {
        const std::string name = entry.path().filename();
        if (name.starts_with(prefix)) return name.substr(prefix.size());
    }
    throw build_failed("the packages hold no kernel");
}

std::vector<std::string> module_load_order(const ModuleIndex& index,
                                           const std::vector<std::string>& wanted) {
    LoadOrder order(index);
    for (const std::string& name : wanted)
        order.add(name);
    return order.take();
}

void make_initramfs(const Build& build, const std::string& version, const fs::path& target) {
    const fs::path tree = build.work_directory / "initramfs";
    for (const char* name : {"bin", "dev", "proc", "sys", "root"})
        fs::create_directories(tree / name);
    fs::copy_file(build.packages_tree() / "bin/busybox", tree / "bin/busybox");
    write_executable(tree / "init", guest_file("tiny/initramfs-init"));
    copy_modules(build, version, tree);
    // Not compressed: to unpack would take a guest longer than to read.
    run_tool(build,
             {.arguments = {"cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0", "-F", target},
              .standard_input = list_tree(tree),
              .working_directory = tree});
    fs::remove_all(tree);
}

}  // namespace kiln::builder
