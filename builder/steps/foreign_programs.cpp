#include "builder/steps/foreign_programs.hpp"

#include <fmt/format.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/file.hpp"
#include "base/process.hpp"
#include "base/text.hpp"

namespace kiln::builder {

namespace {

namespace fs = std::filesystem;

// https://docs.kernel.org/admin-guide/binfmt-misc.html and binfmt.d(5)
constexpr const char* registry = "/proc/sys/fs/binfmt_misc";
constexpr const char* descriptions = "/usr/lib/binfmt.d";

/// "qemu-aarch64" of "qemu-aarch64-static".
std::string name_of(const Target& target) {
    const std::string program = target.interpreter;
    return program.substr(0, program.rfind('-'));
}

bool run_already(const Target& target) {
    try {
        return run_process({.arguments = {"arch-test", target.debian}}).exit_status == 0;
    } catch (const Error& error) {
        throw build_failed(fmt::format("{}: install the packages arch-test and qemu-user-static",
                                       error.message()));
    }
}

void mount_registry() {
    if (fs::exists(fs::path(registry) / "register")) return;
    if (::mount("binfmt_misc", registry, "binfmt_misc", 0, nullptr) == 0) return;
    throw build_failed(system_error(fmt::format("mount {}", registry)).message());
}

/// What Debian does not describe, since most kernels of x86_64 run it by themselves: programs of
/// the class 32 bit, little endian, and of the machine 3.
constexpr const char* description_of_i386 =
    R"(:qemu-i386:M::\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x03\x00)"
    R"(:\xff\xff\xff\xff\xff\xfe\xfe\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff)"
    R"(:/usr/bin/qemu-i386-static:OF)";

/// The first line that is no comment.
std::string description_of(const Target& target, const std::string& name) {
    const fs::path file = fs::path(descriptions) / (name + ".conf");
    if (!fs::exists(file) && target.architecture == images::Architecture::i386)
        return description_of_i386;
    if (!fs::exists(file)) {
        throw build_failed(
            fmt::format("programs of {} cannot run here: install the package "
                        "qemu-user-static",
                        target.debian));
    }
    for (const std::string& line : split(read_file(file), '\n')) {
        if (line.starts_with(':')) return line;
    }
    throw build_failed(fmt::format("'{}' describes nothing", file.string()));
}

}  // namespace

void let_foreign_programs_run(const Build& build) {
    const std::string name = name_of(build.target);
    if (run_already(build.target)) return;
    if (::geteuid() != 0) {
        throw build_failed(
            fmt::format("programs of {} do not run here yet: install the package "
                        "qemu-user-static, and let root build an image of that architecture once",
                        build.target.debian));
    }
    const std::string description = description_of(build.target, name);
    mount_registry();
    std::ofstream(fs::path(registry) / "register") << description << std::flush;
    if (run_already(build.target)) return;
    throw build_failed(
        fmt::format("programs of {} do not run here, though the kernel was told of {}: install the "
                    "package qemu-user-static, and look at {}/{}",
                    build.target.debian, name, registry, name));
}

}  // namespace kiln::builder
