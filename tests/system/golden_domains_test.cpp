#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/process.hpp"
#include "tests/places.hpp"

namespace kiln::tests {

namespace {

/// The golden domain XML of emulated guests: libvirt takes that of others only where there is KVM.
std::vector<std::filesystem::path> golden_domains() {
    std::vector<std::filesystem::path> files;
    for (const char* folder : {"unit/hypervisor/golden", "integration/launcher/golden"}) {
        const auto directory = std::filesystem::path(places::source_directory) / "tests" / folder;
        for (const auto& entry : std::filesystem::directory_iterator(directory)) {
            if (read_file(entry.path()).starts_with("<domain type=\"qemu\">"))
                files.push_back(entry.path());
        }
    }
    return files;
}

/// Guests that no test can boot for want of their media have machines that libvirt takes, too.
TEST(GoldenDomains, are_taken_by_libvirt) {
    const auto files = golden_domains();
    EXPECT_GE(files.size(), 10U);
    for (const std::filesystem::path& file : files) {
        const ProcessResult defined =
            run_process({.arguments = {"virsh", "define", "--validate", file.string()}});
        EXPECT_EQ(defined.exit_status, 0) << file << ": " << defined.standard_error;
        if (defined.exit_status != 0) continue;
        const std::string xml = read_file(file);
        constexpr std::string_view tag = "<uuid>";
        const std::string uuid = xml.substr(xml.find(tag) + tag.size(), 36);
        run_checked({.arguments = {"virsh", "undefine", uuid, "--nvram", "--tpm"}});
    }
}

}  // namespace

}  // namespace kiln::tests
