#pragma once

#include <string>

#include "images/catalog/attributes.hpp"

namespace kiln::images {

/// What the UefiData parameter and attribute hold: a guest's store of UEFI variables (boot entries,
/// keys of Secure Boot), with what must fit the guest that begins with it. Its text is base64, as
/// EC2's; what is in it is kiln's own: a line of words, then the store compressed with zstd.
struct UefiData {
    Architecture architecture = Architecture::x86_64;
    bool secure_boot = false;
    std::string variables;  // the bytes of the store, as the firmware has them in its flash
};

inline constexpr std::size_t max_uefi_data_text = 64 * 1024;           // characters, as EC2 has it
inline constexpr std::size_t max_uefi_variables = 64UL * 1024 * 1024;  // bytes: Arm's store

/// Throws Error{UnsupportedOperation} when the store does not fit into max_uefi_data_text.
std::string pack_uefi_data(const UefiData& data);
/// Reads hostile input. Throws Error{InvalidParameterValue}.
UefiData unpack_uefi_data(const std::string& text);

}  // namespace kiln::images
