#include "images/bundles/frame.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <zstd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"

namespace kiln::images {

namespace {

constexpr int compression_level = 3;

struct FreeCompressor {
    void operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
};

std::size_t check(std::size_t result) {
    if (ZSTD_isError(result) == 0) return result;
    throw Error(error_code::internal_error, "",
                fmt::format("cannot compress: {}", ZSTD_getErrorName(result)));
}

}  // namespace

const Bytes max_compressed_frame_size{ZSTD_COMPRESSBOUND(frame_size.value)};

std::uint64_t count_frames(Bytes file_size) {
    return file_size.value / frame_size.value + (file_size.value % frame_size.value != 0 ? 1 : 0);
}

Bytes size_of_frame(Bytes file_size, std::uint64_t index) {
    const std::uint64_t begin = std::min(file_size.value, index * frame_size.value);
    return {std::min(frame_size.value, file_size.value - begin)};
}

std::string compress_frame(std::string_view bytes) {
    const std::unique_ptr<ZSTD_CCtx, FreeCompressor> context(ZSTD_createCCtx());
    if (!context) throw Error(error_code::internal_error, "", "cannot compress: out of memory");
    check(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, compression_level));
    check(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1));
    std::string frame(ZSTD_compressBound(bytes.size()), '\0');
    frame.resize(check(
        ZSTD_compress2(context.get(), frame.data(), frame.size(), bytes.data(), bytes.size())));
    return frame;
}

std::optional<std::string> decompress_frame(std::string_view frame, Bytes size) {
    std::string bytes(size.value, '\0');
    const std::size_t got = ZSTD_decompress(bytes.data(), bytes.size(), frame.data(), frame.size());
    if (ZSTD_isError(got) != 0 || got != size.value) return std::nullopt;
    return bytes;
}

FrameReader::FrameReader(std::filesystem::path file)
    : path_(std::move(file)), file_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
    struct stat status {};
    if (!file_ || ::fstat(file_.get(), &status) != 0) {
        throw system_error(fmt::format("open '{}'", path_.string()));
    }
    size_.value = static_cast<std::uint64_t>(status.st_size);
}

std::optional<std::string> FrameReader::next() {
    if (position_ == size_) return std::nullopt;
    std::string bytes(std::min(frame_size.value, size_.value - position_.value), '\0');
    if (read_at(file_, path_, position_, bytes) != bytes.size()) {
        throw Error(error_code::internal_error, path_.string(),
                    fmt::format("'{}' became shorter while it was read", path_.string()));
    }
    digest_.update(bytes);
    position_.value += bytes.size();
    return bytes;
}

}  // namespace kiln::images
