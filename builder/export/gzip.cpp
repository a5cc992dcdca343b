#include "builder/export/gzip.hpp"

#define ZLIB_CONST  // its input is not written to
#include <zlib.h>

#include "base/error.hpp"

namespace kiln::builder {

namespace {

constexpr std::size_t buffer_size = std::size_t{256} << 10U;
constexpr std::size_t largest_piece = std::size_t{1} << 30U;  // zlib counts in 32 bits

}  // namespace

GzipWriter::GzipWriter(ByteSink sink)
    : sink_(std::move(sink)), stream_(std::make_unique<z_stream_s>()), buffer_(buffer_size, '\0') {
    constexpr int window_bits = 15;
    constexpr int with_gzip_header = 16;
    constexpr int memory_level = 8;
    const int result =
        deflateInit2(stream_.get(), Z_DEFAULT_COMPRESSION, Z_DEFLATED,
                     window_bits + with_gzip_header, memory_level, Z_DEFAULT_STRATEGY);
    if (result != Z_OK)
        throw Error(error_code::internal_error, "", "zlib has no memory to compress with");
}

GzipWriter::~GzipWriter() {
    deflateEnd(stream_.get());
}

void GzipWriter::write(std::string_view bytes) {
    while (!bytes.empty()) {
        const std::string_view piece = bytes.substr(0, largest_piece);
        stream_->next_in = reinterpret_cast<const Bytef*>(piece.data());
        stream_->avail_in = static_cast<uInt>(piece.size());
        deflate_all(Z_NO_FLUSH);
        bytes.remove_prefix(piece.size());
    }
}

void GzipWriter::finish() {
    stream_->next_in = nullptr;
    stream_->avail_in = 0;
    deflate_all(Z_FINISH);
}

void GzipWriter::deflate_all(int flush) {
    do {
        stream_->next_out = reinterpret_cast<Bytef*>(buffer_.data());
        stream_->avail_out = static_cast<uInt>(buffer_.size());
        if (deflate(stream_.get(), flush) == Z_STREAM_ERROR)
            throw Error(error_code::internal_error, "", "zlib lost its state");
        const std::size_t size = buffer_.size() - stream_->avail_out;
        if (size > 0) sink_(std::string_view(buffer_).substr(0, size));
    } while (stream_->avail_out == 0);
}

}  // namespace kiln::builder
