#include "hypervisor/accelerator/canary.hpp"

#include <fmt/format.h>
#include <stdlib.h>

#include <filesystem>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "hypervisor/domain/architecture.hpp"

namespace kiln::hypervisor {

namespace {

/// A directory below the temporary one with the canary's program in it.
class CanaryFile {
  public:
    explicit CanaryFile(GuestArchitecture architecture) {
        std::string pattern = std::filesystem::temp_directory_path() / "kiln-canary-XXXXXX";
        if (::mkdtemp(pattern.data()) == nullptr) throw system_error("make a temporary directory");
        directory_ = pattern;
        write_file_atomically(path(), canary_program(architecture), 0600);
    }
    CanaryFile(const CanaryFile&) = delete;
    CanaryFile& operator=(const CanaryFile&) = delete;
    ~CanaryFile() {
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
    }

    std::filesystem::path path() const { return directory_ / "canary.raw"; }

  private:
    std::filesystem::path directory_;
};

/// -machine, -cpu, and what the canary is started and heard by.
std::vector<std::string> x86_arguments(bool kvm, const std::filesystem::path& program) {
    return {"-machine", fmt::format("pc,accel={}", kvm ? "kvm" : "tcg"),
            "-cpu",     kvm ? "host" : "max",
            "-device",  fmt::format("isa-debug-exit,iobase={:#x},iosize=1", debug_exit_port),
            "-drive",   fmt::format("file={},format=raw,if=floppy,readonly=on", program.string())};
}

std::vector<std::string> aarch64_arguments(bool kvm, const std::filesystem::path& program) {
    return {"-machine", kvm ? "virt,gic-version=host,accel=kvm" : "virt,accel=tcg",
            "-cpu",     kvm ? "host" : "cortex-a57",
            "-bios",    program.string(),
            "-serial",  "stdio"};
}

std::vector<std::string> qemu_arguments(GuestArchitecture architecture, Accelerator accelerator,
                                        const std::filesystem::path& program) {
    const bool kvm = accelerator == Accelerator::kvm;
    std::vector<std::string> arguments{qemu_program(architecture),
                                       "-nodefaults",
                                       "-no-user-config",
                                       "-no-reboot",
                                       "-display",
                                       "none",
                                       "-m",
                                       "16"};
    const auto others =
        is_x86(architecture) ? x86_arguments(kvm, program) : aarch64_arguments(kvm, program);
    arguments.insert(arguments.end(), others.begin(), others.end());
    return arguments;
}

bool is_alive(GuestArchitecture architecture, const ProcessResult& result) {
    if (is_x86(architecture)) return result.exit_status == canary_value * 2 + 1;
    return result.exit_status == 0 &&
           result.standard_output.starts_with(static_cast<char>(canary_value));
}

const char* mode_of(GuestArchitecture architecture) {
    return architecture == GuestArchitecture::i386 ? "32-bit mode" : "64-bit mode";
}

std::string last_line(const std::string& text) {
    const std::vector<std::string> lines = split(std::string(trim(text)), '\n');
    return lines.empty() ? "" : lines.back();
}

}  // namespace

CanaryAnswer run_canary(GuestArchitecture architecture, Accelerator accelerator,
                        std::chrono::milliseconds time_limit) {
    const CanaryFile file(architecture);
    const auto begin = std::chrono::steady_clock::now();
    ProcessResult result;
    try {
        result = run_process({.arguments = qemu_arguments(architecture, accelerator, file.path()),
                              .time_limit = time_limit});
    } catch (const Error& error) {
        return {.alive = false,
                .description = fmt::format("a canary guest did not enter {}: {}",
                                           mode_of(architecture), error.message())};
    }
    const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - begin);
    if (is_alive(architecture, result)) {
        return {.alive = true,
                .description = fmt::format("a canary guest entered {} in {} ms",
                                           mode_of(architecture), time.count())};
    }
    return {.alive = false,
            .description = fmt::format("QEMU ended with exit status {}: {}", result.exit_status,
                                       last_line(result.standard_error))};
}

}  // namespace kiln::hypervisor
