#include "builder/import/gate/second_opinion.hpp"

#include <fmt/format.h>
#include <libqcow.h>

#include <memory>
#include <string>

#include "base/error.hpp"
#include "builder/import/gate/byte_source.hpp"
#include "builder/import/gate/record.hpp"
#include "builder/import/gate/refusal.hpp"

namespace kiln::builder::gate {

namespace {

constexpr std::uint64_t unsupported_features = 1ULL << 3 | 1ULL << 4;

/// libqcow's functions say why they fail through one of these.
class Failure {
  public:
    Failure() = default;
    ~Failure() { libqcow_error_free(&error_); }
    Failure(const Failure&) = delete;
    Failure& operator=(const Failure&) = delete;

    libqcow_error_t** operator&() { return &error_; }
    std::string text() const {
        char buffer[512] = "";
        if (libqcow_error_sprint(error_, buffer, sizeof buffer) < 0) return "it does not say why";
        return in_quotes(buffer);
    }

  private:
    libqcow_error_t* error_ = nullptr;
};

struct FreeFile {
    void operator()(libqcow_file_t* file) const noexcept { libqcow_file_free(&file, nullptr); }
};
using File = std::unique_ptr<libqcow_file_t, FreeFile>;

[[noreturn]] void refuse_disagreement(const std::string& what) {
    refuse("qcow2", fmt::format("libqcow, asked as a second opinion, {}; {}", what, make_it_plain));
}

File open_by_descriptor(int fd) {
    libqcow_file_t* made = nullptr;
    if (libqcow_file_initialize(&made, nullptr) != 1) {
        throw Error(error_code::internal_error, "", "cannot make a file of libqcow");
    }
    File file(made);
    Failure failure;
    const std::string path = fmt::format("/proc/self/fd/{}", fd);
    if (libqcow_file_open(file.get(), path.c_str(), LIBQCOW_OPEN_READ, &failure) != 1) {
        refuse_disagreement("cannot open it: " + failure.text());
    }
    return file;
}

bool is_supported(int fd) {
    const FileBytes source(fd);
    const BigEndianRecord header(source, 0, 80);
    return header.u32(4) == 2 || (header.u64(72) & unsupported_features) == 0;
}

}  // namespace

bool ask_for_second_opinion(int fd, const InspectedDisk& disk) {
    if (disk.format != DiskFormat::qcow2 || disk.offset != Bytes{0} || !is_supported(fd))
        return false;
    const File file = open_by_descriptor(fd);
    size64_t size = 0;
    if (libqcow_file_get_media_size(file.get(), &size, nullptr) != 1 ||
        size != disk.virtual_size.value) {
        refuse_disagreement(
            fmt::format("sees a virtual size of {} bytes, not {}", size, disk.virtual_size.value));
    }
    std::size_t name_size = 0;
    if (libqcow_file_get_utf8_backing_filename_size(file.get(), &name_size, nullptr) != 0) {
        refuse_disagreement("sees a backing file");
    }
    return true;
}

}  // namespace kiln::builder::gate
