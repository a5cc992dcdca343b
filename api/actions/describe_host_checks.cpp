#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <vector>

#include "api/action.hpp"
#include "base/file.hpp"
#include "base/file_readers.hpp"
#include "base/process.hpp"
#include "base/settings.hpp"
#include "base/text.hpp"
#include "builder/inspection/appliance_check.hpp"
#include "hypervisor/domain/architecture.hpp"
#include "hypervisor/firmware/firmware.hpp"
#include "hypervisor/hypervisor.hpp"
#include "launcher/launcher.hpp"
#include "launcher/regions/regions.hpp"

namespace kiln::api {

namespace {

struct Check {
    std::string name;
    std::string status;  // "ok", "warning", "failed"
    std::string message;
    std::string remedy;  // empty: none is needed
};

struct Result {
    std::vector<Check> checks;
};

Structure<Result> output() {
    const auto item = Structure<Check>()
                          .text("Name", "name", [](const Check& c) { return c.name; })
                          .text("Status", "status", [](const Check& c) { return c.status; })
                          .text("Message", "message", [](const Check& c) { return c.message; })
                          .text("Remedy", "remedy", [](const Check& c) { return c.remedy; });
    return Structure<Result>().list(
        "Checks", "checkSet", item, [](const Result& r) -> const auto& { return r.checks; });
}

Check check_acceleration(const hypervisor::AcceleratorVerdict& verdict) {
    Check check{.name = fmt::format("guests of {}", hypervisor::ec2_name(verdict.architecture)),
                .status = "ok",
                .message = verdict.reason};
    if (!verdict.accelerator) {
        check.status = "warning";
        check.remedy = fmt::format("apt-get install {}; then start the service again",
                                   hypervisor::qemu_package(verdict.architecture));
    } else if (hypervisor::runs_natively(verdict.architecture, hypervisor::host_architecture()) &&
               *verdict.accelerator == hypervisor::Accelerator::tcg) {
        // Others are emulated, which is as it must be.
        check.status = "warning";
        check.message = "they are emulated: " + verdict.reason;
        check.remedy =
            "guests work, but slowly; enable virtualization in the firmware (or nested "
            "virtualization in the outer host) and load kvm_intel or kvm_amd";
    }
    return check;
}

/// What a check says, or `failure` with the cause: one that fails must not keep the others from
/// being told.
Check or_else(Check failure, const std::function<Check()>& check) {
    try {
        return check();
    } catch (const Error& error) {
        failure.message = error.message();
        return failure;
    }
}

Check check_libvirt(hypervisor::Hypervisor& hypervisor, const std::string& uri) {
    return or_else(
        {.name = "libvirt",
         .status = "failed",
         .remedy = "start libvirtd (systemctl start libvirtd), and be in the group libvirt"},
        [&] {
            const auto versions = hypervisor.host_versions();
            return Check{.name = "libvirt",
                         .status = "ok",
                         .message = fmt::format("libvirt {} at {}, QEMU {}", versions.libvirt, uri,
                                                versions.qemu)};
        });
}

Check check_qemu() {
    return or_else(
        {.name = "qemu", .status = "failed", .remedy = "apt-get install qemu-system-x86"}, [] {
            return Check{
                .name = "qemu",
                .status = "ok",
                .message = hypervisor::qemu_version(hypervisor::GuestArchitecture::x86_64)};
        });
}

/// Of the architectures that the host can run.
Check check_firmware(const hypervisor::Accelerators& accelerators) {
    Check check{.name = "firmware", .status = "ok", .message = "BIOS"};
    std::vector<std::string> packages;
    const auto look_for = [&](hypervisor::GuestArchitecture architecture, bool secure) {
        if (!accelerators.can_run(architecture)) return;
        const std::string what = fmt::format("{} for {}", secure ? "Secure Boot" : "UEFI",
                                             hypervisor::ec2_name(architecture));
        if (const auto firmware = hypervisor::find_uefi_firmware(architecture, secure)) {
            check.message += fmt::format(", {} from {}", what, firmware->code.string());
            return;
        }
        check.status = "warning";
        check.message += fmt::format(", no {}: such images cannot be launched", what);
        const std::string package = hypervisor::firmware_package(architecture);
        if (std::ranges::find(packages, package) == packages.end()) packages.push_back(package);
    };
    look_for(hypervisor::GuestArchitecture::x86_64, false);
    look_for(hypervisor::GuestArchitecture::x86_64, true);
    look_for(hypervisor::GuestArchitecture::aarch64, false);
    if (!packages.empty())
        check.remedy = fmt::format("apt-get install {}", fmt::join(packages, " "));
    return check;
}

Check check_tpm() {
    return or_else(
        {.name = "tpm",
         .status = "warning",
         .remedy = "images with TPM support need it: apt-get install swtpm swtpm-tools"},
        [] {
            const std::string version = run_checked({.arguments = {"swtpm", "--version"}});
            // Its --version has the exit status 1.
            run_checked({.arguments = {"swtpm_setup", "--print-capabilities"}});
            return Check{
                .name = "tpm", .status = "ok", .message = version.substr(0, version.find('\n'))};
        });
}

Check check_appliance(const hypervisor::Accelerators& accelerators) {
    return or_else({.name = "libguestfs",
                    .status = "warning",
                    .remedy = "apt-get install libguestfs0 supermin linux-image-cloud-amd64; a "
                              "kernel in /boot must be readable"},
                   [&] {
                       return Check{
                           .name = "libguestfs",
                           .status = "ok",
                           .message = builder::check_appliance(accelerators.host_uses_kvm())};
                   });
}

Check check_space(const images::Pool& pool, const Settings& settings) {
    const Bytes free = free_space(pool.directory());
    const std::string message = fmt::format(
        "{} MiB free in {} (new instances are refused below {} MiB)", free.in_mebibytes(),
        pool.directory().string(), settings.free_space_reserve.in_mebibytes());
    if (free >= settings.free_space_reserve) {
        return {.name = "space", .status = "ok", .message = message};
    }
    return {.name = "space",
            .status = "failed",
            .message = message,
            .remedy = "free some space, or put state_dir on a larger disk"};
}

Check check_permissions(const images::Pool& pool, hypervisor::Hypervisor& hypervisor,
                        const Settings& settings) {
    Check check{.name = "permissions", .status = "ok"};
    const auto user = hypervisor.qemu_user();
    const auto closed = pool.first_closed_directory();
    if (!user) {
        check.message = "QEMU runs as your own user";
    } else if (closed) {
        check.status = "failed";
        check.message = fmt::format("QEMU's user cannot pass through {}", closed->string());
        check.remedy = fmt::format("chmod o+x {}, or put state_dir elsewhere", closed->string());
    } else if (!can_name_readers(pool.directory())) {
        check.status = "warning";
        check.message = fmt::format(
            "every user who knows their names can read the files of images: the file system of "
            "{} has no access control lists",
            pool.directory().string());
        check.remedy = "mount it with acl, or put state_dir elsewhere";
    } else if (settings.guest_users) {
        check.message = fmt::format("QEMU of each account runs as a user of its own ({} and up)",
                                    settings.guest_users->first);
    } else {
        check.message = fmt::format("QEMU runs as the user {} for all accounts", user->uid);
    }
    return check;
}

bool can_open(const hypervisor::ProcessUser& user, const char* device) {
    return run_process({.arguments = {"setpriv", fmt::format("--reuid={}", user.uid),
                                      fmt::format("--regid={}", user.gid), "--init-groups", "test",
                                      "-r", device, "-a", "-w", device}})
               .exit_status == 0;
}

/// libvirt offers KVM when its own user, root, may use it, and then finds that QEMU's user may not:
/// it probes QEMU anew at every start of a guest.
Check check_kvm_device(hypervisor::Hypervisor& hypervisor) {
    constexpr const char* device = "/dev/kvm";
    Check check{.name = "kvm device", .status = "ok"};
    const auto user = hypervisor.qemu_user();
    if (!std::filesystem::exists(device)) {
        check.message = fmt::format("there is no {}", device);
    } else if (!user && ::access(device, R_OK | W_OK) != 0) {
        check.status = "warning";
        check.message = fmt::format("your user cannot open {}", device);
        check.remedy =
            "sudo adduser \"$USER\" kvm; then log in again and end the service, which starts "
            "anew by itself";
    } else if (!user) {
        check.message = fmt::format("your user can open {}", device);
    } else if (::geteuid() != 0) {
        check.message = fmt::format("{} is there", device);
    } else if (can_open(*user, device)) {
        check.message = fmt::format("QEMU's user ({}) can open {}", user->uid, device);
    } else {
        check.status = "failed";
        check.message = fmt::format(
            "QEMU's user ({}) cannot open {}, which makes each start of a guest take a minute",
            user->uid, device);
        check.remedy = fmt::format("chgrp kvm {0} && chmod 660 {0}", device);
    }
    return check;
}

Check check_network(Services& services, const images::Caller& caller) {
    if (const auto obstacle = services.launcher.bridging_obstacle(caller)) {
        return {.name = "network",
                .status = "ok",
                .message =
                    "guests have user networking, without addresses of their own or "
                    "security groups: " +
                    *obstacle};
    }
    return {.name = "network",
            .status = "ok",
            .message = fmt::format("guests are on a bridge, and have addresses of {}",
                                   to_text(services.launcher.vpc(caller).range))};
}

Result handle(Services& services, const images::Caller& caller, const Arguments&) {
    const launcher::Region& region = services.regions.get(caller.region);
    caller.stop_if_dry_run();
    static std::mutex checking;  // the appliance boots: one at a time, or all handlers would do it
    const std::unique_lock lock(checking, std::try_to_lock);
    if (!lock) {
        throw Error("RequestLimitExceeded", "", "another check of this host runs: try again soon");
    }
    const std::string remedy = "see the line of libvirt";
    Result result;
    for (const auto& verdict : services.accelerators.all())
        result.checks.push_back(check_acceleration(verdict));
    const std::vector<Check> others{
        or_else({.name = "kvm device", .status = "failed", .remedy = remedy},
                [&] { return check_kvm_device(region.hypervisor); }),
        check_qemu(),
        check_libvirt(region.hypervisor, region.libvirt_uri),
        check_firmware(services.accelerators),
        check_tpm(),
        check_appliance(services.accelerators),
        or_else({.name = "space",
                 .status = "failed",
                 .remedy = "restore state_dir, then start the service again"},
                [&] { return check_space(region.pool, services.settings); }),
        or_else(
            {.name = "permissions", .status = "failed", .remedy = remedy},
            [&] { return check_permissions(region.pool, region.hypervisor, services.settings); }),
        or_else({.name = "network",
                 .status = "failed",
                 .remedy = "set network_range to a range that no route of this host meets"},
                [&] { return check_network(services, caller); })};
    result.checks.insert(result.checks.end(), others.begin(), others.end());
    return result;
}

}  // namespace

Action describe_host_checks() {
    return with_handler<Result>(
        {.name = "DescribeHostChecks",
         .summary = "Check whether this host can run guests (`kiln doctor` shows it line by line)",
         .example = "kiln describe-host-checks",
         .parameters = {dry_run_parameter()},
         .table = {.rows = "Checks", .columns = {"Name", "Status", "Message", "Remedy"}},
         .is_local = true},
        output(), handle);
}

}  // namespace kiln::api
