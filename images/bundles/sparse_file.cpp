#include "images/bundles/sparse_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"

namespace kiln::images {

namespace {

constexpr mode_t file_mode = 0600;
constexpr std::uint64_t block_size = 4096;

bool is_zero(std::string_view bytes) {
    // The first byte is zero, and each is like the one before it: memcmp does it at memory's speed.
    return bytes.empty() ||
           (bytes.front() == '\0' && bytes.substr(1) == bytes.substr(0, bytes.size() - 1));
}

/// How much of `bytes`, which go to `offset`, lies in one block.
std::size_t length_in_block(std::string_view bytes, Bytes offset) {
    return std::min<std::uint64_t>(bytes.size(), block_size - offset.value % block_size);
}

/// How many of the first bytes are in blocks that are all zeros, or that all are not.
std::size_t length_of_run(std::string_view bytes, Bytes offset, bool of_zeros) {
    std::size_t length = 0;
    while (length < bytes.size()) {
        const std::string_view rest = bytes.substr(length);
        const std::size_t block = length_in_block(rest, offset + Bytes{length});
        if (is_zero(rest.substr(0, block)) != of_zeros) break;
        length += block;
    }
    return length;
}

}  // namespace

SparseFile::SparseFile(std::filesystem::path path)
    : path_(std::move(path)),
      file_(
          ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, file_mode)) {
    if (!file_) throw system_error(fmt::format("make '{}'", path_.string()));
    undo_.add([this] { remove_file(path_); });
}

void SparseFile::write(std::string_view bytes) {
    digest_.update(bytes);
    bool zeros = false;
    while (!bytes.empty()) {
        const std::size_t length = length_of_run(bytes, size_, zeros);
        if (!zeros) write_at(file_, path_, size_, bytes.substr(0, length));
        size_ = size_ + Bytes{length};
        bytes.remove_prefix(length);
        zeros = !zeros;
    }
}

void SparseFile::finish() {
    // A hole at the end is only made by this.
    if (::ftruncate(file_.get(), static_cast<off_t>(size_.value)) != 0) {
        throw system_error(fmt::format("set the size of '{}'", path_.string()));
    }
    sync_file(file_, path_);
    sync_directory(std::filesystem::absolute(path_).parent_path());
    undo_.commit();
}

}  // namespace kiln::images
