#include "hypervisor/libvirt/daemons.hpp"

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "hypervisor/libvirt/connection.hpp"

namespace kiln::hypervisor {

namespace {

constexpr std::chrono::seconds time_to_answer{20};
constexpr std::chrono::milliseconds time_between_attempts{100};

bool is_ours_to_start(const std::string& uri) {
    return uri == "qemu:///system" && ::geteuid() == 0 &&
           !std::filesystem::exists("/run/systemd/system");
}

bool answers(const std::string& uri) {
    try {
        open_connection(uri);
        return true;
    } catch (const Error&) {
        return false;
    }
}

/// Its complaint, empty when it started.
std::string start(const char* daemon) {
    const ProcessResult result = run_process({.arguments = {daemon, "-d"}});
    return result.exit_status == 0 ? "" : result.standard_error;
}

}  // namespace

void ensure_daemons(const std::string& uri) {
    if (!is_ours_to_start(uri) || answers(uri)) return;
    log::info(
        "libvirtd does not answer and no systemd manages this machine: starting virtlogd and "
        "libvirtd");
    // One that runs already (virtlogd outlives libvirtd) refuses to be started again, so the
    // complaints count only when libvirt does not answer.
    const std::string complaints = start("virtlogd") + start("libvirtd");
    const auto deadline = std::chrono::steady_clock::now() + time_to_answer;
    while (!answers(uri)) {
        if (std::chrono::steady_clock::now() > deadline) {
            log::warn("libvirtd does not answer: {}", complaints);
            return;
        }
        std::this_thread::sleep_for(time_between_attempts);
    }
}

}  // namespace kiln::hypervisor
