#include "builder/offline/seal.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace kiln::builder {

namespace {

constexpr const char* trial_key_ending = " kiln-trial";

struct Rule {
    SealWay way;
    const char* pattern;
};

// Empty, not missing: systemd then makes one at boot without taking the boot for a first one.
constexpr Rule of_machine_id[] = {{SealWay::make_empty, "/etc/machine-id"},
                                  {SealWay::remove, "/var/lib/dbus/machine-id"},
                                  {SealWay::remove, "/var/lib/systemd/credential.secret"}};
constexpr Rule of_host_keys[] = {{SealWay::remove, "/etc/ssh/ssh_host_*"},
                                 {SealWay::remove, "/etc/dropbear/*host_key*"}};
// All but a seed that somebody put there, as `cloud-init clean` has it; and what the tiny image,
// which has no cloud-init, remembers.
constexpr Rule of_cloud_init[] = {
    {SealWay::remove, "/var/lib/cloud/[!s]*"},
    {SealWay::remove, "/var/lib/cloud/sem"},
    {SealWay::remove, "/var/lib/cloud/scripts"},
    {SealWay::remove, "/etc/netplan/50-cloud-init.yaml"},
    {SealWay::remove, "/etc/network/interfaces.d/50-cloud-init*"},
    {SealWay::remove, "/etc/systemd/network/10-cloud-init*"},
    {SealWay::remove, "/var/lib/kiln/*"},
};
constexpr Rule of_logs[] = {
    {SealWay::remove, "/var/log/journal/*"},
    {SealWay::remove, "/var/log/apt/*"},
    {SealWay::remove, "/var/log/*.gz"},
    {SealWay::remove, "/var/log/*.[0-9]"},
    {SealWay::remove, "/var/log/*/*.gz"},
    {SealWay::remove, "/var/log/*/*.[0-9]"},
    {SealWay::empty_below, "/var/log"},
    {SealWay::remove, "/var/crash/*"},
    {SealWay::remove, "/var/lib/systemd/coredump/*"},
};
constexpr Rule of_shell_history[] = {
    {SealWay::remove, "/root/.*_history"}, {SealWay::remove, "/home/*/.*_history"},
    {SealWay::remove, "/root/.lesshst"},   {SealWay::remove, "/home/*/.lesshst"},
    {SealWay::remove, "/root/.viminfo"},   {SealWay::remove, "/home/*/.viminfo"},
    {SealWay::remove, "/root/.wget-hsts"}, {SealWay::remove, "/home/*/.wget-hsts"},
};
// And the rules by which older udevs knew network cards again by their addresses.
constexpr Rule of_leases[] = {
    {SealWay::remove, "/var/lib/dhcp/*"},
    {SealWay::remove, "/var/lib/dhclient/*"},
    {SealWay::remove, "/var/lib/dhcpcd/*"},
    {SealWay::remove, "/var/lib/NetworkManager/*.lease"},
    {SealWay::remove, "/var/lib/NetworkManager/secret_key"},
    {SealWay::remove, "/var/lib/systemd/network/*"},
    {SealWay::remove, "/etc/udev/rules.d/70-persistent-net.rules"},
};
constexpr Rule of_random_seed[] = {{SealWay::remove, "/var/lib/systemd/random-seed"},
                                   {SealWay::remove, "/var/lib/urandom/random-seed"},
                                   {SealWay::remove, "/boot/efi/loader/random-seed"}};
constexpr Rule of_package_cache[] = {
    {SealWay::remove, "/var/cache/apt/*.bin"},
    {SealWay::remove, "/var/cache/apt/archives/*.deb"},
    {SealWay::remove, "/var/cache/apt/archives/partial/*"},
    {SealWay::remove, "/var/lib/apt/lists/*"},
    {SealWay::remove, "/var/cache/debconf/*-old"},
    {SealWay::remove, "/var/cache/dnf/*"},
    {SealWay::remove, "/var/cache/yum/*"},
};
constexpr Rule of_everything[] = {
    {SealWay::remove, "/tmp/*"},       {SealWay::remove, "/tmp/.[!.]*"},
    {SealWay::remove, "/var/tmp/*"},   {SealWay::remove, "/var/tmp/.[!.]*"},
    {SealWay::remove, "/etc/passwd-"}, {SealWay::remove, "/etc/shadow-"},
    {SealWay::remove, "/etc/group-"},  {SealWay::remove, "/etc/gshadow-"},
    {SealWay::remove, "/etc/subuid-"}, {SealWay::remove, "/etc/subgid-"},
};

constexpr const char* host_keys_service = "/etc/systemd/system/ssh.service.d/kiln-host-keys.conf";
constexpr const char* host_keys_made_first =
    "# The system was sealed, and nothing else in it makes host keys.\n"
    "[Service]\n"
    "ExecStartPre=\n"
    "ExecStartPre=/usr/bin/ssh-keygen -A\n"
    "ExecStartPre=/usr/sbin/sshd -t\n";

void carry_out(MountedSystem& system, const SealRule& rule) {
    if (rule.way == SealWay::empty_below) {
        for (const std::string& file : system.files_below(rule.pattern))
            system.make_empty(file);
        return;
    }
    for (const std::string& path : system.matching(rule.pattern)) {
        if (rule.way == SealWay::remove) {
            system.remove(path);
        } else {
            system.make_empty(path);
        }
    }
}

bool is_kept(const SealStep& step, SealedThing thing) {
    return std::ranges::find(step.keep, thing) != step.keep.end();
}

/// Debian's sshd does not start without host keys, and has none made but when it is installed.
void let_host_keys_be_made(MountedSystem& system, const StepLog& log) {
    if (system.exists("/usr/bin/cloud-init") || !system.exists("/usr/sbin/sshd")) return;
    if (!system.exists("/lib/systemd/system/ssh.service")) return;
    system.make_directory("/etc/systemd/system/ssh.service.d");
    system.write(host_keys_service, host_keys_made_first, 0644);
    log("there is no cloud-init: sshd makes its host keys when it starts");
}

}  // namespace

std::vector<SealRule> seal_rules(const SealStep& step) {
    std::vector<SealRule> rules;
    const auto add = [&](std::optional<SealedThing> thing, const auto& table) {
        if (thing && is_kept(step, *thing)) return;
        for (const Rule& rule : table)
            rules.push_back({.thing = thing, .way = rule.way, .pattern = rule.pattern});
    };
    add(SealedThing::machine_id, of_machine_id);
    add(SealedThing::host_keys, of_host_keys);
    add(SealedThing::cloud_init, of_cloud_init);
    add(SealedThing::logs, of_logs);
    add(SealedThing::shell_history, of_shell_history);
    add(SealedThing::leases, of_leases);
    add(SealedThing::random_seed, of_random_seed);
    add(SealedThing::package_cache, of_package_cache);
    add(std::nullopt, of_everything);
    return rules;
}

namespace {

/// Of whom a trial of a build let in.
void forget_trials(MountedSystem& system) {
    for (const char* pattern : {"/root/.ssh/authorized_keys", "/home/*/.ssh/authorized_keys"}) {
        for (const std::string& path : system.matching(pattern)) {
            const std::string before = system.read(path).value_or("");
            const std::string after = without_trial_keys(before);
            if (after != before) system.rewrite(path, after);
        }
    }
}

}  // namespace

std::string without_trial_keys(const std::string& keys) {
    std::string others;
    for (std::size_t begin = 0; begin < keys.size();) {
        const std::size_t end = std::min(keys.find('\n', begin), keys.size() - 1) + 1;
        const std::string_view line = std::string_view(keys).substr(begin, end - begin);
        if (!trim(line).ends_with(trial_key_ending)) others += line;
        begin = end;
    }
    return others;
}

void seal(MountedSystem& system, const SealStep& step, const StepLog& log) {
    forget_trials(system);
    for (const SealRule& rule : seal_rules(step))
        carry_out(system, rule);
    if (!is_kept(step, SealedThing::host_keys)) let_host_keys_be_made(system, log);
}

}  // namespace kiln::builder
