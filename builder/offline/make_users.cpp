#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/text.hpp"
#include "builder/offline/guest_accounts.hpp"
#include "builder/offline/offline_steps.hpp"
#include "builder/steps/build.hpp"

namespace kiln::builder {

namespace {

std::optional<GuestUser> look_up(MountedSystem& system, const std::string& name) {
    return find_user(system.read("/etc/passwd").value_or(""), name);
}

void make_groups(MountedSystem& system, const UserEntry& user) {
    const std::string present = system.read("/etc/group").value_or("");
    for (const std::string& group : user.groups) {
        if (!find_group(present, group)) system.command({"groupadd", group});
    }
}

void give_keys(MountedSystem& system, const UserEntry& user, const GuestUser& known) {
    if (user.ssh_keys.empty()) return;
    const std::string directory = known.home + "/.ssh";
    const std::string file = directory + "/authorized_keys";
    system.make_directory(directory);
    system.set_mode(directory, 0700);
    system.set_owner(directory, known.uid, known.gid);
    system.write(file, with_keys(system.read(file).value_or(""), user.ssh_keys), 0600);
    system.set_owner(file, known.uid, known.gid);
}

/// sudo passes over files whose names have a dot.
void let_become_root(MountedSystem& system, const UserEntry& user, const StepLog& log) {
    if (!user.sudo) return;
    if (!system.exists("/usr/bin/sudo"))
        log(fmt::format("{} may use sudo, which is not installed", user.name));
    std::string name = user.name;
    std::ranges::replace(name, '.', '_');
    system.make_directory("/etc/sudoers.d");
    system.write("/etc/sudoers.d/90-kiln-" + name,
                 fmt::format("{} ALL=(ALL:ALL) NOPASSWD: ALL\n", user.name), 0440);
}

void make_user(MountedSystem& system, const UserEntry& user, const StepLog& log) {
    make_groups(system, user);
    const bool exists = look_up(system, user.name).has_value();
    const std::vector<std::string> order = exists ? usermod(user) : useradd(user);
    if (!order.empty()) system.command(order);
    const auto known = look_up(system, user.name);
    if (!known) {
        throw build_failed(fmt::format("useradd ran, and the system has no user '{}'", user.name));
    }
    give_keys(system, user, *known);
    let_become_root(system, user, log);
}

}  // namespace

std::vector<std::string> useradd(const UserEntry& user) {
    std::vector<std::string> order{"useradd", "--create-home", "--user-group"};
    if (user.uid) order.insert(order.end(), {"--uid", std::to_string(*user.uid)});
    if (!user.groups.empty())
        order.insert(order.end(), {"--groups", fmt::format("{}", fmt::join(user.groups, ","))});
    if (!user.shell.empty()) order.insert(order.end(), {"--shell", user.shell});
    order.insert(order.end(), {"--", user.name});
    return order;
}

std::vector<std::string> usermod(const UserEntry& user) {
    std::vector<std::string> order{"usermod"};
    if (user.uid) order.insert(order.end(), {"--uid", std::to_string(*user.uid)});
    if (!user.groups.empty())
        order.insert(order.end(),
                     {"--append", "--groups", fmt::format("{}", fmt::join(user.groups, ","))});
    if (!user.shell.empty()) order.insert(order.end(), {"--shell", user.shell});
    if (order.size() == 1) return {};
    order.insert(order.end(), {"--", user.name});
    return order;
}

std::string with_keys(const std::string& present, const std::vector<std::string>& keys) {
    const std::vector<std::string> lines = split(present, '\n');
    std::string all = present;
    if (!all.empty() && !all.ends_with('\n')) all += '\n';
    for (const std::string& key : keys) {
        const std::string line(trim(key));
        if (std::ranges::find(lines, line) == lines.end()) all += line + '\n';
    }
    return all;
}

void make_users(MountedSystem& system, const UsersStep& step, const StepLog& log) {
    system.require_runnable();
    if (!system.exists("/usr/sbin/useradd") && !system.exists("/sbin/useradd")) {
        throw build_failed(
            "the system has no useradd, with which users are made: install the package passwd, or "
            "use a run step");
    }
    for (const UserEntry& user : step.users)
        make_user(system, user, log);
}

}  // namespace kiln::builder
