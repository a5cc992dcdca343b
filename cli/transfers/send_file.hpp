#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "cli/service/service.hpp"

namespace kiln::cli {

/// A file of the user's that the service has all of now.
struct SentFile {
    std::string upload_id;
    std::string sha256;
};

/// Sends a file piece by piece, to be imported. A service that starts anew in between is sent the
/// rest. nullopt after ^C; nothing of the file is left there then, nor after an error. Throws Error
/// for what is no regular file, changes meanwhile, or cannot be read.
std::optional<SentFile> send_file(
    Service& service, const std::filesystem::path& path,
    const std::function<void(std::uint64_t sent, std::uint64_t size)>& on_progress);

}  // namespace kiln::cli
