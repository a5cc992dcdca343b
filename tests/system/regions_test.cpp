#include <gtest/gtest.h>
#include <sys/stat.h>

#include <set>
#include <string>

#include "base/ids.hpp"
#include "base/process.hpp"
#include "tests/system/kiln_host.hpp"

namespace kiln::tests {

namespace {

using std::chrono::seconds;

/// Two regions: the service's own, and one whose pool is on a file system of its own.
class RegionsTest : public ::testing::Test {
  protected:
    RegionsTest() : host_("tiny") {
        work_in("local-1");
        host_.kiln_json({"create-region", "--name", "local-2", "--pool", far_pool_.string()});
    }
    ~RegionsTest() override {
        host_.clear();
        std::filesystem::remove_all(far_pool_);
    }

    /// Key pairs belong to a region: each has one of its name.
    void work_in(const std::string& region) {
        region_ = region;
        host_.work_in(region);
        if (!has_key_.insert(region).second) return;
        host_.kiln_json({"create-key-pair", "--key-name", region, "--key-type", "ed25519"});
    }
    std::string run(const std::string& image, Arguments options) {
        options.insert(options.end(), {"--instance-type", "t3.nano", "--key-name", region_});
        const std::string id = host_.run_instance(image, options);
        host_.kiln_json({"describe-instance-status", "--instance-ids", id, "--wait"});
        return id;
    }
    std::string image_state(const std::string& id) {
        return host_.kiln_json({"describe-images", "--image-ids", id})
            .at("Images")
            .at(0)
            .at("State");
    }
    /// An instance with a second volume that holds 160 MiB; returns the image of it.
    std::string big_image() {
        const std::string instance = run(
            host_.image_id(), {"--block-device-mappings",
                               "DeviceName=/dev/sdf,Ebs={VolumeSize=1,DeleteOnTermination=true}"});
        host_.ssh(instance, "yes kiln | dd of=/dev/vdb bs=1M count=160 iflag=fullblock conv=fsync");
        checksum_ = checksum_in(instance);
        const std::string image = host_
                                      .kiln_json({"create-image", "--instance-id", instance,
                                                  "--name", "big", "--no-reboot", "--wait"})
                                      .at("ImageId");
        host_.kiln_json({"terminate-instances", "--instance-ids", instance, "--wait"});
        return image;
    }
    /// Of the first and the last of the data.
    std::string checksum_in(const std::string& instance) {
        return host_.ssh(
            instance, "for i in 0 159 160; do dd if=/dev/vdb bs=1M count=1 skip=$i | md5sum; done");
    }
    bool has_unfinished_file() const {
        for (const auto& entry : std::filesystem::directory_iterator(far_pool_)) {
            if (entry.path().extension() == ".part") return true;
        }
        return false;
    }
    /// It is there for a few tens of milliseconds.
    void wait_for_unfinished_file() const {
        const auto limit = std::chrono::steady_clock::now() + seconds(10);
        while (!has_unfinished_file() && std::chrono::steady_clock::now() < limit) {
        }
    }
    std::size_t far_file_count() const {
        return static_cast<std::size_t>(
            std::distance(std::filesystem::directory_iterator(far_pool_), {}));
    }

    /// The words are put together in the guest: they stand in no command.
    static std::string write_secret_to(const std::string& device) {
        return "yes kiln-secre$(echo t) | dd of=" + device +
               " bs=4096 count=256 iflag=fullblock conv=fsync";
    }
    bool has_secret(const std::string& instance) {
        return host_.ssh(instance, "dd if=/dev/vdb bs=4096 count=1 | head -n 1") == secret;
    }

    static constexpr const char* secret = "kiln-secret";
    std::filesystem::path far_pool_ = std::filesystem::path("/dev/shm") / LayerId::generate().str();
    KilnHost host_;
    std::string region_;
    std::set<std::string> has_key_;
    std::string checksum_;
};

TEST_F(RegionsTest, a_copy_that_a_kill_cuts_off_is_finished_and_outlives_its_source) {
    const std::string source = big_image();
    const Arguments copy{"copy-image", "--source-region", "local-1", "--source-image-id",
                         source,       "--name",          "copy"};
    work_in("local-2");
    const std::string image = host_.kiln_json(copy).at("ImageId");
    wait_until(
        "the copy has begun", [&] { return has_unfinished_file(); }, seconds(10));
    host_.kill_service();
    EXPECT_TRUE(has_unfinished_file()) << "it was in the middle";
    host_.start_service();
    wait_until(
        "the copy is there", [&] { return image_state(image) == "available"; }, seconds(60));
    EXPECT_FALSE(has_unfinished_file());

    work_in("local-1");
    host_.kiln_json({"deregister-image", "--image-id", source, "--delete-associated-snapshots"});
    host_.kiln_json(
        {"deregister-image", "--image-id", host_.image_id(), "--delete-associated-snapshots"});
    work_in("local-2");
    const std::string instance = run(image, {});
    EXPECT_EQ(checksum_in(instance), checksum_);

    host_.expect_refused({"delete-region", "--name", "local-2"}, "DependencyViolation");
    host_.kiln_json({"terminate-instances", "--instance-ids", instance, "--wait"});
    host_.kiln_json({"deregister-image", "--image-id", image, "--delete-associated-snapshots"});
    EXPECT_EQ(far_file_count(), 0U);
    work_in("local-1");
    host_.kiln_json({"delete-key-pair", "--region", "local-2", "--key-name", "local-2"});
    host_.kiln_json({"delete-region", "--name", "local-2"});
}

TEST_F(RegionsTest, what_guests_of_an_encrypted_copy_write_is_in_clear_nowhere) {
    const std::string encrypted =
        host_
            .kiln_json({"copy-image", "--source-region", "local-1", "--source-image-id",
                        host_.image_id(), "--name", "secret", "--encrypted", "--wait"})
            .at("ImageId");
    const std::string instance =
        run(encrypted,
            {"--block-device-mappings", "DeviceName=/dev/sdf,Ebs={VolumeSize=1,Encrypted=true}"});
    host_.ssh(instance, write_secret_to("/dev/vdb"));
    const std::string captured = host_
                                     .kiln_json({"create-image", "--instance-id", instance,
                                                 "--name", "captured", "--no-reboot", "--wait"})
                                     .at("ImageId");
    host_.ssh(instance, write_secret_to("/dev/vdb"));
    host_.kiln_json({"stop-instances", "--instance-ids", instance, "--wait"});
    host_.kiln_json({"start-instances", "--instance-ids", instance, "--wait"});
    host_.kiln_json({"describe-instance-status", "--instance-ids", instance, "--wait"});
    EXPECT_TRUE(has_secret(instance)) << "after a restart";

    work_in("local-2");
    const Arguments copy{"copy-image", "--source-region", "local-1", "--source-image-id",
                         captured,     "--name",          "far"};
    Arguments in_clear = copy;
    in_clear.emplace_back("--no-encrypted");
    host_.expect_refused(in_clear, "InvalidRequest");
    Arguments waiting = copy;
    waiting.emplace_back("--wait");
    const std::string far = host_.kiln_json(waiting).at("ImageId");
    EXPECT_TRUE(has_secret(run(far, {}))) << "with the key of the other region";
    for (const auto& pool : {far_pool_, host_.state_directory() / "layers"}) {
        constexpr int none_found = 1;
        const auto search = run_process({.arguments = {"grep", "-rl", secret, pool.string()}});
        EXPECT_EQ(search.exit_status, none_found) << search.standard_output;
    }
}

TEST_F(RegionsTest, a_copy_on_the_same_file_system_takes_no_space_and_boots) {
    host_.kiln_json({"create-region", "--name", "local-3"});
    work_in("local-3");
    const std::string image =
        host_
            .kiln_json({"copy-image", "--source-region", "local-1", "--source-image-id",
                        host_.image_id(), "--name", "near", "--wait"})
            .at("ImageId");
    for (const auto& file :
         std::filesystem::directory_iterator(host_.state_directory() / "regions/local-3")) {
        struct stat status {};
        ASSERT_EQ(::stat(file.path().c_str(), &status), 0);
        EXPECT_EQ(status.st_nlink, 2U) << "on file systems that share no blocks";
    }
    const std::string instance = run(image, {});
    EXPECT_EQ(host_.ssh(instance, "echo alive"), "alive");
    host_.kiln_json({"terminate-instances", "--instance-ids", instance, "--wait"});
}

}  // namespace

}  // namespace kiln::tests
