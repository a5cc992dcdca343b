#include "builder/remove_tree.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <optional>

#include "base/fd.hpp"
#include "base/log.hpp"
#include "base/units.hpp"

namespace kiln::builder {

namespace {

namespace fs = std::filesystem;

constexpr int max_attempts = 5;
constexpr Bytes piece = Bytes::mebibytes(64);

/// Says when a removal is to end although there is more.
class Limit {
  public:
    Limit(const std::stop_token& stop, std::chrono::milliseconds grace)
        : stop_(stop), grace_(grace) {}

    bool is_over() {
        if (!stop_.stop_requested()) return false;
        const auto now = std::chrono::steady_clock::now();
        if (!end_) end_ = now + grace_;
        return now >= *end_;
    }

  private:
    const std::stop_token& stop_;
    std::chrono::milliseconds grace_;
    std::optional<std::chrono::steady_clock::time_point> end_;
};

/// Gives a large file's blocks back piece by piece: an unlink cannot be interrupted.
void shrink(const fs::path& file, Limit& limit) {
    const Fd fd(::open(file.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!fd) return;  // a read-only one goes whole
    std::uint64_t size = fs::file_size(file);
    while (size > piece.value && !limit.is_over()) {
        size -= piece.value;
        if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) return;
    }
}

void remove_all(const fs::path& path, Limit& limit) {
    if (limit.is_over()) return;
    const fs::file_status status = fs::symlink_status(path);
    if (fs::is_directory(status)) {
        for (const auto& entry : fs::directory_iterator(path))
            remove_all(entry.path(), limit);
    } else if (fs::is_regular_file(status)) {
        shrink(path, limit);
    }
    if (!limit.is_over()) fs::remove(path);
}

}  // namespace

/// Again when it fails: what a killed program was just writing appears while its tree goes.
void remove_tree(const fs::path& directory, const std::stop_token& stop,
                 std::chrono::milliseconds grace) noexcept {
    std::string failure;
    Limit limit(stop, grace);
    for (int attempt = 0; attempt < max_attempts; ++attempt) {
        try {
            return remove_all(directory, limit);
        } catch (const fs::filesystem_error& error) {
            failure = error.what();
        }
    }
    log::error("cannot remove '{}': {}", directory.string(), failure);
}

}  // namespace kiln::builder
