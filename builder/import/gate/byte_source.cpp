#include "builder/import/gate/byte_source.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/error.hpp"
#include "builder/import/gate/refusal.hpp"

namespace kiln::builder::gate {

namespace {

const char* kind_of(mode_t mode) {
    if (S_ISDIR(mode)) return "a directory";
    if (S_ISFIFO(mode)) return "a FIFO";
    if (S_ISSOCK(mode)) return "a socket";
    if (S_ISBLK(mode) || S_ISCHR(mode)) return "a device";
    return "no regular file";
}

std::uint64_t size_of_regular_file(int fd) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) throw system_error("look at the imported file");
    if (!S_ISREG(status.st_mode)) {
        refuse("not a file", std::string("it is ") + kind_of(status.st_mode) +
                                 "; copy what it holds into a file, and import that");
    }
    return static_cast<std::uint64_t>(status.st_size);
}

}  // namespace

void ByteSource::read(std::uint64_t offset, std::span<char> to) const {
    const std::uint64_t left = offset < size_ ? size_ - offset : 0;
    const auto inside = static_cast<std::size_t>(std::min<std::uint64_t>(left, to.size()));
    if (inside > 0) read_inside(offset, to.first(inside));
    std::ranges::fill(to.subspan(inside), '\0');
}

FileBytes::FileBytes(int fd) : ByteSource(size_of_regular_file(fd)), fd_(fd) {}

void FileBytes::read_inside(std::uint64_t offset, std::span<char> to) const {
    while (!to.empty()) {
        const ssize_t count = ::pread(fd_, to.data(), to.size(), static_cast<off_t>(offset));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) throw system_error("read the imported file");
        if (count == 0) refuse("not a file at rest", "it became shorter while it was looked at");
        offset += static_cast<std::uint64_t>(count);
        to = to.subspan(static_cast<std::size_t>(count));
    }
}

}  // namespace kiln::builder::gate
