#include "builder/steps/file_system.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/fd.hpp"

namespace kiln::builder {

namespace {

void make_sparse_file(const std::filesystem::path& path, Bytes size) {
    Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file) throw system_error(fmt::format("make '{}'", path.string()));
    if (::ftruncate(file.get(), static_cast<off_t>(size.value)) != 0) {
        throw system_error(fmt::format("set the size of '{}'", path.string()));
    }
}

std::vector<std::string> mke2fs_arguments(const Build& build) {
    const Partition& root = build.layout.root;
    // The file is new, so it reads as zeros: neither mke2fs nor the guest need to write them.
    const std::string extended = fmt::format(
        "offset={},assume_storage_prezeroed=1,nodiscard,root_owner=0:0", root.offset.value);
    return {"mke2fs",
            "-q",
            "-t",
            "ext4",
            "-b",
            "4096",
            "-m",
            "1",
            "-L",
            "root",
            "-U",
            build.layout.root_file_system_uuid,
            "-E",
            extended,
            "-d",
            build.root_tree(),
            build.raw_disk(),
            fmt::format("{}k", root.size.value / 1024)};
}

/// As an ordinary user the files are the user's own: fakeroot lets mke2fs see them as root's, and
/// an archive's as those of whom the archive says.
std::vector<std::string> as_root(const Build& build, std::vector<std::string> mke2fs) {
    if (::geteuid() == 0) return mke2fs;
    std::vector<std::string> arguments{"fakeroot", "--"};
    if (std::filesystem::exists(build.root_archive())) {
        const std::string unpack_and_go_on =
            "mkdir \"$1\" && tar --numeric-owner -xpf \"$2\" -C \"$1\" && shift 2 && exec \"$@\"";
        arguments.insert(arguments.end(), {"sh", "-c", unpack_and_go_on, "sh", build.root_tree(),
                                           build.root_archive()});
    }
    arguments.insert(arguments.end(), mke2fs.begin(), mke2fs.end());
    return arguments;
}

}  // namespace

void make_disk(const Build& build) {
    make_sparse_file(build.raw_disk(), build.layout.size);
    if (build.layout.table != PartitionTable::none) {
        run_tool(build, {.arguments = {"sfdisk", "--quiet", "--no-reread", "--no-tell-kernel",
                                       build.raw_disk()},
                         .standard_input = sfdisk_script(build.layout)});
    }
    run_tool(build, {.arguments = as_root(build, mke2fs_arguments(build))});
}

}  // namespace kiln::builder
