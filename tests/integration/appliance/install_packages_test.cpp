#include <gmock/gmock.h>

#include "base/process.hpp"
#include "builder/offline/offline_system.hpp"
#include "tests/catalog_fixture.hpp"

namespace kiln::builder {

namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::chrono::minutes time_to_unpack{20};

/// A small Debian, as its archive has it today.
class DebianDisk {
  public:
    DebianDisk() {
        const std::string archive = directory_.path() / "root.tar";
        run_checked({.arguments = {"mmdebstrap", "--quiet", "--variant=apt",
                                   "--include=debian-archive-keyring", "bookworm", archive},
                     .time_limit = time_to_unpack});
        const std::string raw = directory_.path() / "disk.raw";
        run_checked({.arguments = {"truncate", "--size=1G", raw}});
        run_checked({.arguments = {"fakeroot", "--", "sh", "-ec",
                                   "mkdir \"$0/tree\"; tar -xf \"$1\" -C \"$0/tree\"; "
                                   "mke2fs -q -t ext4 -d \"$0/tree\" \"$2\"",
                                   directory_.path(), archive, raw},
                     .time_limit = time_to_unpack});
        run_checked({.arguments = {"qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, file()},
                     .time_limit = time_to_unpack});
    }
    const fs::path& directory() const { return directory_.path(); }
    fs::path file() const { return directory_.path() / "disk.qcow2"; }

  private:
    tests::TemporaryDirectory directory_;
};

// One test, because each would have to make the disk again.
TEST(InstallPackages, come_by_the_hosts_apt_and_are_installed_by_the_systems_own) {
    const DebianDisk disk;
    std::vector<std::string> said;
    OfflineSystem system({.disk = disk.file(),
                          .architecture = images::Architecture::x86_64,
                          .on_log = [&](std::string_view line) { said.emplace_back(line); }},
                         {.directory = disk.directory() / "o"});
    const auto apply = [&](StepAction action) {
        said.clear();
        system.apply(
            {.name = "step", .action = std::move(action), .time_limit = std::chrono::minutes(30)});
    };

    EXPECT_THAT(tests::error_message_of([&] { apply(PackagesStep{{"ngnix"}}); }),
                AllOf(HasSubstr("no package 'ngnix' in bookworm"), HasSubstr("did you mean")));
    apply(PackagesStep{{"apt"}});
    EXPECT_THAT(said, Contains("all of the packages are installed"));

    apply(PackagesStep{{"bc"}});  // with libreadline, which the system lacks
    EXPECT_THAT(said, Contains(HasSubstr("Setting up bc")));
    apply(RunStep{.script =
                      "echo 6*7 | bc; apt-mark showmanual | grep -x bc; "
                      "apt-mark showauto | grep -c -x libreadline8; "
                      "ls /usr/sbin/policy-rc.d /var/cache/apt/kiln 2>&1 | grep -c 'No such'"});
    EXPECT_THAT(said, ElementsAre("42", "bc", "1", "2"));
    system.finish();
    EXPECT_TRUE(fs::is_empty(disk.directory() / "o"));
}

}  // namespace

}  // namespace kiln::builder
