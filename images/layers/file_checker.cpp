#include "images/layers/file_checker.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"

namespace kiln::images {

namespace {

/// How far the writer may be ahead: what is read back is still in memory.
constexpr std::size_t max_unchecked_pieces = 256;

}  // namespace

std::uint64_t digest_of(std::string_view bytes) {
    return XXH3_64bits(bytes.data(), bytes.size());
}

FileChecker::FileChecker(const Fd& file, std::filesystem::path path)
    : file_(file), path_(std::move(path)), thread_([this] { run(); }) {}

FileChecker::~FileChecker() {
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void FileChecker::add(const Piece& piece) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return pieces_.size() < max_unchecked_pieces || failure_; });
    if (failure_) std::rethrow_exception(failure_);
    pieces_.push_back(piece);
    changed_.notify_all();
}

void FileChecker::finish() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return (pieces_.empty() && !busy_) || failure_; });
    if (failure_) std::rethrow_exception(failure_);
}

std::optional<Piece> FileChecker::take() {
    std::unique_lock lock(mutex_);
    busy_ = false;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !pieces_.empty() || closed_; });
    if (closed_) return std::nullopt;
    const Piece piece = pieces_.front();
    pieces_.pop_front();
    busy_ = true;
    return piece;
}

void FileChecker::run() {
    try {
        PieceBuffer buffer;
        while (const auto piece = take())
            check(*piece, buffer);
    } catch (...) {
        const std::lock_guard lock(mutex_);
        failure_ = std::current_exception();
        changed_.notify_all();
    }
}

void FileChecker::check(const Piece& piece, PieceBuffer& buffer) const {
    const std::span<char> wanted = buffer.first(piece.size);
    const std::size_t size = read_at(file_, path_, piece.begin, wanted);
    if (size == piece.size && digest_of({wanted.data(), size}) == piece.digest) return;
    throw Error(error_code::internal_error, path_.string(),
                fmt::format("'{}' does not hold at byte {} what was written to it: look at the "
                            "disk, and copy again",
                            path_.string(), piece.begin.value));
}

}  // namespace kiln::images
