#include "images/layers/file_transfer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/rollback.hpp"
#include "images/layers/sparse_copy.hpp"

namespace kiln::images {

namespace {

/// false when the places are on two file systems.
bool link_file(const std::filesystem::path& from, const std::filesystem::path& to) {
    if (::link(from.c_str(), to.c_str()) == 0) return true;
    if (errno == EXDEV || errno == EPERM || errno == EMLINK) return false;
    throw system_error(fmt::format("link '{}' to '{}'", to.string(), from.string()));
}

}  // namespace

Transfer transfer_file(const std::filesystem::path& from, const std::filesystem::path& to,
                       const TransferProgress& progress, const std::stop_token& stop) {
    const OpenFile source = open_file(from, O_RDONLY);
    Rollback rollback;
    {
        const OpenFile target = open_file(to, O_RDWR | O_CREAT | O_EXCL);
        rollback.add([&] { remove_file(to); });
        if (share_blocks(source, target)) {
            sync_file(to);
            rollback.commit();
            return Transfer::reflinked;
        }
    }
    remove_file(to);
    if (link_file(from, to)) {
        rollback.commit();
        return Transfer::linked;
    }
    const OpenFile target = open_file(to, O_RDWR | O_CREAT | O_EXCL);
    copy_data(source, target, progress, stop);
    sync_file(target.fd, to);
    rollback.commit();
    return Transfer::copied;
}

}  // namespace kiln::images
