#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "tests/system/kiln_host.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln::tests {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_live_depth = 16;
constexpr std::size_t max_frozen_depth = 15;
/// Every fifteenth image boots, and the last. All of sixty do, which takes some 20 minutes, with
///
///     KILN_BOOT_ALL_IMAGES=1 tests/system/in-private-host build/release/bin/kiln_system_tests
///         --gtest_filter='ChainTest.*'
constexpr int images_for_each_boot = 15;

constexpr int file_count = 6;
constexpr Bytes file_size = Bytes::mebibytes(1);
/// A new file, three quarters of another one's size, and the file system's journal.
constexpr Bytes most_written_by_a_change = Bytes::mebibytes(3);

constexpr const char* directory_in_guest = "/root/data";
constexpr const char* checksums_command = "cd /root/data && sha256sum *";

std::string file_name(int number) {
    return fmt::format("file-{:03}", number);
}

std::string write_file_command(int number) {
    return fmt::format("dd if=/dev/urandom of={} bs=1M count=1 2>/dev/null", file_name(number));
}

std::string make_files_command() {
    std::string command = fmt::format("mkdir {0} && cd {0}", directory_in_guest);
    for (int number = 0; number < file_count; ++number)
        command += " && " + write_file_command(number);
    return command;
}

/// The oldest file goes, a new one comes, and a quarter of every second one is written over.
std::string change_command(int change) {
    std::string command = fmt::format("cd {} && rm {} && {}", directory_in_guest, file_name(change),
                                      write_file_command(change + file_count));
    for (int number = change + 1; number < change + file_count; number += 2) {
        command += fmt::format(
            " && dd if=/dev/urandom of={} bs=256k count=1 seek={} conv=notrunc 2>/dev/null",
            file_name(number), change % 4);
    }
    return command + " && sync && sha256sum *";
}

/// What an image may occupy besides its base: its newest layers hold one change each. Those below
/// were merged when the chain was pulled short, and hold each file twice at most together, since
/// a layer is merged into the ones above it until the next one is larger than all of them.
Bytes most_above_base() {
    return {max_frozen_depth * most_written_by_a_change.value +
            std::uint64_t{2 * file_count} * file_size.value};
}

/// An image and what the guest had on its disk at that moment.
struct State {
    std::string image;
    std::string checksums;
    fs::path layer;  // that the image's snapshot points at
};

/// Where the guest's root file system lies on its disk.
struct Extent {
    std::string offset;
    std::string size;
};

/// The file and those behind it, as their headers say, the top first.
std::vector<fs::path> backing_chain(const fs::path& layer) {
    const auto answer = nlohmann::json::parse(
        run_checked({.arguments = {"qemu-img", "info", "-U", "--backing-chain", "--output", "json",
                                   "-f", "qcow2", layer}}));
    std::vector<fs::path> chain;
    for (const auto& file : answer)
        chain.emplace_back(file.at("filename").get<std::string>());
    return chain;
}

/// What `checksums_command` would print in a guest of this layer, without one.
std::string checksums_in(const fs::path& layer, const Extent& root) {
    const TemporaryDirectory work;
    const fs::path copy = work.path() / "root";
    run_checked({.arguments = {"qemu-img", "convert", "-U", "--image-opts", "-O", "raw",
                               fmt::format("driver=raw,offset={},size={},file.driver=qcow2,"
                                           "file.file.driver=file,file.file.filename={}",
                                           root.offset, root.size, layer.string()),
                               copy}});
    // The guest was in the middle of things: what its journal holds comes first.
    const ProcessResult check = run_process({.arguments = {"e2fsck", "-f", "-p", copy}});
    EXPECT_LE(check.exit_status, 1) << check.standard_output << check.standard_error;
    run_checked({.arguments = {"debugfs", "-R",
                               fmt::format("rdump {} {}", directory_in_guest, work.path().string()),
                               copy}});
    std::set<std::string> names;
    for (const auto& file : fs::directory_iterator(work.path() / "data"))
        names.insert(file.path().filename());
    Command sum{.arguments = {"sha256sum"}, .working_directory = work.path() / "data"};
    sum.arguments.insert(sum.arguments.end(), names.begin(), names.end());
    return std::string(trim(run_checked(sum)));
}

int images_between_boots() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing calls setenv
    return std::getenv("KILN_BOOT_ALL_IMAGES") == nullptr ? images_for_each_boot : 1;
}

/// One guest that is captured again and again while it goes on and changes its files.
class ChainTest : public ::testing::Test {
  protected:
    ChainTest() : host_("tiny"), base_(occupied()) {
        host_.kiln_json({"create-key-pair", "--key-name", "k", "--key-type", "ed25519"});
        instance_ = run(host_.image_id());
        wait_for_boot(instance_);
        root_ = {.offset = in_bytes("start"), .size = in_bytes("size")};
        volume_ =
            host_.instance(instance_).at("BlockDeviceMappings").at(0).at("Ebs").at("VolumeId");
        host_.ssh(instance_, make_files_command());
    }

    std::string run(const std::string& image) {
        return host_.run_instance(image, {"--key-name", "k", "--instance-type", "t3.nano"});
    }
    void wait_for_boot(const std::string& instance) {
        host_.kiln_json({"describe-instance-status", "--instance-ids", instance, "--wait"});
    }
    void terminate(const std::string& instance) {
        host_.kiln_json({"terminate-instances", "--instance-ids", instance, "--wait"});
    }
    std::string in_bytes(const std::string& attribute) {
        const std::string sectors = host_.ssh(instance_, "cat /sys/class/block/vda3/" + attribute);
        return std::to_string(std::stoll(sectors) * 512);
    }
    std::size_t depth() {
        return host_.kiln_json({"describe-volumes", "--volume-ids", volume_})
            .at("Volumes")
            .at(0)
            .at("ChainDepth");
    }
    /// What the guest writes to now, and the next capture freezes.
    fs::path live_layer() {
        const std::string disks = run_checked({.arguments = {"virsh", "--connect", "qemu:///system",
                                                             "--quiet", "domblklist", instance_}});
        const std::string root = disks.substr(0, disks.find('\n'));
        return root.substr(root.find('/'));
    }
    State change_and_capture(int change) {
        State state{.checksums = host_.ssh(instance_, change_command(change)),
                    .layer = live_layer()};
        state.image = host_
                          .kiln_json({"create-image", "--instance-id", instance_, "--name",
                                      fmt::format("state-{}", change), "--no-reboot", "--wait"})
                          .at("ImageId");
        EXPECT_LE(depth(), max_live_depth);
        EXPECT_LE(backing_chain(state.layer).size(), max_frozen_depth);
        return state;
    }
    /// Boots the image while the captured guest goes on: check_booted() looks at it later.
    void boot(const State& state) {
        check_booted();
        booting_ = {run(state.image), state.checksums};
    }
    void check_booted() {
        if (!booting_) return;
        wait_for_boot(booting_->instance);
        EXPECT_EQ(host_.ssh(booting_->instance, checksums_command), booting_->checksums);
        terminate(booting_->instance);
        booting_.reset();
    }
    void remove_image(const std::string& image) {
        host_.kiln_json({"deregister-image", "--image-id", image, "--delete-associated-snapshots"});
    }
    std::set<fs::path> layers() {
        const fs::directory_iterator files(host_.state_directory() / "layers");
        return {begin(files), end(files)};
    }
    Bytes occupied() {
        Bytes sum{0};
        for (const fs::path& layer : layers())
            sum = sum + allocated_size(layer);
        return sum;
    }

    void capture_again_and_again(int captures);

    struct Booting {
        std::string instance;
        std::string checksums;  // that it must have
    };

    KilnHost host_;
    Bytes base_;
    std::string instance_;
    std::string volume_;
    Extent root_;
    std::optional<Booting> booting_;
};

void ChainTest::capture_again_and_again(int captures) {
    const std::string boot_id = host_.ssh(instance_, "cat /proc/sys/kernel/random/boot_id");
    std::vector<State> states;
    for (int change = 0; change < captures; ++change) {
        states.push_back(change_and_capture(change));
        if (change % images_between_boots() == 0) boot(states.back());
    }
    check_booted();
    EXPECT_EQ(host_.ssh(instance_, "cat /proc/sys/kernel/random/boot_id"), boot_id);
    EXPECT_EQ(host_.ssh(instance_, checksums_command), states.back().checksums);
    for (const State& state : states)
        EXPECT_EQ(checksums_in(state.layer, root_), state.checksums) << state.image;

    const State last = states.back();
    states.pop_back();
    terminate(instance_);
    remove_image(host_.image_id());
    for (const State& state : states)
        remove_image(state.image);
    const std::vector<fs::path> needed = backing_chain(last.layer);
    EXPECT_EQ(layers(), std::set(needed.begin(), needed.end()))
        << "what the last image needs, and nothing else";
    EXPECT_LE(occupied(), base_ + most_above_base());
    EXPECT_EQ(checksums_in(last.layer, root_), last.checksums);
    boot(last);
    check_booted();
}

/// More than a chain may hold, so that it is pulled short.
TEST_F(ChainTest,
       twenty_captures_of_a_guest_each_hold_their_state_and_the_last_outlives_the_others) {
    capture_again_and_again(20);
}

TEST_F(ChainTest,
       sixty_captures_of_a_guest_each_hold_their_state_and_the_last_outlives_the_others) {
    capture_again_and_again(60);
}

}  // namespace

}  // namespace kiln::tests
