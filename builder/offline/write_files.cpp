#include <fmt/format.h>

#include "builder/offline/guest_accounts.hpp"
#include "builder/offline/offline_steps.hpp"
#include "builder/steps/build.hpp"

namespace kiln::builder {

namespace {

struct Owner {
    std::uint32_t user = 0;
    std::uint32_t group = 0;
};

std::uint32_t user_number(MountedSystem& system, const RecipeFile& file) {
    if (file.owner == "root") return 0;
    if (const auto number = numeric_id(file.owner)) return *number;
    const auto user = find_user(system.read("/etc/passwd").value_or(""), file.owner);
    if (user) return user->uid;
    throw build_failed(fmt::format(
        "'{}' cannot be {}'s: the system has no such user. Make one with a users step before",
        file.path, file.owner));
}

std::uint32_t group_number(MountedSystem& system, const RecipeFile& file) {
    if (file.group == "root") return 0;
    if (const auto number = numeric_id(file.group)) return *number;
    const auto group = find_group(system.read("/etc/group").value_or(""), file.group);
    if (group) return *group;
    throw build_failed(fmt::format("'{}' cannot be of the group {}: the system has no such group",
                                   file.path, file.group));
}

void write_file(MountedSystem& system, const RecipeFile& file) {
    const Owner owner{.user = user_number(system, file), .group = group_number(system, file)};
    const std::string directory = file.path.substr(0, file.path.rfind('/'));
    if (!directory.empty()) system.make_directory(directory);
    system.write(file.path, file.content, file.mode & 0777);
    system.set_owner(file.path, owner.user, owner.group);
    // Afterwards: a change of the owner takes the bits for set-user-ID away.
    system.set_mode(file.path, file.mode);
}

}  // namespace

void write_files(MountedSystem& system, const FilesStep& step) {
    for (const RecipeFile& file : step.files)
        write_file(system, file);
}

}  // namespace kiln::builder
