#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "base/units.hpp"

namespace kiln::cli {

/// Bytes of what is fetched, from an offset on, at most so many: none only at its end. Throws
/// Error.
using ByteSource = std::function<std::string(std::uint64_t offset, std::uint64_t size)>;

/// A file that is fetched piece by piece into FILE.part, which a later run goes on with:
/// FILE.part.task says what it is the beginning of.
struct Download {
    std::filesystem::path file;
    std::string task;  // whose file it is: the parts of two never mix
    Bytes size;
    std::string sha256;  // of the whole
    bool overwrites = false;
    /// Blocks of zeros become holes, so that nobody knows before how much it takes.
    bool has_holes = false;
};

/// Throws Error{FileExists} when FILE or FILE.sha256 is there.
void check_no_file(const std::filesystem::path& file);
/// Throws Error{InternalError} when no file can be made where FILE is to be.
void check_directory(const std::filesystem::path& file);
/// Remembers that FILE.part is to be of that task; one of another task goes.
void begin_part(const std::filesystem::path& file, const std::string& task);
/// Of which task FILE.part is, or is to be.
std::optional<std::string> begun_task(const std::filesystem::path& file);
/// How much there is of it.
Bytes size_of_part(const std::filesystem::path& file);

using FetchProgress = std::function<void(Bytes done)>;

/// Fetches what FILE.part lacks, compares the SHA-256 of all of it, and gives it its name, with
/// FILE.sha256 beside it as sha256sum reads it. Asks `is_interrupted` before each piece: returns
/// false then, and FILE.part stays, as it does after an Error: Error{DiskFull} says how much room
/// is missing. Error{ChecksumMismatch}: FILE.part is gone, since nobody knows what is wrong in it.
bool fetch(const Download& download, const ByteSource& source, const FetchProgress& progress,
           const std::function<bool()>& is_interrupted);

}  // namespace kiln::cli
