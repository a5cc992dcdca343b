#include "builder/export/packed_file.hpp"

#include <fmt/format.h>

#include "base/sha256.hpp"
#include "base/text.hpp"
#include "builder/export/gzip.hpp"
#include "builder/export/tar_writer.hpp"
#include "images/bundles/sparse_file.hpp"

namespace kiln::builder {

namespace {

/// The file in the archive; returns its SHA-256.
std::string add_disk(TarWriter& archive, const std::string& name, const Packing& packing,
                     const ReadProgress& progress, const std::stop_token& stop) {
    Sha256 digest;
    archive.begin(name, {std::filesystem::file_size(packing.disk)});
    read_pieces(
        packing.disk,
        [&](std::string_view bytes) {
            digest.update(bytes);
            archive.write(bytes);
        },
        progress, stop);
    archive.end();
    return digest.hex();
}

}  // namespace

std::string pack_ova(const Packing& packing, OvfMachine machine, const ReadProgress& progress,
                     const std::stop_token& stop) {
    const std::string descriptor_name = packing.name + ".ovf";
    machine.disk_file = packing.name + "-disk1.vmdk";
    machine.disk_file_size = {std::filesystem::file_size(packing.disk)};
    const std::string descriptor = ovf_descriptor(machine);
    images::SparseFile file(packing.to);
    TarWriter archive([&](std::string_view bytes) { file.write(bytes); }, packing.now);
    archive.add(descriptor_name, descriptor);
    const std::string disk = add_disk(archive, machine.disk_file, packing, progress, stop);
    archive.add(packing.name + ".mf",
                fmt::format("SHA256({})= {}\nSHA256({})= {}\n", descriptor_name,
                            sha256_hex(descriptor), machine.disk_file, disk));
    archive.finish();
    file.finish();
    return file.digest();
}

std::string pack_vagrant_box(const Packing& packing, const VagrantBox& box,
                             const ReadProgress& progress, const std::stop_token& stop) {
    images::SparseFile file(packing.to);
    GzipWriter gzip([&](std::string_view bytes) { file.write(bytes); });
    TarWriter archive([&](std::string_view bytes) { gzip.write(bytes); }, packing.now);
    archive.add("metadata.json", box_metadata(box));
    archive.add("Vagrantfile", box_vagrantfile(box));
    add_disk(archive, "box.img", packing, progress, stop);
    archive.finish();
    gzip.finish();
    file.finish();
    return file.digest();
}

}  // namespace kiln::builder
