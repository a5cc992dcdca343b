#include "hypervisor/accelerator/accelerator.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/boot.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "hypervisor/accelerator/judge.hpp"
#include "hypervisor/domain/architecture.hpp"

namespace kiln::hypervisor {

namespace {

constexpr const char* kvm_device_path = "/dev/kvm";
constexpr const char* system_vendor_path = "/sys/class/dmi/id/sys_vendor";

std::string look_at_kvm_device() {
    const Fd device(::open(kvm_device_path, O_RDWR | O_CLOEXEC));
    if (device) return kvm_is_usable;
    if (errno == ENOENT) return fmt::format("{} does not exist", kvm_device_path);
    return fmt::format("{} cannot be opened: {}", kvm_device_path,
                       std::generic_category().message(errno));
}

/// Empty on a host without DMI.
std::string system_vendor() {
    try {
        return std::string(trim(read_file(system_vendor_path)));
    } catch (const Error&) {
        return "";
    }
}

/// Empty when there is no such QEMU.
std::string qemu_version_or_nothing(GuestArchitecture architecture) {
    try {
        return qemu_version(architecture);
    } catch (const Error&) {
        return "";
    }
}

HostIdentity identify_host() {
    utsname names{};
    if (::uname(&names) != 0) throw system_error("read the kernel's release");
    HostIdentity host{.boot_id = boot_identity(),
                      .kernel = static_cast<const char*>(names.release),
                      .machine = static_cast<const char*>(names.machine),
                      .kvm_device = look_at_kvm_device()};
    for (const GuestArchitecture architecture : guest_architectures)
        host.qemu.emplace_back(qemu_version_or_nothing(architecture));
    return host;
}

}  // namespace

Accelerators::Accelerators(std::vector<AcceleratorVerdict> verdicts, std::string system_vendor)
    : verdicts_(std::move(verdicts)), system_vendor_(std::move(system_vendor)) {}

bool Accelerators::can_run(GuestArchitecture architecture) const {
    const auto verdict =
        std::ranges::find(verdicts_, architecture, &AcceleratorVerdict::architecture);
    return verdict != verdicts_.end() && verdict->accelerator;
}

bool Accelerators::host_uses_kvm() const {
    const auto host = host_architecture();
    return host && can_run(*host) && of(*host) == Accelerator::kvm;
}

bool Accelerators::use_kvm() const {
    return std::ranges::any_of(verdicts_, [](const AcceleratorVerdict& verdict) {
        return verdict.accelerator == Accelerator::kvm;
    });
}

bool Accelerators::is_apple_hardware() const {
    return system_vendor_ == "Apple Inc.";
}

Accelerator Accelerators::of(GuestArchitecture architecture) const {
    const auto verdict =
        std::ranges::find(verdicts_, architecture, &AcceleratorVerdict::architecture);
    if (verdict != verdicts_.end() && verdict->accelerator) return *verdict->accelerator;
    throw Error(error_code::unsupported_operation, "",
                fmt::format("this host cannot run guests of the architecture {}: install the "
                            "package {}",
                            ec2_name(architecture), qemu_package(architecture)));
}

std::string qemu_version(GuestArchitecture architecture) {
    const std::string answer =
        run_checked({.arguments = {qemu_program(architecture), "--version"}});
    return answer.substr(0, answer.find('\n'));
}

Accelerators choose_accelerators(const std::filesystem::path& cache_file, const AskCanary& ask) {
    const HostIdentity host = identify_host();
    if (auto known = load_verdicts(cache_file, host))
        return Accelerators(*std::move(known), system_vendor());
    std::vector<AcceleratorVerdict> verdicts;
    verdicts.reserve(guest_architectures.size());
    for (const GuestArchitecture architecture : guest_architectures)
        verdicts.push_back(judge(architecture, host, ask));
    try {
        store_verdicts(cache_file, host, verdicts);
    } catch (const Error& error) {
        log::warn("the canary will be asked again next time: {}", error.message());
    }
    return Accelerators(std::move(verdicts), system_vendor());
}

}  // namespace kiln::hypervisor
