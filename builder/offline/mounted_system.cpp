#include "builder/offline/mounted_system.hpp"

#include <fmt/format.h>
#include <guestfs.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <memory>

#include "base/text.hpp"
#include "builder/inspection/guestfs_texts.hpp"
#include "builder/script/shell_text.hpp"
#include "builder/steps/build.hpp"

namespace kiln::builder {

namespace {

/// Of what is not a step's own: a start under emulation on a busy host, looking at file systems.
constexpr std::chrono::minutes time_to_open{15};
/// What a step's programs may take longer than their own limit, for what is around them.
constexpr std::chrono::minutes time_around{2};
constexpr Bytes most_output{most_script_output};
/// libguestfs hands on what it is given in one message of at most 4 MiB.
constexpr std::size_t longest_message = 2U << 20;

/// Pointers to texts that outlive them, as libguestfs takes a list.
std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (const std::string& text : texts)
        pointers.push_back(const_cast<char*>(text.c_str()));  // NOLINT: they are only read
    pointers.push_back(nullptr);
    return pointers;
}

}  // namespace

MountedSystem::MountedSystem(const Disk& disk, std::stop_token stop)
    : stop_(std::move(stop)),
      appliance_(disk.use_kvm, time_to_open),
      ends_on_stop_(stop_, [this] { appliance_.end(); }) {
    appliance_.add_served_disk(disk.socket, disk.name);
    appliance_.launch();
    open();
}

Error MountedSystem::failure(const std::string& what) const {
    if (stop_.stop_requested()) return {"Canceled", "", "the build was canceled"};
    return build_failed(appliance_.failure(what).message());
}

void MountedSystem::check(int result, const std::string& what) {
    if (result == -1) throw failure(what);
}

void MountedSystem::open() {
    const std::vector<std::string> roots = take_list(guestfs_inspect_os(appliance_.handle()));
    if (roots.size() != 1) {
        if (appliance_.has_ended()) throw failure("the disk cannot be looked at");
        throw build_failed(roots.empty() ? "no operating system was found on the disk"
                                         : "more than one operating system was found on the disk");
    }
    root_ = roots.front();
    const std::string type = take(guestfs_inspect_get_type(appliance_.handle(), root_.c_str()));
    if (type != "linux") {
        if (appliance_.has_ended()) throw failure("the disk cannot be looked at");
        throw build_failed(
            fmt::format("the system on the disk is {}, and only a Linux can be changed without a "
                        "boot: use provision steps",
                        type.empty() ? "not known" : type));
    }
    const std::vector<std::string> pairs =
        take_list(guestfs_inspect_get_mountpoints(appliance_.handle(), root_.c_str()));
    for (std::size_t i = 0; i + 1 < pairs.size(); i += 2)
        mounts_.emplace_back(pairs[i], pairs[i + 1]);
    if (mounts_.empty()) throw failure("the disk cannot be looked at");
    std::ranges::sort(mounts_);  // a mount point comes after those that it lies in
    mount();
}

void MountedSystem::require_runnable() {
    const std::string architecture =
        take(guestfs_inspect_get_arch(appliance_.handle(), root_.c_str()));
    if (architecture == "x86_64" || architecture == "i386") return;
    if (appliance_.has_ended()) throw failure("the system cannot be looked at");
    throw build_failed(
        fmt::format("programs of {} do not run without a boot of the image: use provision steps, "
                    "which run in an instance",
                    architecture.empty() ? "an unknown architecture" : architecture));
}

std::string MountedSystem::code_name() {
    const auto release = read("/etc/os-release");
    if (!release) return "";
    constexpr std::string_view key = "VERSION_CODENAME=";
    for (const std::string& line : split(*release, '\n')) {
        if (!line.starts_with(key)) continue;
        std::string name = line.substr(key.size());
        std::erase(name, '"');
        return name;
    }
    return "";
}

void MountedSystem::allow(std::chrono::milliseconds time_limit) {
    if (stop_.stop_requested()) throw failure("");
    appliance_.allow(time_limit + time_around);
}

bool MountedSystem::exists(const std::string& path) {
    const int result = guestfs_exists(appliance_.handle(), path.c_str());
    check(result, fmt::format("cannot look for '{}'", path));
    return result == 1;
}

std::optional<std::string> MountedSystem::read(const std::string& path, Bytes limit) {
    const int is_file = guestfs_is_file_opts(appliance_.handle(), path.c_str(),
                                             GUESTFS_IS_FILE_OPTS_FOLLOWSYMLINKS, 1, -1);
    check(is_file, fmt::format("cannot look for '{}'", path));
    if (is_file == 0) return std::nullopt;
    const std::int64_t size = guestfs_filesize(appliance_.handle(), path.c_str());
    if (size < 0) throw failure(fmt::format("cannot read '{}'", path));
    if (static_cast<std::uint64_t>(size) <= limit.value) return read_end(path, limit);
    throw build_failed(
        fmt::format("the system's '{}' is larger than {} KiB", path, limit.value / 1024));
}

/// As much of the file's end as fits.
std::optional<std::string> MountedSystem::read_end(const std::string& path, Bytes limit) {
    const std::int64_t size = guestfs_filesize(appliance_.handle(), path.c_str());
    if (size < 0) return std::nullopt;
    std::string content;
    auto offset = static_cast<std::uint64_t>(size);
    offset -= std::min(offset, limit.value);
    while (offset < static_cast<std::uint64_t>(size)) {
        std::size_t got = 0;
        const std::unique_ptr<char, decltype(&std::free)> piece(
            guestfs_pread(appliance_.handle(), path.c_str(), static_cast<int>(longest_message),
                          static_cast<std::int64_t>(offset), &got),
            &std::free);
        if (!piece) throw failure(fmt::format("cannot read '{}'", path));
        if (got == 0) break;
        content.append(piece.get(), got);
        offset += got;
    }
    return content;
}

std::vector<std::string> MountedSystem::names_in(const std::string& directory) {
    const int is_there = guestfs_is_dir_opts(appliance_.handle(), directory.c_str(),
                                             GUESTFS_IS_DIR_OPTS_FOLLOWSYMLINKS, 1, -1);
    if (is_there != 1) return {};
    char** names = guestfs_ls(appliance_.handle(), directory.c_str());
    if (names == nullptr) throw failure(fmt::format("cannot list '{}'", directory));
    std::vector<std::string> list = take_list(names);
    // Such names are none, but for an appliance that the system has taken over.
    std::erase_if(list,
                  [](const std::string& name) { return name.find('/') != std::string::npos; });
    return list;
}

std::vector<std::string> MountedSystem::files_below(const std::string& directory) {
    const int is_there =
        guestfs_is_dir_opts(appliance_.handle(), directory.c_str(), -1);  // a link is none
    if (is_there != 1) return {};
    char** found = guestfs_find(appliance_.handle(), directory.c_str());
    if (found == nullptr) throw failure(fmt::format("cannot list '{}'", directory));
    std::vector<std::string> files;
    for (const std::string& name : take_list(found)) {
        std::string path = fmt::format("{}/{}", directory, name);
        if (guestfs_is_file_opts(appliance_.handle(), path.c_str(), -1) == 1)
            files.push_back(std::move(path));
    }
    return files;
}

std::vector<std::string> MountedSystem::matching(const std::string& pattern) {
    char** found = guestfs_glob_expand_opts(appliance_.handle(), pattern.c_str(),
                                            GUESTFS_GLOB_EXPAND_OPTS_DIRECTORYSLASH, 0, -1);
    if (found == nullptr) throw failure(fmt::format("cannot look for '{}'", pattern));
    return take_list(found);
}

void MountedSystem::make_directory(const std::string& path) {
    check(guestfs_mkdir_p(appliance_.handle(), path.c_str()),
          fmt::format("cannot make the directory '{}'", path));
}

void MountedSystem::write(const std::string& path, const std::string& content, std::uint32_t mode) {
    const std::string what = fmt::format("cannot write '{}'", path);
    check(guestfs_rm_f(appliance_.handle(), path.c_str()), what);
    make_empty(path);
    set_mode(path, mode);  // before anything is in it that not everybody may read
    for (std::size_t at = 0; at < content.size(); at += longest_message) {
        const std::size_t size = std::min(longest_message, content.size() - at);
        check(guestfs_write_append(appliance_.handle(), path.c_str(), content.data() + at, size),
              what);
    }
}

void MountedSystem::upload(const std::filesystem::path& from, const std::string& path) {
    check(guestfs_upload(appliance_.handle(), from.c_str(), path.c_str()),
          fmt::format("cannot write '{}'", path));
}

void MountedSystem::set_mode(const std::string& path, std::uint32_t mode) {
    check(guestfs_chmod(appliance_.handle(), static_cast<int>(mode), path.c_str()),
          fmt::format("cannot set the mode of '{}'", path));
}

void MountedSystem::set_owner(const std::string& path, std::uint32_t user, std::uint32_t group) {
    check(guestfs_chown(appliance_.handle(), static_cast<int>(user), static_cast<int>(group),
                        path.c_str()),
          fmt::format("cannot set the owner of '{}'", path));
}

void MountedSystem::rewrite(const std::string& path, const std::string& content) {
    check(guestfs_write(appliance_.handle(), path.c_str(), content.data(), content.size()),
          fmt::format("cannot write '{}'", path));
}

void MountedSystem::make_empty(const std::string& path) {
    rewrite(path, "");
}

void MountedSystem::remove(const std::string& path) {
    check(guestfs_rm_rf(appliance_.handle(), path.c_str()),
          fmt::format("cannot remove '{}'", path));
}

std::string MountedSystem::command(const std::vector<std::string>& arguments) {
    std::vector<char*> pointers = pointers_to(arguments);
    char* said = guestfs_command(appliance_.handle(), pointers.data());
    if (said == nullptr) throw failure(fmt::format("'{}' failed", arguments.at(0)));
    return take(said);
}

std::string MountedSystem::make_work_directory() {
    if (!exists("/tmp")) {
        make_directory("/tmp");
        set_mode("/tmp", 01777);
    }
    std::string directory = take(guestfs_mkdtemp(appliance_.handle(), "/tmp/kiln-XXXXXX"));
    if (directory.empty()) throw failure("cannot make a directory below /tmp");
    return directory;
}

ScriptResult MountedSystem::run(const Script& script) {
    allow(script.time_limit);
    const std::string directory = make_work_directory();
    write(directory + "/script", script.text, 0700);
    const std::string call = script_call({.directory = directory,
                                          .interpreter = script.interpreter,
                                          .environment = script.environment,
                                          .time_limit = script.time_limit});
    char* said = guestfs_sh(appliance_.handle(), (call + ending_leftovers()).c_str());
    if (said == nullptr) throw failure("the system cannot run a script");
    std::free(said);
    const std::string status = read_end(directory + "/status", most_output).value_or("");
    ScriptResult result{.output = read_end(directory + "/output", most_output).value_or("")};
    const auto [end, problem] =
        std::from_chars(status.data(), status.data() + status.size(), result.exit_status);
    remove(directory);
    if (problem == std::errc{}) return result;
    throw build_failed("a script's exit status could not be noted: is the disk full?");
}

void MountedSystem::unmount() {
    check(guestfs_umount_all(appliance_.handle()), "cannot unmount the file systems");
    check(guestfs_sync(appliance_.handle()), "cannot write what was changed");
}

void MountedSystem::mount() {
    for (const auto& [place, device] : mounts_) {
        const int result = guestfs_mount(appliance_.handle(), device.c_str(), place.c_str());
        // What is not there (a disk of another machine) is no reason to leave the rest as it is.
        if (place == "/") check(result, "cannot mount the root file system");
    }
}

void MountedSystem::trim() {
    for (const std::string& place : take_list(guestfs_mountpoints(appliance_.handle()))) {
        // Of file systems that cannot say, nothing is freed.
        if (place.starts_with('/') && !place.starts_with("/dev/"))
            guestfs_fstrim(appliance_.handle(), place.c_str(), -1);
    }
}

void MountedSystem::close() {
    unmount();
    check(appliance_.shutdown(), "the appliance did not end well");
}

}  // namespace kiln::builder
