#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/ids.hpp"

namespace kiln::launcher {

/// Tokens of IMDSv2. They carry what they are good for under a code that needs the key to compute,
/// so nothing is kept of them, and those that guests hold are good after a restart. Any thread.
class MetadataTokens {
  public:
    /// Reads the key from the file, or makes it and writes it there, for its owner alone.
    explicit MetadataTokens(const std::filesystem::path& key_file);

    std::string issue(const InstanceId& instance, std::chrono::seconds time_to_live,
                      Time now) const;
    /// Whether it was issued for that instance and its time is not up.
    bool is_good(std::string_view token, const InstanceId& instance, Time now) const;

  private:
    std::string code_of(std::string_view expiry, const InstanceId& instance) const;

    std::string key_;
};

}  // namespace kiln::launcher
