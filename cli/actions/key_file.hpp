#pragma once

#include <filesystem>
#include <string>

namespace kiln::cli {

/// Where `create-key-pair` keeps the private key of a key pair: ~/.config/kiln/keys/NAME.pem
/// (XDG_CONFIG_HOME counts). Characters that would lead elsewhere become %XX.
std::filesystem::path key_file_of(const std::string& key_name);

/// Throws Error{KeyFileExists} when there is such a file: a new key must not replace it.
void check_no_key_file(const std::string& key_name);

/// Saves the private key with mode 0600; returns where.
std::filesystem::path save_key(const std::string& key_name, const std::string& private_key);

}  // namespace kiln::cli
