#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace kiln::builder {

/// The steps of a recipe, as plain values: all texts are checked and all files are read.

using Environment = std::vector<std::pair<std::string, std::string>>;  // names and values

/// Installs packages with the guest's own package system. Offline.
struct PackagesStep {
    std::vector<std::string> packages;

    bool operator==(const PackagesStep&) const = default;
};

struct RecipeFile {
    std::string path;     // absolute, in the guest; directories that are missing are made
    std::string content;  // any bytes
    std::uint32_t mode = 0644;
    std::string owner = "root";  // a name that the guest knows, or a number
    std::string group = "root";

    bool operator==(const RecipeFile&) const = default;
};
/// Writes files; what was there goes. Offline.
struct FilesStep {
    std::vector<RecipeFile> files;

    bool operator==(const FilesStep&) const = default;
};

struct UserEntry {
    std::string name;
    std::optional<std::uint32_t> uid;   // absent: the next that is free
    std::vector<std::string> groups;    // besides its own; they exist or are made
    std::string shell;                  // empty: what the guest gives to new users
    std::vector<std::string> ssh_keys;  // lines of authorized_keys, added to those that are there
    bool sudo = false;                  // anything, without a password

    bool operator==(const UserEntry&) const = default;
};
/// Makes users, or changes those that exist. Offline.
struct UsersStep {
    std::vector<UserEntry> users;

    bool operator==(const UsersStep&) const = default;
};

inline constexpr const char* default_interpreter = "/bin/sh -eu";

/// Runs a script as root in the guest's file systems, without a boot. Offline.
struct RunStep {
    std::string script;
    std::string interpreter = default_interpreter;  // a program of the guest and its options
    Environment environment;

    bool operator==(const RunStep&) const = default;
};

/// Runs a script as root in an instance that was booted from the layers so far. Online.
struct ProvisionStep {
    std::string script;
    std::string interpreter = default_interpreter;
    Environment environment;
    std::string login_user;  // who logs in where the guest has no agent; empty: the image's

    bool operator==(const ProvisionStep&) const = default;
};

/// Boots an instance with this cloud-config as its user data, and waits for cloud-init's end.
/// Online.
struct CloudConfigStep {
    std::string text;

    bool operator==(const CloudConfigStep&) const = default;
};

/// What sealing removes, since each instance must have its own, or nobody should see it.
enum class SealedThing {
    machine_id,
    host_keys,   // of sshd and dropbear
    cloud_init,  // what cloud-init remembers of the instance that it ran in
    logs,
    shell_history,
    leases,  // of DHCP
    random_seed,
    package_cache,  // downloaded packages and lists
};
/// Makes the system one to start others from. Offline.
struct SealStep {
    std::vector<SealedThing> keep;

    bool operator==(const SealStep&) const = default;
};

using StepAction = std::variant<PackagesStep, FilesStep, UsersStep, RunStep, ProvisionStep,
                                CloudConfigStep, SealStep>;

/// One step: what it does, and how often and how long it may be tried.
struct Step {
    std::string name;  // for people
    StepAction action;
    int retries = 0;                                             // after the first failure
    std::chrono::seconds time_limit = std::chrono::minutes(10);  // of each try

    bool operator==(const Step&) const = default;
};

/// Whether it needs an instance.
inline bool is_online(const Step& step) {
    return std::holds_alternative<ProvisionStep>(step.action) ||
           std::holds_alternative<CloudConfigStep>(step.action);
}

/// A script that must succeed in an instance of the candidate.
struct VerifyRun {
    std::string script;
    std::string interpreter = default_interpreter;
    Environment environment;

    bool operator==(const VerifyRun&) const = default;
};
/// A page that an instance of the candidate must serve, asked from the host.
struct VerifyFetch {
    std::uint16_t port = 80;
    std::string path = "/";
    std::uint16_t expected_status = 200;
    std::string expected_text;  // somewhere in the body; empty: any

    bool operator==(const VerifyFetch&) const = default;
};
struct VerifyStep {
    std::string name;
    std::variant<VerifyRun, VerifyFetch> check;
    int retries = 0;
    std::chrono::seconds time_limit = std::chrono::minutes(2);  // of each try

    bool operator==(const VerifyStep&) const = default;
};

}  // namespace kiln::builder
