#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "base/rollback.hpp"
#include "base/sha256.hpp"
#include "base/units.hpp"

namespace kiln::images {

/// A new file (mode 0600) that is written from its beginning to its end; blocks of 4 KiB that are
/// all zeros become holes. Destroyed before finish() has returned, the file is removed. One thread.
class SparseFile {
  public:
    /// Throws Error{InternalError} when something has that name already, also a symbolic link.
    explicit SparseFile(std::filesystem::path path);

    void write(std::string_view bytes);
    Bytes size() const { return size_; }
    /// The SHA-256 of what was written so far, holes as zeros.
    std::string digest() const { return digest_.hex(); }
    /// Makes the file and its name durable.
    void finish();

  private:
    std::filesystem::path path_;
    Fd file_;
    Bytes size_;
    Sha256 digest_;
    Rollback undo_;
};

}  // namespace kiln::images
