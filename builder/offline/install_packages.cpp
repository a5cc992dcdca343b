#include "builder/offline/install_packages.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/file.hpp"
#include "base/text.hpp"
#include "builder/offline/apt_sources.hpp"
#include "builder/offline/offline_steps.hpp"
#include "builder/offline/package_download.hpp"
#include "builder/recipe/target.hpp"
#include "builder/script/shell_text.hpp"
#include "builder/steps/build.hpp"

namespace kiln::builder {

namespace fs = std::filesystem;

namespace {

constexpr const char* status_of_packages = "/var/lib/dpkg/status";
constexpr const char* keys_of_system = "/etc/apt/trusted.gpg.d";
constexpr Bytes largest_status = Bytes::mebibytes(64);
constexpr std::size_t most_keyrings = 64;
constexpr std::size_t most_source_files = 64;
constexpr const char* arrival = "/var/cache/apt/kiln";  // on a disk that has room for packages

/// Says that no service is to be started, while it is there; deb-systemd-invoke and invoke-rc.d ask
/// it. A policy that the system has waits beside it. What a try that was cut off has left is no
/// policy of the system's, and no reason to fail.
constexpr const char* before_installation =
    "policy=/usr/sbin/policy-rc.d\n"
    "[ ! -e $policy ] || grep -q '^# kiln' $policy || mv $policy $policy.kiln\n"
    "printf '#!/bin/sh\\n# kiln\\nexit 101\\n' >$policy\n"
    "chmod 755 $policy\n"
    "dpkg --configure -a --force-confdef --force-confold || true\n";
constexpr const char* after_installation =
    "rm -f $policy\n"
    "[ ! -e $policy.kiln ] || mv $policy.kiln $policy\n";

void require_apt(MountedSystem& system) {
    system.require_runnable();
    if (system.exists(status_of_packages) && system.exists("/usr/bin/apt-get")) return;
    throw build_failed(
        "the system has no apt, with which packages are installed: use a run or a provision step");
}

void copy_keyrings(MountedSystem& system, const fs::path& to) {
    std::size_t count = 0;
    for (const std::string& name : system.names_in(keys_of_system)) {
        const bool is_keyring = name.ends_with(".gpg") || name.ends_with(".asc");
        if (!is_keyring || ++count > most_keyrings) continue;
        const auto keys = system.read(fmt::format("{}/{}", keys_of_system, name));
        // By a name of ours: the system's appliance may say any.
        const fs::path file = to / fmt::format("system-{}{}", count, name.substr(name.size() - 4));
        if (keys) write_file_atomically(file, *keys, 0644);
    }
}

/// Where the host's apt finds the keys of a source, which the system has.
std::string keyring_of(MountedSystem& system, const AptSource& source, const fs::path& directory,
                       std::size_t number) {
    if (source.signed_by.empty()) return "";
    const bool is_path = source.signed_by.starts_with('/');
    const auto keys =
        is_path ? system.read(source.signed_by) : std::optional<std::string>(source.signed_by);
    if (!keys) return "";
    const bool is_text = keys->starts_with("-----BEGIN");
    const fs::path file = directory / fmt::format("source-{}.{}", number, is_text ? "asc" : "gpg");
    write_file_atomically(file, *keys, 0644);
    return file.string();
}

std::vector<AptSource> own_sources(MountedSystem& system) {
    std::vector<AptSource> sources =
        read_sources("sources.list", system.read("/etc/apt/sources.list").value_or(""));
    const std::string directory = "/etc/apt/sources.list.d";
    std::size_t files = 0;
    for (const std::string& name : system.names_in(directory)) {
        if (++files > most_source_files) break;
        const auto text = system.read(fmt::format("{}/{}", directory, name));
        if (text) std::ranges::move(read_sources(name, *text), std::back_inserter(sources));
    }
    if (sources.size() > most_sources) sources.resize(most_sources);
    return sources;
}

std::vector<AptSource> sources_for(MountedSystem& system, const PackageInstallation& use,
                                   const std::string& release) {
    std::vector<AptSource> sources;
    if (!use.mirror.empty()) {
        sources.push_back({.uri = use.mirror, .suite = release, .components = {"main"}});
    } else {
        sources = own_sources(system);
    }
    if (!sources.empty()) return sources;
    throw build_failed(
        "the system's apt has no source of packages over http or https: name a mirror in the "
        "recipe");
}

/// Lays out what the host's apt is to know.
void prepare(MountedSystem& system, const PackageInstallation& use, const AptState& state) {
    const fs::path keys = state.directory / "etc/trusted.gpg.d";
    fs::create_directories(keys);
    copy_keyrings(system, keys);
    std::string lines;
    std::size_t number = 0;
    for (const AptSource& source : sources_for(system, use, state.release)) {
        if (!has_architecture(source, state.architecture)) continue;
        lines += source_line(source, keyring_of(system, source, state.directory, ++number));
    }
    write_file_atomically(state.directory / "etc/sources.list", lines, 0644);
    write_file_atomically(state.directory / "status",
                          system.read(status_of_packages, largest_status).value_or(""), 0644);
}

/// "nginx" of "nginx=1.22", "nginx/bookworm-backports" and "nginx:amd64".
std::string name_of(const std::string& wanted) {
    return wanted.substr(0, wanted.find_first_of("=/:"));
}

/// Of what comes along, only that is marked as wanted by somebody which was before: the rest may be
/// removed again with what needs it.
std::string installation(const std::vector<std::string>& packages) {
    std::vector<std::string> names;
    names.reserve(packages.size());
    for (const std::string& package : packages)
        names.push_back(name_of(package));
    return fmt::format(
        "cd {0}\n"
        "{{ apt-mark showmanual; printf '%s\\n' {1}; }} >wanted\n"
        "{2}"
        "apt-get --quiet=2 --yes --no-install-recommends --allow-downgrades "
        "-o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-unsafe-io "
        "-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "
        "install {0}/*.deb\n"
        "status=$?\n"
        "{3}"
        "[ $status = 0 ] || exit $status\n"
        "for file in *.deb; do grep -q -x -F \"${{file%.deb}}\" wanted || echo \"${{file%.deb}}\"; "
        "done >others\n"
        "[ ! -s others ] || xargs apt-mark auto <others >/dev/null\n",
        arrival, as_words(names), before_installation, after_installation);
}

/// "libc6.deb" of "libc6_2.36-9%3a1_amd64.deb": apt would take the sign for an address's.
std::string name_in_system(const fs::path& file) {
    const std::string name = file.filename().string();
    return name.substr(0, name.find('_')) + ".deb";
}

std::string release_of(MountedSystem& system, const PackageInstallation& use) {
    std::string name = system.code_name();
    if (!name.empty()) return name;
    if (use.mirror.empty()) return "its sources";
    throw build_failed(
        "the system does not say which release it is, so that a mirror of it cannot be named");
}

}  // namespace

void install_packages(MountedSystem& system, const PackagesStep& step,
                      const PackageInstallation& use) {
    require_apt(system);
    const AptState state{.directory = use.directory,
                         .architecture = target_of(use.architecture).debian,
                         .release = release_of(system, use),
                         .on_log = use.on_log,
                         .time_limit = use.time_limit,
                         .stop = use.stop};
    fs::remove_all(state.directory);
    prepare(system, use, state);
    system.allow(2 * use.time_limit);  // while the host's apt reads the lists, and downloads
    const std::vector<fs::path> files = download_packages(state, step.packages);
    if (files.empty()) {
        use.on_log("all of the packages are installed");
        return;
    }
    use.on_log(fmt::format("installing {} packages", files.size()));
    system.allow(use.time_limit);
    system.make_directory(arrival);
    for (const fs::path& file : files)
        system.upload(file, fmt::format("{}/{}", arrival, name_in_system(file)));
    const ScriptResult result = system.run({.text = installation(step.packages),
                                            .interpreter = "/bin/sh",
                                            .time_limit = use.time_limit});
    system.remove(arrival);
    log_lines(result.output, use.on_log);
    check_script(result, use.time_limit);
}

}  // namespace kiln::builder
