#include "builder/import/gate/gate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "builder/import/gate/byte_source.hpp"
#include "builder/import/gate/ova.hpp"
#include "builder/import/gate/qcow2.hpp"
#include "builder/import/gate/refusal.hpp"
#include "builder/import/gate/signatures.hpp"
#include "builder/import/gate/vhd.hpp"
#include "builder/import/gate/vhdx.hpp"
#include "builder/import/gate/virtual_size.hpp"
#include "builder/import/gate/vmdk.hpp"

namespace kiln::builder::gate {

namespace {

constexpr std::array all_formats{DiskFormat::raw, DiskFormat::qcow2, DiskFormat::vmdk,
                                 DiskFormat::vhd, DiskFormat::vhdx,  DiskFormat::ova};

Bytes inspect_raw(const ByteSource& source) {
    if (source.size() % 512 != 0) {
        refuse("raw", fmt::format("its size, {} bytes, is no multiple of 512; if the disk is whole "
                                  "fill the last sector: truncate -s %512 FILE",
                                  source.size()));
    }
    return checked_virtual_size("raw", source.size());
}

InspectedFile one_disk(DiskFormat format, Bytes virtual_size, const ByteSource& source) {
    return {format, {{format, virtual_size, Bytes{0}, Bytes{source.size()}}}};
}

InspectedFile inspect_as(DiskFormat format, const ByteSource& source) {
    switch (format) {
        case DiskFormat::raw:
            return one_disk(format, inspect_raw(source), source);
        case DiskFormat::qcow2:
            return one_disk(format, inspect_qcow2(source), source);
        case DiskFormat::vmdk:
            return one_disk(format, inspect_vmdk(source), source);
        case DiskFormat::vhd:
            return one_disk(format, inspect_vhd(source), source);
        case DiskFormat::vhdx:
            return one_disk(format, inspect_vhdx(source), source);
        case DiskFormat::ova:
            return {format, inspect_ova(source)};
    }
    refuse("unknown format", "it is none that can be imported");
}

std::string names_of(const std::vector<Signature>& signatures) {
    std::string names;
    for (const Signature& signature : signatures) {
        names += (names.empty() ? "" : " and ") + std::string(signature.name);
    }
    return names;
}

bool is_iso_alone(const std::vector<Signature>& found) {
    return found.size() == 1 && found[0].name == iso_9660;
}

DiskFormat format_of(const std::vector<Signature>& found, std::optional<DiskFormat> declared) {
    const bool raw_is_declared = declared == DiskFormat::raw;
    if (found.empty() || (raw_is_declared && is_iso_alone(found))) return DiskFormat::raw;
    if (found.size() > 1) {
        refuse("more than one format", "it bears the signatures of " + names_of(found) +
                                           ", so that programs would read different disks in it");
    }
    const Signature& only = found[0];
    if (!only.format) {
        refuse(std::string(only.name), "this is no disk image; " + std::string(only.advice));
    }
    if (raw_is_declared) {
        refuse("raw", fmt::format("it is declared raw, but begins or ends as {} does; declare it "
                                  "{}, or nothing",
                                  only.name, only.name));
    }
    return *only.format;
}

}  // namespace

const char* to_text(DiskFormat format) {
    switch (format) {
        case DiskFormat::raw:
            return "raw";
        case DiskFormat::qcow2:
            return "qcow2";
        case DiskFormat::vmdk:
            return "vmdk";
        case DiskFormat::vhd:
            return "vhd";
        case DiskFormat::vhdx:
            return "vhdx";
        case DiskFormat::ova:
            return "ova";
    }
    return "";
}

std::optional<DiskFormat> parse_disk_format(std::string_view text) {
    const auto same_letter = [](char a, char b) {
        return std::tolower(static_cast<unsigned char>(a)) == b;
    };
    for (const DiskFormat format : all_formats) {
        if (std::ranges::equal(text, std::string_view(to_text(format)), same_letter)) return format;
    }
    return std::nullopt;
}

InspectedFile inspect(const ByteSource& source, std::optional<DiskFormat> declared) {
    if (source.size() == 0) refuse("an empty file", "it holds no bytes; copy it again");
    const DiskFormat format = format_of(signatures_of(source), declared);
    if (declared && format != *declared) {
        refuse(to_text(*declared), fmt::format("it is declared {}, but is {}; declare what it is, "
                                               "or nothing",
                                               to_text(*declared), to_text(format)));
    }
    return inspect_as(format, source);
}

InspectedFile inspect(int fd, std::optional<DiskFormat> declared) {
    return inspect(FileBytes(fd), declared);
}

}  // namespace kiln::builder::gate
