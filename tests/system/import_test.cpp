#include <gmock/gmock.h>

#include <filesystem>
#include <string>

#include "base/file.hpp"
#include "base/process.hpp"
#include "tests/system/kiln_host.hpp"

namespace kiln::tests {

namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

/// Disks that were made elsewhere: here, by qemu-img of what an image of kiln's holds.
class ImportTest : public ::testing::Test {
  protected:
    ImportTest() : host_("tiny") {
        host_.kiln_json({"create-key-pair", "--key-name", "k", "--key-type", "ed25519"});
    }

    /// The image's disk in another format.
    fs::path disk_as(const std::string& format, const std::string& options) {
        const fs::path target = host_.home() / ("disk." + format);
        fs::path layer;
        for (const auto& file : fs::directory_iterator(host_.state_directory() / "layers")) {
            if (file.path().filename().string().starts_with("layer-")) layer = file.path();
        }
        run_checked({.arguments = {"qemu-img", "convert", "-f", "qcow2", "-O", format, "-o",
                                   options, layer, target}});
        return target;
    }
    nlohmann::json import_file(Arguments arguments) {
        arguments.insert(arguments.begin(), "import");
        return host_.kiln_json(arguments).at("ImportImageTasks").at(0);
    }

    KilnHost host_;
};

TEST_F(ImportTest, a_disk_of_another_hypervisor_becomes_an_image_that_boots) {
    const fs::path disk = disk_as("vmdk", "subformat=streamOptimized");

    const nlohmann::json task = import_file({disk.string(), "--name", "imported"});

    EXPECT_EQ(task.at("Status"), "completed");
    const nlohmann::json image =
        host_.kiln_json({"describe-images", "--image-ids", task.at("ImageId")}).at("Images").at(0);
    EXPECT_EQ(image.at("Name"), "imported");
    EXPECT_EQ(image.at("Architecture"), "x86_64");
    EXPECT_EQ(image.at("BootMode"), "legacy-bios");
    const std::string id =
        host_.run_instance(task.at("ImageId"), {"--key-name", "k", "--instance-type", "t3.nano"});
    host_.kiln_json({"describe-instance-status", "--instance-ids", id, "--wait"});
    EXPECT_EQ(host_.ssh(id, "hostname"), host_.host_name(id));
}

TEST_F(ImportTest, what_is_no_disk_is_refused_with_what_is_wrong_and_leaves_nothing) {
    const fs::path file = host_.home() / "archive.gz";
    write_file_atomically(file, std::string("\x1f\x8b\x08") + std::string(4096, 'x'), 0644);

    const ProcessResult result = host_.kiln({"import", file.string(), "--name", "bad"});

    EXPECT_EQ(result.exit_status, 1);
    EXPECT_THAT(result.standard_error, HasSubstr("gunzip"));
    EXPECT_TRUE(fs::is_empty(host_.state_directory() / "layers/imports"));
    EXPECT_EQ(host_.kiln_json({"describe-images", "--owners", "self"}).at("Images").size(), 1U);
    EXPECT_EQ(host_.kiln_json({"describe-uploads"}).at("Uploads").size(), 0U);
    EXPECT_EQ(host_.kiln({"import", file.string(), "--name", "x"}).exit_status, 1) << "too short";
    EXPECT_EQ(host_.kiln_json({"describe-uploads"}).at("Uploads").size(), 0U)
        << "what was sent for a request that was refused";
    EXPECT_EQ(host_.kiln({"import", file.string(), "--format", "vmkd"}).exit_status, 2);
    EXPECT_EQ(host_.kiln({"import", "/dev/zero", "--name", "bad"}).exit_status, 1);
    EXPECT_EQ(host_.kiln({"import", host_.home().string(), "--name", "bad"}).exit_status, 1);
    EXPECT_EQ(host_.kiln({"import", "--name", "bad"}).exit_status, 2);
}

}  // namespace

}  // namespace kiln::tests
