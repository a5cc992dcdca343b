#include "builder/steps/system_tree.hpp"

#include "base/file.hpp"
#include "builder/steps/guest_files.hpp"

namespace kiln::builder {

namespace fs = std::filesystem;

namespace {

std::string with_console(std::string content, const std::string& console) {
    constexpr std::string_view place = "@console@";
    const std::size_t at = content.find(place);
    return at == std::string::npos ? content : content.replace(at, place.size(), console);
}

}  // namespace

void write_guest_file(const fs::path& path, std::string_view content, int mode) {
    fs::create_directories(path.parent_path());
    write_file_atomically(path, content, mode);
}

void make_system_directories(const fs::path& root) {
    for (const char* name : {"dev", "proc", "sys", "run", "mnt", "usr/bin", "usr/lib", "usr/lib64",
                             "etc", "var/log", "var/lib/kiln", "boot/grub"}) {
        fs::create_directories(root / name);
    }
    fs::create_directories(root / "root");
    fs::permissions(root / "root", fs::perms(0700));
    fs::create_directories(root / "tmp");
    fs::permissions(root / "tmp", fs::perms(01777));
    for (const char* name : {"bin", "sbin"})
        fs::create_directory_symlink("usr/bin", root / name);
    fs::create_directory_symlink("bin", root / "usr/sbin");
    fs::create_directory_symlink("usr/lib", root / "lib");
    fs::create_directory_symlink("usr/lib64", root / "lib64");
    fs::create_directory_symlink("../run", root / "var/run");
}

void let_everybody_pass(const fs::path& root) {
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
        if (entry.is_symlink() || !entry.is_directory()) continue;
        const fs::path name = entry.path().lexically_relative(root);
        if (*name.begin() == "root" || name == "tmp") continue;  // they have modes of their own
        fs::permissions(entry.path(), fs::perms(0755));
    }
}

void install_system_files(const Build& build, std::span<const SystemFile> files,
                          const std::string& console) {
    for (const SystemFile& file : files) {
        write_guest_file(build.root_tree() / file.target,
                         with_console(std::string(guest_file(file.source)), console), file.mode);
    }
}

}  // namespace kiln::builder
