#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/units.hpp"
#include "builder/export/byte_sink.hpp"

namespace kiln::builder {

/// Told after each piece; in the thread that reads.
using ReadProgress = std::function<void(Bytes done, Bytes size)>;

/// Hands on all of a file that nobody changes, in pieces of 1 MiB. Throws Error{Canceled} after a
/// stop, and what the sink throws.
void read_pieces(const std::filesystem::path& file, const ByteSink& sink,
                 const ReadProgress& progress, const std::stop_token& stop);

/// The SHA-256 of a file, as 64 hexadecimal digits.
std::string digest_of(const std::filesystem::path& file, const ReadProgress& progress,
                      const std::stop_token& stop);

}  // namespace kiln::builder
