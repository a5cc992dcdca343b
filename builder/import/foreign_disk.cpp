#include "builder/import/foreign_disk.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/confinement.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/sha256.hpp"
#include "builder/import/gate/gate.hpp"
#include "builder/import/gate/second_opinion.hpp"
#include "images/layers/qcow2_header.hpp"
#include "images/layers/qemu_img.hpp"

namespace kiln::builder {

namespace fs = std::filesystem;

namespace {

using images::qemu_img::ForeignDisk;
using images::qemu_img::invalid_disk;

/// What a qcow2 file may occupy besides what it holds: tables and the clusters' ends.
constexpr Bytes largest_overhead = Bytes::gibibytes(1);
constexpr std::chrono::minutes time_for_tables{5};
constexpr std::size_t hash_piece = 1U << 20U;

const char* qemu_word(gate::DiskFormat format) {
    switch (format) {
        case gate::DiskFormat::raw:
            return "raw";
        case gate::DiskFormat::qcow2:
            return "qcow2";
        case gate::DiskFormat::vmdk:
            return "vmdk";
        case gate::DiskFormat::vhd:
            return "vpc";
        case gate::DiskFormat::vhdx:
            return "vhdx";
        case gate::DiskFormat::ova:
            break;  // its disks have formats of their own
    }
    throw Error(error_code::internal_error, "", "an archive is no disk");
}

Fd open_to_read(const fs::path& path) {
    Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file) throw system_error(fmt::format("open '{}'", path.string()));
    return file;
}

void check_sha256(const ForeignFile& foreign, const Cleaning& cleaning) {
    if (foreign.sha256.empty()) return;
    cleaning.on_progress(0, "comparing the checksum");
    const Fd file = open_to_read(foreign.file);
    Sha256 digest;
    std::string piece(hash_piece, '\0');
    Bytes offset;
    while (const std::size_t count = read_at(file, foreign.file, offset, piece)) {
        if (cleaning.stop.stop_requested()) throw Error("Canceled", "", "the import was canceled");
        digest.update({piece.data(), count});
        offset = offset + Bytes{count};
    }
    if (digest.hex() == foreign.sha256) return;
    throw Error(invalid_disk, "",
                fmt::format("the file has the SHA-256 {}, and not {}: it is another one, or was "
                            "changed on its way",
                            digest.hex(), foreign.sha256));
}

/// The file becomes the user's own to read, or the other way round.
void hand_over(const fs::path& path, std::optional<uid_t> user, fs::perms mode) {
    if (user && ::chown(path.c_str(), *user, *user) != 0)
        throw system_error(fmt::format("give '{}' to user {}", path.string(), *user));
    fs::permissions(path, mode);
}

class Cleaner {
  public:
    Cleaner(const ForeignFile& foreign, const Cleaning& cleaning)
        : foreign_(foreign), cleaning_(cleaning), user_(unused_user(cleaning.slot)) {}

    std::vector<CleanDisk> clean() {
        const gate::InspectedFile inspected = look();
        Bytes together;
        for (const gate::InspectedDisk& disk : inspected.disks)
            together = together + disk.virtual_size;
        cleaning_.check_size(together);
        hand_over(foreign_.file, user_, fs::perms::owner_read);
        std::vector<CleanDisk> clean;
        for (std::size_t i = 0; i < inspected.disks.size(); ++i)
            clean.push_back(clean_one(inspected, i));
        return clean;
    }

  private:
    gate::InspectedFile look() const {
        cleaning_.on_progress(0, "looking at the header");
        const auto declared = gate::parse_disk_format(foreign_.format);
        const Fd file = open_to_read(foreign_.file);
        gate::InspectedFile inspected = gate::inspect(file.get(), declared);
        for (const gate::InspectedDisk& disk : inspected.disks)
            gate::ask_for_second_opinion(file.get(), disk);
        return inspected;
    }

    ForeignDisk foreign(const gate::InspectedDisk& disk) const {
        return {.file = foreign_.file,
                .format = qemu_word(disk.format),
                .offset = disk.offset,
                .length = disk.length,
                .confinement = {.user = user_, .processor_time = time_for_tables},
                .stop = cleaning_.stop};
    }

    /// QEMU counts a VHD in cylinders, others as their headers say.
    static Bytes size_of(const gate::InspectedDisk& disk, const ForeignDisk& foreign) {
        const Bytes size = images::qemu_img::virtual_size(foreign);
        if (size == disk.virtual_size || disk.format == gate::DiskFormat::vhd) return size;
        throw Error(invalid_disk, "",
                    fmt::format("the disk is of {} bytes by its header, and QEMU takes it for one "
                                "of {}",
                                disk.virtual_size.value, size.value));
    }

    CleanDisk clean_one(const gate::InspectedFile& inspected, std::size_t number) const {
        const gate::InspectedDisk& disk = inspected.disks[number];
        ForeignDisk from = foreign(disk);
        CleanDisk clean{.file = foreign_.file.parent_path() / fmt::format("disk-{}.qcow2", number),
                        .size = size_of(disk, from)};
        cleaning_.pool.check_space(images::qemu_img::measure(from), cleaning_.free_space_reserve);
        cleaning_.on_progress(0, "checking the disk");
        images::qemu_img::check(from);
        images::qemu_img::create({.path = clean.file, .size = clean.size});
        hand_over(clean.file, user_, fs::perms::owner_read | fs::perms::owner_write);
        from.confinement.largest_file = clean.size + largest_overhead;
        // A disk of terabytes takes what it takes; the file's size is the bound.
        from.confinement.processor_time = std::chrono::hours(24);
        const auto disks = static_cast<int>(inspected.disks.size());
        images::qemu_img::import(from, clean.file, [&](int percent) {
            cleaning_.pool.check_space({}, cleaning_.free_space_reserve);
            cleaning_.on_progress((static_cast<int>(number) * 100 + percent) / disks,
                                  "converting the disk");
        });
        take_file(clean.file);
        // Whoever took over the program that wrote it has written its header, too.
        images::refuse_foreign_parts(clean.file, clean.file.parent_path());
        if (images::backing_file_of(clean.file))
            throw Error(invalid_disk, "", "the converted disk names another file");
        images::qemu_img::check(clean.file);
        return clean;
    }

    const ForeignFile& foreign_;
    const Cleaning& cleaning_;
    std::optional<uid_t> user_;
};

}  // namespace

std::vector<CleanDisk> clean(const ForeignFile& file, const Cleaning& cleaning) {
    check_sha256(file, cleaning);
    return Cleaner(file, cleaning).clean();
}

}  // namespace kiln::builder
