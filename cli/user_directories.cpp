#include "cli/user_directories.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <string>

#include "base/environment.hpp"
#include "base/error.hpp"

namespace kiln::cli {

namespace {

std::filesystem::path below(const char* xdg_variable, const char* below_home) {
    const std::string xdg = environment_variable(xdg_variable);
    if (!xdg.empty()) return std::filesystem::path(xdg) / "kiln";
    const std::string home = environment_variable("HOME");
    if (home.empty()) {
        throw Error("InvalidConfiguration", "HOME",
                    fmt::format("neither {} nor HOME is set, so there is no place for your keys",
                                xdg_variable));
    }
    return std::filesystem::path(home) / below_home / "kiln";
}

}  // namespace

std::filesystem::path user_config_directory() {
    return below("XDG_CONFIG_HOME", ".config");
}

std::filesystem::path user_state_directory() {
    return below("XDG_STATE_HOME", ".local/state");
}

void make_private_directory(const std::filesystem::path& path) {
    constexpr mode_t only_owner = 0700;
    if (std::filesystem::exists(path)) return;
    std::filesystem::create_directories(path);
    if (::chmod(path.c_str(), only_owner) != 0) {
        throw system_error(fmt::format("make '{}'", path.string()));
    }
}

}  // namespace kiln::cli
