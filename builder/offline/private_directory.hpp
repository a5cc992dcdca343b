#pragma once

#include <filesystem>

namespace kiln::builder {

/// A new directory that nobody else may look into (mode 0700), removed with all that is in it. One
/// thread.
class PrivateDirectory {
  public:
    /// Below `parent`, which is made when it is missing. Its name is short: paths of sockets must
    /// be. Throws Error{InternalError}.
    explicit PrivateDirectory(const std::filesystem::path& parent);
    ~PrivateDirectory();
    PrivateDirectory(const PrivateDirectory&) = delete;
    PrivateDirectory& operator=(const PrivateDirectory&) = delete;

    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

}  // namespace kiln::builder
