#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "builder/export/byte_sink.hpp"

struct z_stream_s;

namespace kiln::builder {

/// Compresses what is written to it (RFC 1952). One thread.
class GzipWriter {
  public:
    explicit GzipWriter(ByteSink sink);
    ~GzipWriter();
    GzipWriter(const GzipWriter&) = delete;
    GzipWriter& operator=(const GzipWriter&) = delete;

    void write(std::string_view bytes);
    void finish();

  private:
    void deflate_all(int flush);

    ByteSink sink_;
    std::unique_ptr<z_stream_s> stream_;
    std::string buffer_;
};

}  // namespace kiln::builder
