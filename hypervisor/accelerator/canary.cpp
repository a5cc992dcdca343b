#include "hypervisor/accelerator/canary.hpp"

#include <fmt/format.h>
#include <stdlib.h>

#include <filesystem>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "base/rollback.hpp"
#include "base/text.hpp"

namespace kiln::hypervisor {

namespace {

constexpr int exit_status_of_canary = canary_value * 2 + 1;

/// A directory below the temporary one with the canary's floppy disk in it.
class CanaryFloppy {
  public:
    CanaryFloppy() {
        std::string pattern = std::filesystem::temp_directory_path() / "kiln-canary-XXXXXX";
        if (::mkdtemp(pattern.data()) == nullptr) throw system_error("make a temporary directory");
        directory_ = pattern;
        const BootSector sector = canary_boot_sector();
        write_file_atomically(path(), std::string(sector.begin(), sector.end()), 0600);
    }
    CanaryFloppy(const CanaryFloppy&) = delete;
    CanaryFloppy& operator=(const CanaryFloppy&) = delete;
    ~CanaryFloppy() {
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
    }

    std::filesystem::path path() const { return directory_ / "canary.raw"; }

  private:
    std::filesystem::path directory_;
};

std::vector<std::string> qemu_arguments(Accelerator accelerator,
                                        const std::filesystem::path& floppy) {
    const bool kvm = accelerator == Accelerator::kvm;
    return {
        "qemu-system-x86_64",
        "-nodefaults",
        "-no-user-config",
        "-no-reboot",
        "-display",
        "none",
        "-machine",
        fmt::format("pc,accel={}", kvm ? "kvm" : "tcg"),
        "-cpu",
        kvm ? "host" : "max",
        "-m",
        "16",
        "-device",
        fmt::format("isa-debug-exit,iobase={:#x},iosize=1", debug_exit_port),
        "-drive",
        fmt::format("file={},format=raw,if=floppy,readonly=on", floppy.string()),
    };
}

std::string last_line(const std::string& text) {
    const std::vector<std::string> lines = split(std::string(trim(text)), '\n');
    return lines.empty() ? "" : lines.back();
}

}  // namespace

CanaryAnswer run_canary(Accelerator accelerator, std::chrono::milliseconds time_limit) {
    const CanaryFloppy floppy;
    const auto begin = std::chrono::steady_clock::now();
    ProcessResult result;
    try {
        result = run_process(
            {.arguments = qemu_arguments(accelerator, floppy.path()), .time_limit = time_limit});
    } catch (const Error& error) {
        return {.alive = false,
                .description =
                    fmt::format("a canary guest did not enter 64-bit mode: {}", error.message())};
    }
    const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - begin);
    if (result.exit_status == exit_status_of_canary) {
        return {.alive = true,
                .description =
                    fmt::format("a canary guest entered 64-bit mode in {} ms", time.count())};
    }
    return {.alive = false,
            .description = fmt::format("QEMU ended with exit status {}: {}", result.exit_status,
                                       last_line(result.standard_error))};
}

}  // namespace kiln::hypervisor
