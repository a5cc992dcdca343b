#pragma once

#include <filesystem>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/units.hpp"
#include "images/accounts/caller.hpp"
#include "images/catalog/upload.hpp"

namespace kiln::launcher {
class Regions;
struct Region;
}  // namespace kiln::launcher

namespace kiln::builder {

/// Files that clients send to be imported: <pool>/imports/upload-…, the service's own. One that
/// nobody has imported after a day goes. Any thread.
class Uploads {
  public:
    struct Dependencies {
        Database& database;
        const launcher::Regions& regions;
        const Clock& clock;
        Bytes free_space_reserve;
    };
    explicit Uploads(Dependencies dependencies) : dependencies_(dependencies) {}

    /// Begins one. Throws Error{InvalidParameterValue} for a size that no disk has, and when there
    /// is no room for it.
    images::Upload create(const images::Caller& caller, Bytes size);
    /// Adds bytes at the end of what is there, which is at `offset`; returns how much is there
    /// then. Throws Error{InvalidUploadId.NotFound}, and Error{IncorrectOffset} which tells where
    /// to go on. Pieces of one upload come one after the other.
    Bytes append(const images::Caller& caller, const images::UploadId& id, Bytes offset,
                 std::string_view bytes);
    /// How much of it is there.
    Bytes received(const images::Upload& upload) const;
    /// Throws Error{InvalidUploadId.NotFound}.
    void remove(const images::Caller& caller, const images::UploadId& id);

    /// Throws Error{IncompleteUpload} when bytes of it are missing.
    void check_complete(const images::Upload& upload) const;
    /// Moves the file of an upload whose row is gone to `file`, of the same pool. One that was
    /// moved already is no error.
    void take(const launcher::Region& region, const images::UploadId& id,
              const std::filesystem::path& file);

    /// Removes those that are older than a day, and files that have no row, but for those that are
    /// yet to be taken.
    void clean(const launcher::Region& region, const std::set<images::UploadId>& to_be_taken);

  private:
    void check_room(const std::string& region, Bytes size) const;
    std::filesystem::path path_of(const images::Upload& upload) const;

    Dependencies dependencies_;
    mutable std::shared_mutex taking_;  // shared by those who add to files
};

/// No file that is imported is larger: EC2's largest volume.
inline constexpr Bytes largest_imported_file = Bytes::gibibytes(16ULL << 10U);
/// Makes the directory when it is missing, so that the confined reader can pass.
void make_passable_directory(const std::filesystem::path& directory);
/// Where a region's imports work: <pool>/imports, which is there from its first import on.
std::filesystem::path imports_directory(const launcher::Region& region);
std::vector<std::filesystem::directory_entry> entries_of_imports(const launcher::Region& region);

}  // namespace kiln::builder
