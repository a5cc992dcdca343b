#include "builder/steps/programs.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace kiln::builder {

namespace fs = std::filesystem;

namespace {

/// The packages' own dynamic loader says which libraries a program needs.
std::string list_libraries(const Build& build, const fs::path& program) {
    const std::string directories = fmt::format(
        "{0}/lib/{1}:{0}/usr/lib/{1}", build.packages_tree().string(), build.target.libraries);
    return run_guest_program(build, {build.packages_tree() / build.target.loader, "--library-path",
                                     directories, "--list", program});
}

void install_libraries(const Build& build, const fs::path& program) {
    const fs::path libraries = fs::path("usr/lib") / build.target.libraries;
    for (const std::string& line : split(list_libraries(build, program), '\n')) {
        const std::size_t arrow = line.find(" => ");
        if (arrow == std::string::npos) continue;
        const fs::path name(std::string(trim(line.substr(0, arrow))));
        const std::string from = line.substr(arrow + 4, line.rfind(" (") - arrow - 4);
        if (!from.starts_with(build.packages_tree().string())) {
            throw build_failed(fmt::format("'{}' needs the library {}, which no package holds",
                                           program.filename().string(), name.string()));
        }
        // The loader itself has a fixed place; the others lie where it looks for them.
        const fs::path directory =
            name.is_absolute() ? fs::path(build.target.loader_place) : libraries;
        copy_as(from, build.root_tree() / directory / name.filename(), executable);
    }
}

}  // namespace

std::string run_guest_program(const Build& build, std::vector<std::string> arguments) {
    Tool tool{.arguments = std::move(arguments), .name = build.target.interpreter};
    if (is_foreign(build.target)) {
        tool.arguments.insert(tool.arguments.begin(), build.target.interpreter);
    } else {
        tool.name.clear();
    }
    return run_tool(build, tool);
}

void install_busybox(const Build& build) {
    const fs::path busybox = build.packages_tree() / "bin/busybox";
    const fs::path bin = build.root_tree() / "usr/bin";
    copy_as(busybox, bin / "busybox", executable);
    for (const std::string& applet : split(run_guest_program(build, {busybox, "--list"}), '\n')) {
        if (applet.empty() || applet == "busybox") continue;
        fs::create_symlink("busybox", bin / applet);
    }
}

void install_program(const Build& build, const fs::path& program) {
    const fs::path from = build.packages_tree() / program;
    copy_as(from, build.root_tree() / "usr/bin" / program.filename(), executable);
    install_libraries(build, from);
}

void copy_as(const fs::path& from, const fs::path& to, fs::perms mode) {
    fs::create_directories(to.parent_path());
    fs::copy_file(from, to, fs::copy_options::overwrite_existing);
    fs::permissions(to, mode);
}

}  // namespace kiln::builder
