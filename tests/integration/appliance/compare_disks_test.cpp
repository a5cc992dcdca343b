#include "builder/inspection/compare_disks.hpp"

#include <gmock/gmock.h>

#include "tests/catalog_fixture.hpp"
#include "tests/integration/appliance/small_disk.hpp"

namespace kiln::builder {

namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using tests::error_code_of;
using tests::error_message_of;

std::string package(const std::string& name, const std::string& version) {
    return "Package: " + name +
           "\nStatus: install ok installed\nArchitecture: amd64\nVersion: " + version +
           "\nDescription: it\n\n";
}

TEST(CompareDisks, finds_packages_and_files_of_every_kind_of_change) {
    SmallDisk before;
    SmallDisk after;
    before.make_debian(package("apache2", "2.4.62-1") + package("openssl", "1:3.0.14-1"));
    after.make_debian(package("nginx", "1.22.1-9") + package("openssl", "1:3.0.15-1"));
    for (SmallDisk* disk : {&before, &after}) {
        disk->write("etc/same", "same");
        disk->write("etc/touched", "same");
        disk->write("etc/mode", "x");
        disk->write("etc/other", "abc");
    }
    before.write("srv/removed", "r");
    before.link("etc/link", "old");
    after.link("etc/link", "new");
    after.write("srv/added\xff\n", "a");
    after.write("etc/other", "abd");
    after.set_time("etc/other", 1'000'000'001);
    after.set_time("etc/touched", 1'000'000'001);
    after.set_mode("etc/mode", 04755);
    after.write("big", std::string(5U << 20U, 'b'));

    const DiskDifference found = compare_disks({.before = before.make(), .after = after.make()});

    EXPECT_THAT(words(found.files),
                ElementsAre("added /big", "changed /etc/link target", "changed /etc/mode mode",
                            "changed /etc/other content", "added /srv/added\xff\n",
                            "removed /srv/removed", "changed /var/lib/dpkg/status content"));
    ASSERT_TRUE(found.packages);
    ASSERT_EQ(found.packages->size(), 3U);
    EXPECT_EQ(found.packages->at(0).name, "apache2");
    EXPECT_EQ(found.packages->at(0).change, Change::removed);
    EXPECT_EQ(found.packages->at(1).name, "nginx");
    EXPECT_EQ(found.packages->at(1).after, "1.22.1-9");
    EXPECT_EQ(found.packages->at(2).before, "1:3.0.14-1");
    EXPECT_EQ(found.packages->at(2).after, "1:3.0.15-1");
    EXPECT_GT(found.after.size.value, 5U << 20U);
    EXPECT_EQ(found.before.files, found.after.files - 1);
}

TEST(CompareDisks, needs_no_operating_system_and_looks_where_it_is_told_to) {
    SmallDisk before;
    SmallDisk after;
    before.write("data/a", "1");
    before.write("database", "1");
    after.write("data/b", "22");
    after.write("database", "22");
    const DiskDifference found =
        compare_disks({.before = before.make(), .after = after.make(), .below = "/data"});
    EXPECT_THAT(words(found.files), ElementsAre("removed /data/a", "added /data/b"));
    EXPECT_FALSE(found.packages);
}

TEST(CompareDisks, tells_what_a_disk_has_too_much_of) {
    SmallDisk before;
    SmallDisk after;
    for (const char* name : {"1", "2", "3", "4", "5"})
        after.write(name, "");
    const fs::path old_disk = before.make();
    const fs::path new_disk = after.make();
    const auto call = [&] {
        compare_disks({.before = old_disk, .after = new_disk, .limits = {.files = 4}});
    };
    EXPECT_THAT(error_message_of(call), HasSubstr("there are more than 4 files on the disk"));
}

TEST(CompareDisks, says_when_there_is_no_file_system) {
    const tests::TemporaryDirectory directory;
    const fs::path empty = directory.path() / "empty.qcow2";
    run_checked({.arguments = {"qemu-img", "create", "-q", "-f", "qcow2", empty.string(), "1M"}});
    const auto call = [&] { compare_disks({.before = empty, .after = empty}); };
    EXPECT_EQ(error_code_of(call), "InspectionFailed");
    EXPECT_THAT(error_message_of(call), HasSubstr("no file system was found"));
}

TEST(CompareDisks, ends_when_its_time_is_up) {
    SmallDisk disk;
    const fs::path file = disk.make();
    const auto call = [&] {
        compare_disks({.before = file, .after = file, .time_limit = std::chrono::milliseconds{1}});
    };
    EXPECT_THAT(error_message_of(call), HasSubstr("takes too long"));
}

}  // namespace

}  // namespace kiln::builder
