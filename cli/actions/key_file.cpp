#include "cli/actions/key_file.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cctype>

#include "base/error.hpp"
#include "base/file.hpp"
#include "cli/user_directories.hpp"

namespace kiln::cli {

std::filesystem::path key_file_of(const std::string& key_name) {
    std::string file;
    for (const char c : key_name) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '@' ||
                           (c == '.' && !file.empty()) || byte >= 0x80;
        file += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
    }
    return user_config_directory() / "keys" / (file + ".pem");
}

void check_no_key_file(const std::string& key_name) {
    const std::filesystem::path path = key_file_of(key_name);
    if (!std::filesystem::exists(path)) return;
    throw Error("KeyFileExists", key_name,
                fmt::format("'{}' holds the private key of an earlier key pair '{}': move it away "
                            "or remove it, or keep the new key yourself with --no-save",
                            path.string(), key_name));
}

std::filesystem::path save_key(const std::string& key_name, const std::string& private_key) {
    constexpr int only_owner = 0600;
    std::filesystem::path path = key_file_of(key_name);
    make_private_directory(path.parent_path());
    write_file_atomically(path, private_key, only_owner);
    return path;
}

}  // namespace kiln::cli
