#include "hypervisor/libvirt/process_users.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/error.hpp"
#include "base/file_readers.hpp"
#include "base/log.hpp"

namespace kiln::hypervisor {

namespace {

constexpr const char* keys_directory = "/var/lib/libvirt/qemu";
/// The agents' sockets, which QEMU gets open; whoever shares QEMU's group could connect.
constexpr const char* channels_directory = "/var/lib/libvirt/qemu/channel";
/// libvirt sets its mode at each start, which leaves an access control list as it is.
constexpr const char* tpms_directory = "/run/libvirt/qemu/swtpm";
constexpr mode_t all_bits = 07777;

/// Nothing when there is no such file.
void change_mode(const char* path, mode_t added, mode_t removed) {
    struct stat status {};
    if (::stat(path, &status) != 0) return;
    const mode_t mode = ((status.st_mode & all_bits) | added) & ~removed;
    if (mode == (status.st_mode & all_bits)) return;
    if (::chmod(path, mode) != 0) {
        throw system_error(
            fmt::format("set the mode of '{0}', which QEMU of another user needs: chmod {1:o} {0}, "
                        "or set guest_uids to none",
                        path, mode));
    }
    log::info("the mode of {} is {:o} now: QEMU runs as a user of each account", path, mode);
}

}  // namespace

void let_users_pass_to_keys() {
    change_mode(channels_directory, 0, S_IRWXO);
    change_mode(keys_directory, S_IXOTH, 0);
}

void let_user_pass_to_tpms(uid_t user) {
    // The group's rights, too, are in the list, where libvirt does not set them any more.
    std::error_code failure;
    if (std::filesystem::create_directories(tpms_directory, failure))
        change_mode(tpms_directory, S_IRWXG, 0);
    if (failure) {
        throw Error(error_code::internal_error, "",
                    fmt::format("make '{}': {}", tpms_directory, failure.message()));
    }
    let_pass(tpms_directory, user);
}

}  // namespace kiln::hypervisor
