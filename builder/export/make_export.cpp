#include "builder/export/make_export.hpp"

#include <algorithm>
#include <cstdlib>

#include "base/error.hpp"
#include "base/file.hpp"
#include "builder/export/export_files.hpp"
#include "builder/export/packed_file.hpp"
#include "builder/export/vagrant_guest.hpp"
#include "images/layers/qemu_img.hpp"

namespace kiln::builder {

namespace {

namespace qemu_img = images::qemu_img;
using images::DiskImageFormat;

constexpr const char* converting = "converting";
constexpr const char* packing_step = "packing";

/// A part of the work: its percents among those of the whole.
struct Span {
    int begin;
    int end;

    int at(std::uint64_t done, std::uint64_t total) const {
        if (total == 0) return end;
        return begin + static_cast<int>(static_cast<std::uint64_t>(end - begin) *
                                        std::min(done, total) / total);
    }
};

class Making {
  public:
    Making(const ExportWork& work, const ExportProgress& progress, const std::stop_token& stop)
        : work_(work), progress_(progress), stop_(stop) {}

    std::string disk(qemu_img::ExportFormat format) {
        convert(work_.disk, work_.to, format, {0, 90});
        return digest();
    }
    std::string delta() {
        qemu_img::export_delta(
            {.from = work_.disk,
             .base = work_.base->disk,
             .to = work_.to,
             .base_name = export_file_name(work_.base->image, DiskImageFormat::qcow2)},
            percents({0, 90}), stop_);
        return digest();
    }
    std::string ova() {
        const std::string name = work_.image.id.str();
        const std::filesystem::path disk = work_.to.parent_path() / (name + "-disk1.vmdk");
        convert(work_.disk, disk, qemu_img::ExportFormat::vmdk, {0, 60});
        OvfMachine machine = ovf_machine_of(work_.image);
        machine.disk_capacity = qemu_img::virtual_size(work_.disk);
        std::string sha256 =
            pack_ova(packing(disk), machine, pieces(packing_step, {60, 99}), stop_);
        remove_file(disk);
        return sha256;
    }
    std::string vagrant_box() {
        const std::filesystem::path overlay = work_.to.parent_path() / "overlay.qcow2";
        const std::filesystem::path disk = work_.to.parent_path() / "box.img";
        tell(0, "preparing for Vagrant");
        qemu_img::create_scratch(overlay, work_.disk);
        const bool is_tiny =
            prepare_for_vagrant({.file = overlay, .use_kvm = work_.use_kvm, .stop = stop_});
        convert(overlay, disk, qemu_img::ExportFormat::qcow2_to_work_on, {25, 60});
        remove_file(overlay);
        std::string sha256 = pack_vagrant_box(packing(disk),
                                              {.image = work_.image.id.str(),
                                               .boot_mode = work_.image.boot_mode,
                                               .virtual_size = qemu_img::virtual_size(disk),
                                               .is_tiny = is_tiny},
                                              pieces(packing_step, {60, 99}), stop_);
        remove_file(disk);
        return sha256;
    }

  private:
    void tell(int percent, const char* step) const {
        if (stop_.stop_requested()) throw Error("Canceled", "", "the export was canceled");
        progress_(percent, step);
    }
    qemu_img::PercentCallback percents(const Span& span) const {
        constexpr std::uint64_t whole = 100;
        return [this, span](int percent) {
            tell(span.at(static_cast<std::uint64_t>(percent), whole), converting);
        };
    }
    ReadProgress pieces(const char* step, const Span& span) const {
        return [this, step, span](Bytes done, Bytes size) {
            tell(span.at(done.value, size.value), step);
        };
    }
    void convert(const std::filesystem::path& from, const std::filesystem::path& to,
                 qemu_img::ExportFormat format, const Span& span) const {
        tell(span.begin, converting);
        qemu_img::export_disk({.from = from, .to = to, .format = format}, percents(span), stop_);
    }
    std::string digest() const { return digest_of(work_.to, pieces("verifying", {90, 99}), stop_); }
    Packing packing(const std::filesystem::path& disk) const {
        return {.disk = disk, .to = work_.to, .name = work_.image.id.str(), .now = work_.now};
    }

    const ExportWork& work_;
    const ExportProgress& progress_;
    const std::stop_token& stop_;
};

}  // namespace

std::string make_export(const ExportWork& work, const ExportProgress& progress,
                        const std::stop_token& stop) {
    Making making(work, progress, stop);
    switch (work.format) {
        case DiskImageFormat::vmdk:
            return making.disk(qemu_img::ExportFormat::vmdk);
        case DiskImageFormat::raw:
            return making.disk(qemu_img::ExportFormat::raw);
        case DiskImageFormat::vhd:
            return making.disk(qemu_img::ExportFormat::vhd);
        case DiskImageFormat::qcow2:
            return work.base ? making.delta() : making.disk(qemu_img::ExportFormat::qcow2);
        case DiskImageFormat::vhdx:
            return making.disk(qemu_img::ExportFormat::vhdx);
        case DiskImageFormat::ova:
            return making.ova();
        case DiskImageFormat::vagrant_libvirt:
            return making.vagrant_box();
    }
    std::abort();
}

}  // namespace kiln::builder
