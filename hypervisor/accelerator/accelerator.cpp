#include "hypervisor/accelerator/accelerator.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/utsname.h>

#include <cerrno>
#include <system_error>

#include "base/boot.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "hypervisor/accelerator/verdict_cache.hpp"

namespace kiln::hypervisor {

namespace {

constexpr const char* kvm_device_path = "/dev/kvm";
constexpr const char* usable = "usable";
constexpr std::chrono::milliseconds time_for_canary{2000};

std::string look_at_kvm_device() {
    const Fd device(::open(kvm_device_path, O_RDWR | O_CLOEXEC));
    if (device) return usable;
    if (errno == ENOENT) return fmt::format("{} does not exist", kvm_device_path);
    return fmt::format("{} cannot be opened: {}", kvm_device_path,
                       std::generic_category().message(errno));
}

std::string kernel_release() {
    utsname names{};
    if (::uname(&names) != 0) throw system_error("read the kernel's release");
    return static_cast<const char*>(names.release);
}

std::string qemu_version_or_failure() {
    try {
        return qemu_version();
    } catch (const Error& error) {
        return error.message();
    }
}

HostIdentity identify_host() {
    return {
        .boot_id = boot_identity(),
        .kernel = kernel_release(),
        .qemu = qemu_version_or_failure(),
        .kvm_device = look_at_kvm_device(),
    };
}

AcceleratorVerdict judge(const HostIdentity& host, const AskCanary& ask) {
    if (host.kvm_device != usable) {
        return {Accelerator::tcg, fmt::format("TCG: {}", host.kvm_device)};
    }
    const CanaryAnswer answer = ask(Accelerator::kvm, time_for_canary);
    if (answer.alive) return {Accelerator::kvm, fmt::format("KVM: {}", answer.description)};
    return {Accelerator::tcg, fmt::format("TCG: under KVM {}", answer.description)};
}

}  // namespace

std::string qemu_version() {
    const std::string answer = run_checked({.arguments = {"qemu-system-x86_64", "--version"}});
    return answer.substr(0, answer.find('\n'));
}

AcceleratorVerdict choose_accelerator(const std::filesystem::path& cache_file,
                                      const AskCanary& ask) {
    const HostIdentity host = identify_host();
    if (auto known = load_verdict(cache_file, host)) return *known;
    AcceleratorVerdict verdict = judge(host, ask);
    try {
        store_verdict(cache_file, host, verdict);
    } catch (const Error& error) {
        log::warn("the canary will be asked again next time: {}", error.message());
    }
    return verdict;
}

}  // namespace kiln::hypervisor
