#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace kiln {

/// Keeps small secrets where others may read, with a key that they do not have: AES-256-GCM. Any
/// thread.
class SecretBox {
  public:
    /// The key is in the file; made (mode 0600) when there is none. Throws
    /// Error{InvalidConfiguration} when the file holds something else: what was sealed with its key
    /// could not be had again.
    explicit SecretBox(const std::filesystem::path& key_file);

    /// As text. `label` says what it is for: nobody opens it as something else.
    std::string seal(std::string_view secret, std::string_view label) const;
    /// Throws Error{InternalError} for what was not sealed with this key and label.
    std::string open(const std::string& sealed, std::string_view label) const;

  private:
    std::string key_;
};

}  // namespace kiln
