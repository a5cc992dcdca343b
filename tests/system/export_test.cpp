#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/process.hpp"
#include "tests/system/kiln_host.hpp"

namespace kiln::tests {

namespace {

namespace fs = std::filesystem;
using ::testing::IsEmpty;

/// What leaves kiln in a file and comes back is the same system.
class ExportTest : public ::testing::Test {
  protected:
    ExportTest() : host_("tiny") {
        host_.kiln_json({"create-key-pair", "--key-name", "k", "--key-type", "ed25519"});
        const std::string instance = run(host_.image_id());
        host_.ssh(instance, "echo written >/root/file && ln -s file /root/link && sync");
        captured_ = host_
                        .kiln_json({"create-image", "--instance-id", instance, "--name", "captured",
                                    "--no-reboot", "--wait"})
                        .at("ImageId");
        host_.kiln_json({"terminate-instances", "--instance-ids", instance, "--wait"});
    }

    std::string run(const std::string& image) const {
        const std::string id =
            host_.run_instance(image, {"--key-name", "k", "--instance-type", "t3.nano"});
        host_.kiln_json({"describe-instance-status", "--instance-ids", id, "--wait"});
        return id;
    }
    fs::path export_image(const std::string& image, const std::string& name,
                          const Arguments& options) const {
        const fs::path file = host_.home() / name;
        Arguments arguments{"export", image, "--output", file.string()};
        arguments.insert(arguments.end(), options.begin(), options.end());
        const ProcessResult result = host_.kiln(arguments);
        EXPECT_EQ(result.exit_status, 0) << result.standard_error;
        EXPECT_TRUE(fs::exists(file.string() + ".sha256"));
        return file;
    }
    std::string import_file(const fs::path& file) const {
        return host_
            .kiln_json({"import", file.string(), "--name", "of " + file.filename().string()})
            .at("ImportImageTasks")
            .at(0)
            .at("ImageId");
    }
    /// The same file tree as the image that was captured, in a guest that boots.
    void expect_same(const std::string& image) const {
        const nlohmann::json changes = host_.kiln_json({"diff", captured_, image});
        EXPECT_THAT(changes.at("Files").at("Changes"), IsEmpty()) << image;
        EXPECT_EQ(changes.at("FromImage").at("FileCount"), changes.at("ToImage").at("FileCount"));
        EXPECT_EQ(changes.at("FromImage").at("FileSize"), changes.at("ToImage").at("FileSize"));
        const std::string guest = run(image);
        EXPECT_EQ(host_.ssh(guest, "cat /root/link"), "written");
        host_.kiln_json({"terminate-instances", "--instance-ids", guest, "--wait"});
    }
    void expect_round_trip(const std::string& format) const {
        SCOPED_TRACE(format);
        expect_same(import_file(export_image(captured_, "disk." + format, {"--format", format})));
    }

    KilnHost host_;
    std::string captured_;
};

TEST_F(ExportTest, an_archive_for_other_hypervisors_comes_back_as_the_same_system) {
    expect_round_trip("ova");
}

TEST_F(ExportTest, a_disk_of_every_format_comes_back_as_the_same_system) {
    for (const char* format : {"qcow2", "raw", "vmdk", "vhd", "vhdx"})
        expect_round_trip(format);
}

TEST_F(ExportTest, a_delta_on_its_base_is_small_and_comes_back_as_the_same_system) {
    const fs::path delta =
        export_image(captured_, "delta.qcow2", {"--format", "qcow2", "--base", host_.image_id()});
    const fs::path base =
        export_image(host_.image_id(), host_.image_id() + ".qcow2", {"--format", "qcow2"});
    EXPECT_LT(fs::file_size(delta), fs::file_size(base) / 4);
    const fs::path whole = host_.home() / "whole.qcow2";
    run_checked({.arguments = {"qemu-img", "convert", "-O", "qcow2", delta, whole}});
    expect_same(import_file(whole));
}

}  // namespace

}  // namespace kiln::tests
