#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/custom_types.hpp"
#include "base/ipv4.hpp"
#include "base/listen_address.hpp"
#include "base/rates.hpp"
#include "base/units.hpp"
#include "base/users.hpp"

namespace kiln {

/// An address of the host that may be mapped to guests: whole, or some of its ports.
struct PublicAddress {
    Ipv4Address address;
    std::optional<PortRange> ports;
};

/// User ids that no distribution gives to anybody: they are above those of containers and below
/// those that are negative for some programs.
inline constexpr UserRange default_guest_users{.first = 0x7f000000, .last = 0x7f00ffff};

/// The endpoint for clients that sign their requests.
struct EndpointSettings {
    std::optional<ListenAddress> listen;    // listen, default: there is none
    std::filesystem::path tls_certificate;  // tls_cert: PEM; empty: plain HTTP
    std::filesystem::path tls_key;          // tls_key: PEM
    /// How much the clocks of clients may differ from the service's.
    std::chrono::seconds clock_skew{15 * 60};  // clock_skew_seconds
    /// Of each account, for long; four times as many at once after a rest.
    std::uint32_t requests_per_second = 5'000;  // requests_per_second
};

/// What the configuration file and the environment decide. Built-in values, then
/// /etc/kiln/kiln.yaml (as root) or ~/.config/kiln/kiln.yaml, or the file that KILN_CONFIG names;
/// then KILN_STATE_DIR, KILN_SOCKET, KILN_REGION, KILN_LIBVIRT_URI.
struct Settings {
    std::filesystem::path state_directory;  // state_dir
    std::filesystem::path socket;           // socket
    /// Who may use the service besides its own user and root: a group's name, or "everybody".
    std::string socket_users;  // socket_users, default: nobody
    /// The socket of the machine-wide service, for a user other than root who has configured
    /// neither socket nor state_dir: where it answers, the user needs no service of their own.
    std::optional<std::filesystem::path> machine_socket;
    std::string region;              // region, default "local-1"
    bool region_is_chosen = false;   // region or KILN_REGION names it: commands ask for it too
    std::vector<std::string> zones;  // zones, default {region + "a"}
    std::string libvirt_uri;         // libvirt_uri
    /// Refuse new instances and images when the pool has less free space than this.
    Bytes free_space_reserve;  // free_space_reserve_mib, default 1024
    /// Refuse new instances when the host's memory less this is spoken for.
    Bytes memory_reserve;  // memory_reserve_mib, default 512
    /// Guests get QEMU's user networking, also where they could have a bridge.
    bool user_networking = false;  // network: user (default: bridge)
    /// What of the host's addresses may be mapped to guests.
    std::vector<PublicAddress> public_addresses;  // public_addresses, default: none
    /// QEMU runs as the first of these for the guests of the first account, and so on, where
    /// libvirt can give it another user (qemu:///system); absent: as the user that libvirt is
    /// configured with for all.
    std::optional<UserRange> guest_users = default_guest_users;  // guest_uids: 70000-79999, or none
    std::optional<Ipv4Range> network_range;  // network_range, of the region; default: a free one
    Rates rates;                             // rates, default: nothing costs anything
    CustomTypes instance_types;              // instance_types, besides EC2's
    EndpointSettings endpoint = {};
    /// AMI ids of somewhere else may be aliases of images.
    bool foreign_image_aliases = false;  // foreign_image_aliases
    /// For guests of macOS, on Apple's hardware: a raw disk image of OpenCore, and the key that the
    /// host's AppleSMC has.
    std::filesystem::path macos_boot_disk = {};  // macos_boot_disk
    std::string macos_smc_key = {};              // macos_smc_key
    /// What layers that are kept for later builds may occupy, in each region.
    Bytes build_cache_size = Bytes::gibibytes(20);  // build_cache_mib
};

/// At most 64 lower-case letters, digits and hyphens, the first no hyphen: names of regions and
/// zones stand in paths and host names.
bool is_region_name(std::string_view name);

/// Throws Error{InvalidConfiguration} that names the file, the line and the key: unknown keys are
/// refused with the nearest known one.
Settings load_settings();
/// Throws Error{InvalidConfiguration} for a certificate without its key, a key without its
/// certificate, and either without an address to listen on.
void check_endpoint(const EndpointSettings& endpoint);

}  // namespace kiln
