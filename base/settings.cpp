#include "base/settings.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <functional>
#include <map>

#include "base/environment.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/read_custom_types.hpp"
#include "base/read_rates.hpp"
#include "base/text.hpp"

namespace kiln {

namespace {

constexpr const char* invalid_configuration = "InvalidConfiguration";
constexpr std::size_t longest_region_name = 64;

std::filesystem::path home_directory(const char* xdg_variable, const char* below_home) {
    const std::string xdg = environment_variable(xdg_variable);
    if (!xdg.empty()) return xdg;
    const std::string home = environment_variable("HOME");
    if (home.empty()) {
        throw Error(invalid_configuration, "HOME",
                    "HOME is not set, so there is no place for kiln's files: set HOME or "
                    "KILN_STATE_DIR");
    }
    return std::filesystem::path(home) / below_home;
}

bool is_root() {
    return ::geteuid() == 0;
}

std::filesystem::path configuration_file() {
    const std::string named = environment_variable("KILN_CONFIG");
    if (!named.empty()) return named;
    if (is_root()) return "/etc/kiln/kiln.yaml";
    return home_directory("XDG_CONFIG_HOME", ".config") / "kiln/kiln.yaml";
}

Bytes mebibytes_of(const YAML::Node& node) {
    constexpr std::uint64_t most = std::uint64_t{1} << 40;  // the bytes still fit the catalog
    const auto count = node.as<std::uint64_t>();
    if (count > most) throw YAML::RepresentationException(node.Mark(), "the value is too large");
    return Bytes::mebibytes(count);
}

bool is_user_networking(const YAML::Node& node) {
    const auto word = node.as<std::string>();
    if (word == "user") return true;
    if (word == "bridge") return false;
    throw YAML::RepresentationException(node.Mark(), "network is 'bridge' or 'user'");
}

Ipv4Range network_range_of(const YAML::Node& node) {
    constexpr int shortest = 8;
    constexpr int longest = 24;
    const auto range = parse_ipv4_range(node.as<std::string>());
    if (range && range->prefix_length >= shortest && range->prefix_length <= longest) return *range;
    throw YAML::RepresentationException(
        node.Mark(), "network_range is a block of IPv4 addresses from /8 to /24, as 172.31.0.0/16");
}

PublicAddress public_address_of(const YAML::Node& node) {
    const auto text = node.as<std::string>();
    const std::size_t colon = text.find(':');
    const auto address = parse_ipv4_address(std::string_view(text).substr(0, colon));
    PublicAddress result{.address = address.value_or(Ipv4Address())};
    if (colon != std::string::npos)
        result.ports = parse_port_range(std::string_view(text).substr(colon + 1));
    if (address && (colon == std::string::npos || result.ports)) return result;
    throw YAML::RepresentationException(
        node.Mark(),
        "public_addresses lists addresses of this host, as 192.0.2.7, or some of their ports, as "
        "192.0.2.7:8000-8999");
}

std::vector<PublicAddress> public_addresses_of(const YAML::Node& node) {
    if (!node.IsSequence())
        throw YAML::RepresentationException(node.Mark(), "public_addresses is a list");
    std::vector<PublicAddress> addresses;
    for (const YAML::Node& element : node)
        addresses.push_back(public_address_of(element));
    return addresses;
}

std::optional<UserRange> guest_users_of(const YAML::Node& node) {
    constexpr uid_t first_of_people = 1000;  // below it are the system's own
    const auto text = node.as<std::string>();
    if (text == "none") return std::nullopt;
    const auto range = parse_user_range(text);
    if (range && range->first >= first_of_people) return range;
    throw YAML::RepresentationException(
        node.Mark(), "guest_uids is a range of user ids from 1000 on, as 70000-79999, or none");
}

ListenAddress listen_address_of(const YAML::Node& node) {
    if (auto listen = parse_listen_address(node.as<std::string>(""))) return *std::move(listen);
    throw YAML::RepresentationException(node.Mark(),
                                        fmt::format("listen is {}", listen_address_form));
}

std::chrono::seconds clock_skew_of(const YAML::Node& node) {
    constexpr std::uint32_t most = 24 * 3600;
    const auto seconds = node.as<std::uint32_t>(0);
    if (seconds > 0 && seconds <= most) return std::chrono::seconds(seconds);
    throw YAML::RepresentationException(node.Mark(), "clock_skew_seconds is 1 to 86400");
}

std::uint32_t requests_per_second_of(const YAML::Node& node) {
    constexpr std::uint32_t most = 1'000'000;
    const auto number = node.as<std::uint32_t>(0);
    if (number > 0 && number <= most) return number;
    throw YAML::RepresentationException(node.Mark(), "requests_per_second is 1 to 1000000");
}

using Setter = std::function<void(Settings&, const YAML::Node&)>;

const std::map<std::string, Setter>& setters() {
    static const std::map<std::string, Setter> table{
        {"state_dir",
         [](Settings& s, const YAML::Node& node) { s.state_directory = node.as<std::string>(); }},
        {"socket", [](Settings& s, const YAML::Node& node) { s.socket = node.as<std::string>(); }},
        {"socket_users",
         [](Settings& s, const YAML::Node& node) { s.socket_users = node.as<std::string>(); }},
        {"region",
         [](Settings& s, const YAML::Node& node) {
             s.region = node.as<std::string>();
             s.region_is_chosen = true;
         }},
        {"zones", [](Settings& s,
                     const YAML::Node& node) { s.zones = node.as<std::vector<std::string>>(); }},
        {"libvirt_uri",
         [](Settings& s, const YAML::Node& node) { s.libvirt_uri = node.as<std::string>(); }},
        {"free_space_reserve_mib",
         [](Settings& s, const YAML::Node& node) { s.free_space_reserve = mebibytes_of(node); }},
        {"build_cache_mib",
         [](Settings& s, const YAML::Node& node) { s.build_cache_size = mebibytes_of(node); }},
        {"memory_reserve_mib",
         [](Settings& s, const YAML::Node& node) { s.memory_reserve = mebibytes_of(node); }},
        {"network",
         [](Settings& s, const YAML::Node& node) { s.user_networking = is_user_networking(node); }},
        {"network_range",
         [](Settings& s, const YAML::Node& node) { s.network_range = network_range_of(node); }},
        {"public_addresses",
         [](Settings& s, const YAML::Node& node) {
             s.public_addresses = public_addresses_of(node);
         }},
        {"guest_uids",
         [](Settings& s, const YAML::Node& node) { s.guest_users = guest_users_of(node); }},
        {"listen",
         [](Settings& s, const YAML::Node& node) { s.endpoint.listen = listen_address_of(node); }},
        {"tls_cert",
         [](Settings& s, const YAML::Node& node) {
             s.endpoint.tls_certificate = node.as<std::string>();
         }},
        {"tls_key",
         [](Settings& s, const YAML::Node& node) { s.endpoint.tls_key = node.as<std::string>(); }},
        {"clock_skew_seconds",
         [](Settings& s, const YAML::Node& node) { s.endpoint.clock_skew = clock_skew_of(node); }},
        {"requests_per_second",
         [](Settings& s, const YAML::Node& node) {
             s.endpoint.requests_per_second = requests_per_second_of(node);
         }},
        {"foreign_image_aliases",
         [](Settings& s, const YAML::Node& node) { s.foreign_image_aliases = node.as<bool>(); }},
        {"macos_boot_disk",
         [](Settings& s, const YAML::Node& node) { s.macos_boot_disk = node.as<std::string>(); }},
        {"macos_smc_key",
         [](Settings& s, const YAML::Node& node) { s.macos_smc_key = node.as<std::string>(); }},
        {"instance_types",
         [](Settings& s, const YAML::Node& node) { s.instance_types = read_custom_types(node); }},
        {"rates", [](Settings& s, const YAML::Node& node) { s.rates = read_rates(node); }},
    };
    return table;
}

[[noreturn]] void refuse_key(const std::filesystem::path& file, const YAML::Node& key) {
    std::vector<std::string> known;
    for (const auto& [name, setter] : setters())
        known.push_back(name);
    const std::string name = key.as<std::string>();
    const auto suggestion = nearest(name, known);
    throw Error(invalid_configuration, name,
                fmt::format("{}:{}: unknown key '{}'{}", file.string(), key.Mark().line + 1, name,
                            suggestion ? fmt::format("; did you mean '{}'?", *suggestion)
                                       : fmt::format("; known keys: {}", fmt::join(known, ", "))));
}

/// Paths in the file are relative to it, wherever who reads it is.
void complete_paths(Settings& settings, const std::filesystem::path& file) {
    const std::filesystem::path directory = std::filesystem::absolute(file).parent_path();
    for (std::filesystem::path* path :
         {&settings.state_directory, &settings.socket, &settings.endpoint.tls_certificate,
          &settings.endpoint.tls_key, &settings.macos_boot_disk})
        if (!path->empty()) *path = directory / *path;
}

void apply_entry(Settings& settings, const std::filesystem::path& file, const YAML::Node& key,
                 const YAML::Node& value) try {
    const auto setter = setters().find(key.as<std::string>());
    if (setter == setters().end()) refuse_key(file, key);
    if (value.IsNull())  // yaml-cpp would read it as the text "null"
        throw YAML::RepresentationException(key.Mark(), "the value is missing");
    setter->second(settings, value);
} catch (const YAML::BadConversion&) {
    throw YAML::RepresentationException(
        value.Mark(), fmt::format("the value of {} is of another kind", key.as<std::string>()));
}

void apply_file(Settings& settings, const std::filesystem::path& file) {
    if (!std::filesystem::exists(file)) {
        if (environment_variable("KILN_CONFIG").empty()) return;
        throw Error(invalid_configuration, file.string(),
                    fmt::format("KILN_CONFIG names '{}', which does not exist", file.string()));
    }
    try {
        const YAML::Node document = YAML::Load(read_file(file));
        if (!document.IsMap() && !document.IsNull()) {
            throw YAML::RepresentationException(document.Mark(), "expecting lines of key: value");
        }
        for (const auto& entry : document)
            apply_entry(settings, file, entry.first, entry.second);
        complete_paths(settings, file);
    } catch (const YAML::Exception& error) {
        throw Error(invalid_configuration, file.string(),
                    fmt::format("{}:{}: {}", file.string(), error.mark.line + 1, error.msg));
    }
}

void apply_environment(Settings& settings) {
    const auto apply = [](const char* variable, auto& field) {
        const std::string value = environment_variable(variable);
        if (!value.empty()) field = value;
    };
    apply("KILN_STATE_DIR", settings.state_directory);
    apply("KILN_SOCKET", settings.socket);
    apply("KILN_REGION", settings.region);
    if (!environment_variable("KILN_REGION").empty()) settings.region_is_chosen = true;
    apply("KILN_LIBVIRT_URI", settings.libvirt_uri);
}

void fill_defaults(Settings& settings) {
    const bool own_state_directory = !settings.state_directory.empty();
    if (!own_state_directory) {
        settings.state_directory = is_root()
                                       ? std::filesystem::path("/var/lib/kiln")
                                       : home_directory("XDG_STATE_HOME", ".local/state") / "kiln";
    }
    settings.state_directory = std::filesystem::absolute(settings.state_directory);
    if (settings.socket.empty()) {
        const std::filesystem::path machine_socket = "/run/kiln/kiln.sock";
        const bool machine_wide = is_root() && !own_state_directory;
        settings.socket = machine_wide ? machine_socket : settings.state_directory / "kiln.sock";
        if (!is_root() && !own_state_directory) settings.machine_socket = machine_socket;
    }
    settings.socket = std::filesystem::absolute(settings.socket);
    if (settings.zones.empty()) settings.zones = {settings.region + "a"};
    if (settings.libvirt_uri.empty()) {
        settings.libvirt_uri = is_root() ? "qemu:///system" : "qemu:///session";
    }
}

void check_region(const std::string& region) {
    if (is_region_name(region)) return;
    throw Error(invalid_configuration, region,
                fmt::format("the region '{}' must be at most {} lower-case letters, digits and "
                            "hyphens: set region or KILN_REGION",
                            region, longest_region_name));
}

void check(const Settings& settings) {
    check_region(settings.region);
    constexpr std::size_t longest_socket_path = 107;  // sockaddr_un holds 108 bytes with the zero
    if (settings.socket.string().size() > longest_socket_path) {
        throw Error(
            invalid_configuration, settings.socket.string(),
            fmt::format("the socket's path is longer than {} characters: set KILN_SOCKET to "
                        "a shorter one",
                        longest_socket_path));
    }
}

}  // namespace

void check_endpoint(const EndpointSettings& endpoint) {
    const bool has_certificate = !endpoint.tls_certificate.empty();
    const bool has_key = !endpoint.tls_key.empty();
    if (has_certificate != has_key) {
        throw Error(invalid_configuration, "tls_cert",
                    "HTTPS needs a certificate and its key: give tls_cert and tls_key, or neither");
    }
    if (!has_certificate || endpoint.listen) return;
    throw Error(invalid_configuration, "listen",
                "tls_cert and tls_key are for an endpoint: give its address, as listen: "
                "127.0.0.1:8773");
}

bool is_region_name(std::string_view name) {
    const bool allowed = std::ranges::all_of(
        name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
    return allowed && !name.empty() && name.size() <= longest_region_name && name[0] != '-';
}

Settings load_settings() {
    Settings settings{.region = "local-1",
                      .free_space_reserve = Bytes::mebibytes(1024),
                      .memory_reserve = Bytes::mebibytes(512)};
    apply_file(settings, configuration_file());
    apply_environment(settings);
    fill_defaults(settings);
    check(settings);
    return settings;
}

}  // namespace kiln
