#include <fmt/format.h>

#include "base/text.hpp"
#include "tests/disk_image_makers.hpp"

namespace kiln::tests {

namespace {

constexpr std::size_t block = 512;

void put_octal(std::string& bytes, std::size_t offset, std::size_t digits, std::size_t value) {
    put_text(bytes, offset, fmt::format("{:0{}o}", value, digits));
}

void add_file(std::string& archive, const ArchivedFile& file) {
    const std::size_t header = archive.size();
    archive.resize(header + block);
    put_text(archive, header, file.name);
    put_octal(archive, header + 100, 7, 0644);
    put_octal(archive, header + 108, 7, 0);
    put_octal(archive, header + 116, 7, 0);
    put_octal(archive, header + 124, 11, file.content.size());
    put_octal(archive, header + 136, 11, 0);
    archive[header + 156] = file.type;
    using namespace std::string_view_literals;
    put_text(archive, header + 257,
             "ustar\0"
             "00"sv);
    seal_tar_header(archive, header);
    archive += file.content;
    archive.resize((archive.size() + block - 1) / block * block);
}

}  // namespace

void seal_tar_header(std::string& bytes, std::size_t offset) {
    put_text(bytes, offset + 148, "        ");
    std::size_t sum = 0;
    for (std::size_t i = 0; i < block; ++i)
        sum += static_cast<unsigned char>(bytes.at(offset + i));
    put_octal(bytes, offset + 148, 6, sum);
    bytes[offset + 154] = '\0';
}

std::string make_tar(const std::vector<ArchivedFile>& files) {
    std::string archive;
    for (const ArchivedFile& file : files)
        add_file(archive, file);
    archive.resize(archive.size() + 2 * block);
    return archive;
}

std::string make_ovf(const std::vector<std::string>& disks) {
    std::string files;
    std::string elements;
    for (std::size_t i = 0; i < disks.size(); ++i) {
        files += fmt::format("    <File ovf:id=\"file{}\" ovf:href=\"{}\"/>\n", i, disks[i]);
        elements += fmt::format("    <Disk ovf:diskId=\"disk{}\" ovf:fileRef=\"file{}\"/>\n", i, i);
    }
    return fmt::format(
        "<?xml version=\"1.0\"?>\n<Envelope xmlns=\"http://schemas.dmtf.org/ovf/envelope/1\" "
        "xmlns:ovf=\"http://schemas.dmtf.org/ovf/envelope/1\">\n"
        "  <References>\n{}  </References>\n  <DiskSection>\n{}  </DiskSection>\n</Envelope>\n",
        files, elements);
}

std::string make_ova() {
    const std::string ovf = make_ovf({"disk.vmdk"});
    const std::string disk = make_vmdk(VmdkKind::stream_optimized);
    const std::string manifest = fmt::format("SHA256(machine.ovf)= {}\nSHA256(disk.vmdk)= {}\n",
                                             sha256_hex(ovf), sha256_hex(disk));
    return make_tar({{"machine.ovf", ovf}, {"machine.mf", manifest}, {"disk.vmdk", disk}});
}

}  // namespace kiln::tests
