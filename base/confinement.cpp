#include "base/confinement.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/users.hpp"

namespace kiln {

namespace {

using Arguments = std::vector<std::string>;

/// Debian gives neither people nor its own users ids from here on (policy 9.2.2).
constexpr uid_t first_unused_user = 64700;
constexpr uid_t unused_users = 200;
constexpr const char* most_open_files = "64";
// Threads' stacks and heaps of their own reserve 8 and 64 MiB of address space each: a program with
// some dozens of them would have none left.
constexpr Bytes stack_of_a_thread = Bytes::mebibytes(1);
constexpr const char* one_heap = "MALLOC_ARENA_MAX=1";
constexpr const char* search_path = "PATH=/usr/local/bin:/usr/bin:/bin";

/// An ordinary user makes a network namespace within a user namespace, where that is allowed.
/// With its own process ids: what it leaves running ends with it.
Arguments in_namespaces() {
    Arguments arguments{"unshare"};
    if (::geteuid() != 0) arguments.insert(arguments.end(), {"--user", "--map-current-user"});
    arguments.insert(arguments.end(), {"--net", "--ipc", "--pid", "--fork", "--kill-child", "--"});
    return arguments;
}

bool succeeds(const Arguments& arguments) {
    try {
        return run_process({.arguments = arguments}).exit_status == 0;
    } catch (const Error& error) {
        log::debug("{}", error.message());
        return false;
    }
}

/// A container may forbid it. Asked until it is so once.
bool may_make_namespaces() {
    static std::atomic<bool> may = false;
    if (may) return true;
    Arguments trial = in_namespaces();
    trial.emplace_back("true");
    may = succeeds(trial);
    if (!may)
        log::warn(
            "programs that read foreign files keep the network: this host makes no namespaces");
    return may;
}

Arguments limits(const Confinement& confinement) {
    return {"prlimit",
            fmt::format("--as={}", confinement.memory.value),
            fmt::format("--cpu={}", confinement.processor_time.count()),
            fmt::format("--fsize={}", confinement.largest_file.value),
            fmt::format("--nofile={}", most_open_files),
            fmt::format("--stack={}", stack_of_a_thread.value),
            "--core=0",
            "--"};
}

Arguments as_user(const std::optional<uid_t>& user) {
    // After the change of user: it would end the wish to die with the caller.
    Arguments arguments{"setpriv", "--no-new-privs", "--pdeathsig", "KILL"};
    if (user) {
        const Arguments change{fmt::format("--reuid={}", *user), fmt::format("--regid={}", *user),
                               "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"};
        arguments.insert(arguments.end(), change.begin(), change.end());
    }
    arguments.emplace_back("--");
    return arguments;
}

}  // namespace

Command confined(Command command, const Confinement& confinement) {
    Arguments all;
    const auto add = [&](const Arguments& more) {
        all.insert(all.end(), more.begin(), more.end());
    };
    if (may_make_namespaces()) add(in_namespaces());
    add(as_user(confinement.user));
    // Last, so that the others need not live with so little.
    add(limits(confinement));
    // Nothing of what the service was told.
    add({"env", "-i", "LC_ALL=C", search_path, one_heap});
    add(command.arguments);
    command.arguments = std::move(all);
    command.working_directory = "/";
    command.ends_with_caller = true;
    return command;
}

std::optional<uid_t> unused_user(unsigned slot) {
    if (::geteuid() != 0) return std::nullopt;
    unsigned found = 0;
    for (uid_t user = first_unused_user; user < first_unused_user + unused_users; ++user) {
        if (name_of_user(user)) continue;
        if (found++ < slot) continue;
        if (succeeds({"setpriv", fmt::format("--reuid={}", user), fmt::format("--regid={}", user),
                      "--clear-groups", "true"})) {
            return user;
        }
        log::warn("programs that read foreign files run as this service: it may not become user {}",
                  user);
        return std::nullopt;
    }
    throw Error(
        error_code::internal_error, "",
        fmt::format(
            "every user id from {} to {} has a name on this host, so that there is none to read "
            "foreign files with",
            first_unused_user, first_unused_user + unused_users - 1));
}

}  // namespace kiln
