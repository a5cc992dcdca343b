#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "images/bundles/object_store.hpp"

namespace kiln::images {

/// Keeps objects as files <root>/<bucket>/<key>, mode 0600 in directories of mode 0700. A bucket
/// goes with its last object. One process at a time may write.
///
/// Symbolic links below the root are never followed: they are no objects, and no directories of
/// any. A key is a path here, so beyond S3's rules it has no empty, "." or ".." segment, at most 64
/// segments of at most 255 bytes, and "a" and "a/b" cannot both be objects.
class DirectoryObjectStore final : public ObjectStore {
  public:
    /// Makes the directory when it is missing.
    explicit DirectoryObjectStore(std::filesystem::path root);

    void check(const ObjectName& name) const override;
    std::unique_ptr<ObjectWriter> put(const ObjectName& name) override;
    std::string get(const ObjectName& name, const Range& range) const override;
    Bytes size(const ObjectName& name) const override;
    /// Throws Error{InvalidParameterValue} when more than 100,000 objects match.
    std::vector<Listed> list(const ObjectPrefix& prefix) const override;
    void remove(const ObjectName& name) override;

    /// Removes what writers of a process that ended left behind. Call it before any put().
    void remove_unfinished();

  private:
    class Writer;

    Fd open_root() const;
    Fd open_bucket(const std::string& bucket) const;
    Fd open_object(const ObjectName& name) const;
    std::filesystem::path path_of(const ObjectName& name) const;
    /// Moves a finished file to the object's name, and makes the directories for it.
    void publish(const std::string& unfinished, const ObjectName& name);

    std::filesystem::path root_;
    std::mutex names_;  // held while directories are made or removed, so that none vanishes in use
};

}  // namespace kiln::images
