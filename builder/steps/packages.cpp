#include "builder/steps/packages.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <regex>

#include "base/error.hpp"
#include "base/process.hpp"
#include "base/text.hpp"

namespace kiln::builder {

namespace {

constexpr std::chrono::minutes time_to_unpack{30};
/// Where scripts of packages run under emulation: ten times as long.
constexpr std::chrono::hours time_to_emulate{5};

// std::regex needs stack for each character.
constexpr std::size_t max_uri_length = 1'024;

/// Whether an address of the host's apt means the same to a guest: no file, no proxy on loopback.
bool is_reachable_by_guests(const std::string& uri) {
    static const std::regex address("https?://(?!localhost|127\\.|\\[)[^/]+/.*");
    return uri.size() < max_uri_length && std::regex_match(uri, address);
}

/// One line for apt's sources for each suite that the host's apt has of this Debian release, so
/// that builds use the mirror that the host uses; none when the host is no such Debian.
std::vector<std::string> host_sources(const Build& build) {
    const ProcessResult result =
        run_process({.arguments = {"apt-get", "indextargets", "--format",
                                   "$(CODENAME) $(REPO_URI) $(COMPONENT) $(ORIGIN)",
                                   "Created-By: Packages", "Origin: Debian", "Component: main"},
                     .stop = build.stop});
    if (result.exit_status != 0) return {};
    std::vector<std::string> sources;
    bool has_release = false;
    for (const std::string& line : split(result.standard_output, '\n')) {
        const std::vector<std::string> fields = split(line, ' ');
        const std::string& codename = fields.front();
        if (fields.size() < 4 || !codename.starts_with(build.recipe.suite)) continue;
        if (!is_reachable_by_guests(fields[1])) continue;
        has_release = has_release || codename == build.recipe.suite;
        std::string source = fmt::format("deb {} {} {}", fields[1], codename, fields[2]);
        if (std::ranges::find(sources, source) == sources.end()) {
            sources.push_back(std::move(source));
        }
    }
    return has_release ? sources : std::vector<std::string>{};
}

/// Proxies of the host's apt, as environment variables, so that they stay out of the image.
std::vector<std::string> host_proxies(const Build& build) {
    std::vector<std::string> environment;
    for (const std::string scheme : {"http", "https"}) {
        const ProcessResult result =
            run_process({.arguments = {"apt-config", "shell", "proxy",
                                       fmt::format("Acquire::{}::Proxy", scheme)},
                         .stop = build.stop});
        const std::string_view answer = trim(result.standard_output);
        constexpr std::string_view begin = "proxy='";
        if (result.exit_status != 0 || !answer.starts_with(begin)) continue;
        const std::string_view proxy = answer.substr(begin.size());
        environment.push_back(
            fmt::format("{}_proxy={}", scheme, proxy.substr(0, proxy.find('\''))));
    }
    return environment;
}

std::vector<std::string> sources_of(const Build& build) {
    if (build.recipe.mirror.empty()) return host_sources(build);
    return {fmt::format("deb {} {} main", build.recipe.mirror, build.recipe.suite)};
}

int number_before(std::string_view line, std::string_view words) {
    const std::size_t end = line.find(words);
    if (end == std::string_view::npos) return 0;
    const std::size_t space = line.substr(0, end).find_last_of(' ');
    const std::string_view digits = line.substr(space + 1, end - space - 1);
    int number = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return number;
}

}  // namespace

MmdebstrapProgress::Update MmdebstrapProgress::installing() const {
    // About a third of the work is the essential packages, the rest the others.
    const int begin = package_sets_ <= 1 ? 10 : 35;
    const int end = package_sets_ <= 1 ? 35 : 98;
    const int done = packages_ == 0 ? 0 : std::min(lines_ * 100 / (2 * packages_), 100);
    return {.percent = begin + (end - begin) * done / 100, .step = "installing packages"};
}

std::optional<MmdebstrapProgress::Update> MmdebstrapProgress::on_line(std::string_view line) {
    Update update;
    if (line.starts_with("I: running apt-get update")) {
        update = {.percent = 1, .step = "reading the package lists"};
    } else if (line.starts_with("I: downloading packages")) {
        update = {.percent = 5, .step = "downloading packages"};
    } else if (const int count = number_before(line, " newly installed"); count > 0) {
        ++package_sets_;
        packages_ = count;
        lines_ = 0;
        return std::nullopt;
    } else if (line.starts_with("Unpacking ") || line.starts_with("Setting up ")) {
        ++lines_;
        update = installing();
    } else {
        return std::nullopt;
    }
    if (update.percent <= percent_) return std::nullopt;
    percent_ = update.percent;
    return update;
}

void run_mmdebstrap(const Build& build, const Mmdebstrap& run) {
    Tool tool{.name = "mmdebstrap",
              .environment = host_proxies(build),
              .time_limit = is_foreign(build.target) ? time_to_emulate : time_to_unpack};
    if (::geteuid() == 0) {
        // Its mounts and its processes go with these namespaces, however it ends: what removes the
        // work directory afterwards must never see the host's /dev in it.
        tool.arguments = {"unshare", "--mount", "--pid", "--fork", "--kill-child"};
        // In a chroot "/" is no mount point whose propagation could be changed.
        const bool in_chroot =
            run_process({.arguments = {"unshare", "--mount", "true"}}).exit_status != 0;
        if (in_chroot) tool.arguments.insert(tool.arguments.end(), {"--propagation", "unchanged"});
    }
    tool.arguments.insert(tool.arguments.end(), {"mmdebstrap", "--verbose"});
    if (is_foreign(build.target))
        tool.arguments.push_back(fmt::format("--architectures={}", build.target.debian));
    tool.arguments.insert(tool.arguments.end(), run.options.begin(), run.options.end());
    tool.arguments.insert(tool.arguments.end(), {build.recipe.suite, run.target});
    const std::vector<std::string> sources = sources_of(build);
    tool.arguments.insert(tool.arguments.end(), sources.begin(), sources.end());
    MmdebstrapProgress progress;
    tool.on_line = [&](std::string_view line) {
        const auto update = progress.on_line(line);
        if (!update) return;
        const int width = run.last_percent - run.first_percent;
        build.report(run.first_percent + width * update->percent / 100, update->step);
    };
    run_tool(build, tool);
}

}  // namespace kiln::builder
