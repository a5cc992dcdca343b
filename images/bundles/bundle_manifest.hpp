#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.hpp"
#include "images/firmware/uefi_data.hpp"

namespace kiln::images {

/// A bundle's manifest: an XML document modelled on that of EC2's AMI tools, whose parts are zstd
/// frames (images/bundles/frame.hpp) and whose digests are SHA-256 in lower-case hex.
///
/// A manifest is read as hostile input: at most 1 MiB of UTF-8 without a document type, entities of
/// its own or control characters, and every value within the bounds below. All functions throw
/// Error{InvalidManifest} for what breaks them. Any thread.

inline constexpr Bytes max_manifest_size = Bytes::mebibytes(1);
inline constexpr std::size_t max_bundle_parts = 65'536;
inline constexpr std::size_t max_bundle_mappings = 64;
inline constexpr std::size_t max_manifest_text_bytes = 1024;  // of each name

/// {"ami", "sda1"} or {"ephemeral0", "sdb"}.
struct BundleMapping {
    std::string virtual_name;
    std::string device;

    friend bool operator==(const BundleMapping&, const BundleMapping&) = default;
};

/// What the bundled file is: for the manifest, not interpreted here. Name, user and architecture
/// must be filled in.
struct BundleDescription {
    std::string name;
    std::string user;  // the account that bundled it
    std::string architecture;
    std::vector<BundleMapping> block_device_mapping;
    // Each is empty where it is unknown.
    std::string boot_mode;
    std::string login_user;  // a name that Debian's useradd takes
    std::string virtualization_type = {};
    std::string kernel_id = {};
    std::string tpm_support = {};
    std::string secure_boot = {};  // "true"
    std::string platform = {};
    std::string os_id = {};
    std::string drivers = {};
    std::string uefi_data = {};  // the text of a UefiData

    friend bool operator==(const BundleDescription&, const BundleDescription&) = default;
};

/// Those that may be empty, and what the manifest calls them.
struct OptionalText {
    const char* name;
    std::string BundleDescription::*text;
    std::size_t max_bytes = max_manifest_text_bytes;
};
inline constexpr std::array optional_texts{
    OptionalText{"boot_mode", &BundleDescription::boot_mode},
    OptionalText{"login_user", &BundleDescription::login_user},
    OptionalText{"virtualization_type", &BundleDescription::virtualization_type},
    OptionalText{"kernel_id", &BundleDescription::kernel_id},
    OptionalText{"tpm_support", &BundleDescription::tpm_support},
    OptionalText{"secure_boot", &BundleDescription::secure_boot},
    OptionalText{"platform", &BundleDescription::platform},
    OptionalText{"os_id", &BundleDescription::os_id},
    OptionalText{"drivers", &BundleDescription::drivers},
    OptionalText{"uefi_data", &BundleDescription::uefi_data, max_uefi_data_text},
};

struct BundlePart {
    std::string filename;  // a plain name: the object beside the manifest
    std::string digest;    // of the compressed part
    Bytes size;            // compressed

    friend bool operator==(const BundlePart&, const BundlePart&) = default;
};

struct BundleManifest {
    std::string bundler_name;
    std::string bundler_version;
    BundleDescription description;
    std::string digest;  // of the whole file
    Bytes size;          // of the whole file
    Bytes bundled_size;  // of all parts
    std::vector<BundlePart> parts;

    friend bool operator==(const BundleManifest&, const BundleManifest&) = default;
};

/// Whether Debian's useradd takes the name: it stands in command lines.
bool is_user_name(std::string_view name);

std::string to_xml(const BundleManifest& manifest);
/// `max_file_size` bounds the whole file, that is what unpacking it may take.
BundleManifest parse_manifest(std::string_view xml, Bytes max_file_size);
/// What parse_manifest() demands of the values.
void check_manifest(const BundleManifest& manifest, Bytes max_file_size);

}  // namespace kiln::images
