#include "cli/export/download.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/sha256.hpp"
#include "base/text.hpp"

namespace kiln::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t piece_size = Bytes::mebibytes(1).value;
constexpr std::size_t block_size = 4096;
constexpr mode_t usual_mode = 0666;  // less what the user's umask takes
constexpr int readable_by_all = 0644;

fs::path part_of(const fs::path& file) {
    return file.string() + ".part";
}

fs::path task_file_of(const fs::path& file) {
    return part_of(file).string() + ".task";
}

fs::path digest_file_of(const fs::path& file) {
    return file.string() + ".sha256";
}

fs::path directory_of(const fs::path& file) {
    return file.has_parent_path() ? file.parent_path() : fs::path(".");
}

/// FILE.part, open, with the digest of what is there.
class Part {
  public:
    explicit Part(const Download& download)
        : download_(download),
          path_(part_of(download.file)),
          fd_(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, usual_mode)) {
        if (!fd_) throw system_error(fmt::format("open '{}'", path_.string()));
        if (size_of_part(download.file) > download.size) set_size({});
        read_what_is_there();
        check_space();
    }

    Bytes size() const { return size_; }
    std::string digest() const { return digest_.hex(); }

    /// In the order of the file, so that it is a beginning of the whole whenever this is cut off.
    void append(std::string_view bytes) {
        digest_.update(bytes);
        std::string_view rest = bytes;
        Bytes at = size_;
        while (!rest.empty()) {
            const std::string_view block = rest.substr(0, block_size);
            const bool is_hole = block.find_first_not_of('\0') == std::string_view::npos;
            if (!is_hole || !download_.has_holes) write_block(at, block);
            at = at + Bytes{block.size()};
            rest.remove_prefix(block.size());
        }
        size_ = at;
        if (download_.has_holes) set_size(size_);
    }
    void sync() { sync_file(fd_, path_); }

  private:
    void read_what_is_there() {
        std::vector<char> buffer(piece_size);
        while (const std::size_t got = read_at(fd_, path_, size_, buffer)) {
            digest_.update({buffer.data(), got});
            size_ = size_ + Bytes{got};
        }
    }

    void check_space() const {
        if (download_.has_holes) return;
        const Bytes free = free_space(directory_of(download_.file));
        const Bytes missing{download_.size.value - size_.value};
        if (free < missing) throw disk_full(Bytes{missing.value - free.value});
    }

    Error disk_full(Bytes missing) const {
        return {"DiskFull", path_.string(),
                fmt::format("there is no room for '{}': {} MiB are missing. Make room and run the "
                            "same command again: it goes on with what is in '{}'",
                            download_.file.string(), missing.in_mebibytes() + 1, path_.string())};
    }

    void set_size(Bytes size) {
        if (::ftruncate(fd_.get(), static_cast<off_t>(size.value)) != 0)
            throw system_error(fmt::format("set the size of '{}'", path_.string()));
    }

    void write_block(Bytes at, std::string_view block) {
        while (!block.empty()) {
            const ssize_t written =
                ::pwrite(fd_.get(), block.data(), block.size(), static_cast<off_t>(at.value));
            if (written < 0 && errno == EINTR) continue;
            if (written < 0 && (errno == ENOSPC || errno == EDQUOT))
                throw disk_full(Bytes{download_.size.value - at.value});
            if (written < 0) throw system_error(fmt::format("write '{}'", path_.string()));
            at = at + Bytes{static_cast<std::uint64_t>(written)};
            block.remove_prefix(static_cast<std::size_t>(written));
        }
    }

    const Download& download_;
    fs::path path_;
    Fd fd_;
    Bytes size_;
    Sha256 digest_;
};

void check_digest(const Download& download, const std::string& found) {
    if (found == download.sha256) return;
    remove_file(part_of(download.file));
    remove_file(task_file_of(download.file));
    throw Error("ChecksumMismatch", download.file.string(),
                fmt::format("what was fetched has the SHA-256 {}, and not {} as the service has "
                            "it: '{}' was removed; run the same command again",
                            found, download.sha256, part_of(download.file).string()));
}

Error file_exists(const fs::path& file) {
    return {"FileExists", file.string(),
            fmt::format("'{}' is there already: choose another --output, or --force overwrites it",
                        file.string())};
}

/// Nothing that appeared meanwhile is overwritten either.
void give_name(const Download& download) {
    const fs::path part = part_of(download.file);
    const unsigned flags = download.overwrites ? 0 : RENAME_NOREPLACE;
    if (::renameat2(AT_FDCWD, part.c_str(), AT_FDCWD, download.file.c_str(), flags) == 0) return;
    if (errno == EEXIST) throw file_exists(download.file);
    if (errno != EINVAL) throw system_error(fmt::format("rename '{}'", part.string()));
    check_no_file(download.file);  // a file system that cannot do both at once
    fs::rename(part, download.file);
}

}  // namespace

void check_no_file(const fs::path& file) {
    for (const fs::path& path : {file, digest_file_of(file)})
        if (fs::exists(fs::symlink_status(path))) throw file_exists(path);
}

void check_directory(const fs::path& file) {
    if (::access(directory_of(file).c_str(), W_OK | X_OK) == 0) return;
    throw system_error(fmt::format("write into '{}'", directory_of(file).string()));
}

std::optional<std::string> begun_task(const fs::path& file) {
    constexpr Bytes longest_id{256};
    if (!fs::is_regular_file(task_file_of(file))) return std::nullopt;
    return std::string(trim(read_file(task_file_of(file), longest_id)));
}

Bytes size_of_part(const fs::path& file) {
    std::error_code none;
    const auto size = fs::file_size(part_of(file), none);
    return none ? Bytes{} : Bytes{size};
}

void begin_part(const fs::path& file, const std::string& task) {
    if (begun_task(file) == task) return;
    remove_file(part_of(file));
    write_file_atomically(task_file_of(file), task + "\n", readable_by_all);
}

bool fetch(const Download& download, const ByteSource& source, const FetchProgress& progress,
           const std::function<bool()>& is_interrupted) {
    if (!download.overwrites) check_no_file(download.file);
    begin_part(download.file, download.task);
    Part part(download);
    while (part.size() < download.size) {
        progress(part.size());
        if (is_interrupted()) return false;
        const std::uint64_t rest = download.size.value - part.size().value;
        const std::string bytes = source(part.size().value, std::min(rest, piece_size));
        if (bytes.empty() || bytes.size() > rest) {
            throw Error(error_code::internal_error, download.task,
                        fmt::format("the service sent {} bytes where up to {} were to come",
                                    bytes.size(), rest));
        }
        part.append(bytes);
    }
    check_digest(download, part.digest());
    part.sync();
    give_name(download);
    write_file_atomically(
        digest_file_of(download.file),
        fmt::format("{}  {}\n", download.sha256, download.file.filename().string()),
        readable_by_all);
    remove_file(task_file_of(download.file));
    return true;
}

}  // namespace kiln::cli
