#include "builder/offline/package_download.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "builder/offline/apt_sources.hpp"
#include "builder/steps/build.hpp"

namespace kiln::builder {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t most_words = 2000;

Command apt(const AptState& state, std::vector<std::string> arguments) {
    return {.arguments = std::move(arguments),
            .time_limit = state.time_limit,
            .environment = {"APT_CONFIG=" + (state.directory / "apt.conf").string(),
                            "DEBIAN_FRONTEND=noninteractive"},
            .stop = state.stop};
}

void make_directories(const AptState& state) {
    for (const char* name :
         {"etc/apt.conf.d", "etc/preferences.d", "etc/sources.list.d", "etc/trusted.gpg.d",
          "etc/auth.conf.d", "state/lists/partial", "cache/archives/partial", "log"}) {
        fs::create_directories(state.directory / name);
    }
    write_file_atomically(state.directory / "apt.conf",
                          apt_configuration({.directory = state.directory.string(),
                                             .architecture = state.architecture}),
                          0600);
}

/// Its errors, else its last words.
std::string words_of(const ProcessResult& result) {
    std::string errors;
    for (const std::string& line : split(result.standard_error, '\n')) {
        if (line.starts_with("E: ")) errors += line + '\n';
    }
    std::string_view words = trim(errors.empty() ? result.standard_error : errors);
    if (words.size() > most_words) words.remove_prefix(words.size() - most_words);
    return std::string(words);
}

std::string nearest_package(const AptState& state, const std::string& missing) {
    const ProcessResult names = run_process(apt(state, {"apt-cache", "pkgnames"}));
    if (names.exit_status != 0) return "";
    const auto near = nearest(missing, split(names.standard_output, '\n'));
    return near ? fmt::format(": did you mean {}?", *near) : "";
}

Error download_failed(const AptState& state, const ProcessResult& result) {
    const std::string missing = missing_package(result.standard_error);
    if (missing.empty()) {
        return build_failed(fmt::format("the packages cannot be downloaded: {}", words_of(result)));
    }
    return build_failed(fmt::format("no package '{}' in {}{}", missing, state.release,
                                    nearest_package(state, missing)));
}

}  // namespace

std::string missing_package(std::string_view said) {
    // "E: Unable to locate package ngnix"
    // "E: Package 'ngnix' has no installation candidate"
    constexpr std::string_view unknown = "E: Unable to locate package ";
    constexpr std::string_view without_candidate = "' has no installation candidate";
    for (const std::string& line : split(said, '\n')) {
        if (line.starts_with(unknown)) return line.substr(unknown.size());
        const std::size_t end = line.find(without_candidate);
        const std::size_t begin = line.find('\'');
        if (end != std::string::npos && begin < end) return line.substr(begin + 1, end - begin - 1);
    }
    return "";
}

std::vector<fs::path> download_packages(const AptState& state,
                                        const std::vector<std::string>& packages) {
    make_directories(state);
    state.on_log("reading the lists of packages");
    const ProcessResult update = run_process(apt(state, {"apt-get", "--quiet=2", "update"}));
    if (update.exit_status != 0) {
        throw build_failed(
            fmt::format("the lists of packages cannot be read: {}", words_of(update)));
    }
    std::vector<std::string> arguments{"apt-get",         "--quiet=2",
                                       "--yes",           "install",
                                       "--download-only", "--no-install-recommends",
                                       "--no-remove",     "--"};
    arguments.insert(arguments.end(), packages.begin(), packages.end());
    const ProcessResult result = run_process(apt(state, std::move(arguments)));
    if (result.exit_status != 0) throw download_failed(state, result);
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(state.directory / "cache/archives")) {
        if (entry.path().extension() == ".deb") files.push_back(entry.path());
    }
    std::ranges::sort(files);
    return files;
}

}  // namespace kiln::builder
