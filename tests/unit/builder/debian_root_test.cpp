#include "builder/steps/debian_root.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "base/file.hpp"
#include "base/process.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln::builder {

namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* root_type = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709";  // x86-64

std::string file_of(const std::vector<GuestFile>& files, const std::string& path) {
    const auto found = std::ranges::find(files, path, &GuestFile::path);
    return found == files.end() ? "no file " + path : found->content;
}

/// A tree with what package installation leaves of the machine that built it.
class SealedTree : public testing::Test {
  protected:
    SealedTree() {
        write("etc/machine-id", "0123456789abcdef0123456789abcdef\n");
        write("var/lib/dbus/machine-id", "0123456789abcdef0123456789abcdef\n");
        write("etc/ssh/ssh_host_rsa_key", "secret");
        write("etc/ssh/sshd_config", "Port 22\n");
        write("etc/systemd/system/keep", "");
        write("etc/resolv.conf", "nameserver 192.0.2.1\n");
        write("var/lib/systemd/random-seed", "random");
        write("var/log/dpkg.log", "log");
        write("var/log/apt/history.log", "log");
        write("var/log/lastlog", "log");
        write("var/cache/apt/pkgcache.bin", "cache");
        write("var/cache/apt/archives/x.deb", "package");
        write("var/lib/apt/lists/debian_Packages", "list");
        write("etc/dpkg/dpkg.cfg.d/99mmdebstrap", "force-unsafe-io\n");
    }

    void seal(const std::vector<GuestFile>& files) {
        run_checked({.arguments = {"sh", "-c", seal_script(files), "sh", tree_.path()}});
    }
    void write(const fs::path& name, const std::string& content) {
        fs::create_directories((tree_.path() / name).parent_path());
        write_file_atomically(tree_.path() / name, content, 0644);
    }
    std::string read(const fs::path& name) { return read_file(tree_.path() / name); }
    bool exists(const fs::path& name) {
        return fs::exists(fs::symlink_status(tree_.path() / name));
    }

  private:
    tests::TemporaryDirectory tree_;
};

const std::vector<GuestFile>& minimal_files() {
    static const std::vector<GuestFile> files{{"/etc/hostname", "localhost\n"}};
    return files;
}

TEST_F(SealedTree, has_no_identity_of_its_own) {
    seal(minimal_files());

    EXPECT_THAT(read("etc/machine-id"), IsEmpty());
    EXPECT_FALSE(exists("var/lib/dbus/machine-id"));
    EXPECT_FALSE(exists("etc/ssh/ssh_host_rsa_key"));
    EXPECT_FALSE(exists("var/lib/systemd/random-seed"));
    EXPECT_TRUE(exists("etc/ssh/sshd_config"));
}

TEST_F(SealedTree, keeps_nothing_of_the_build) {
    seal(minimal_files());

    EXPECT_FALSE(exists("var/log/dpkg.log"));
    EXPECT_FALSE(exists("var/log/apt/history.log"));
    EXPECT_THAT(read("var/log/lastlog"), IsEmpty());
    EXPECT_FALSE(exists("var/cache/apt/pkgcache.bin"));
    EXPECT_FALSE(exists("var/cache/apt/archives/x.deb"));
    EXPECT_FALSE(exists("var/lib/apt/lists/debian_Packages"));
    EXPECT_FALSE(exists("etc/dpkg/dpkg.cfg.d/99mmdebstrap"));
    EXPECT_EQ(read("etc/hostname"), "localhost\n");
}

TEST_F(SealedTree, takes_files_literally) {
    const std::string content = "$HOME `id` \\ 'quoted' \"too\" %s\n\n";
    std::vector<GuestFile> files = minimal_files();
    files.push_back({"/etc/new/directory/file", content});

    seal(files);

    EXPECT_EQ(read("etc/new/directory/file"), content);
}

TEST(debian_configuration, boots_and_mounts_the_root_by_its_partition) {
    const DiskLayout layout = plan_disk(Bytes::gibibytes(8), root_type);
    const auto files = debian_configuration({.login_user = "debian"}, layout);

    EXPECT_THAT(file_of(files, "/boot/grub/grub.cfg"),
                HasSubstr("linux16 /vmlinuz root=PARTUUID=" + layout.root.uuid +
                          " ro no_timer_check console=tty0 console=ttyS0,115200\n"));
    EXPECT_EQ(file_of(files, "/etc/fstab"),
              "PARTUUID=" + layout.root.uuid + " / ext4 errors=remount-ro 0 1\n");
}

TEST(debian_configuration, cloud_init_looks_only_where_data_may_be) {
    const auto files =
        debian_configuration({.login_user = "admin"}, plan_disk(Bytes::gibibytes(8), root_type));
    const std::string settings = file_of(files, "/etc/cloud/cloud.cfg.d/99_kiln.cfg");

    EXPECT_THAT(settings, HasSubstr("\ndatasource_list: [NoCloud, Ec2, None]\n"));
    EXPECT_THAT(settings, HasSubstr("\nsystem_info:\n  network:\n    renderers: [networkd]\n"
                                    "  default_user:\n    name: admin\n"));
}

TEST(debian_configuration, any_network_card_gets_an_address) {
    const auto files =
        debian_configuration({.login_user = "debian"}, plan_disk(Bytes::gibibytes(8), root_type));

    EXPECT_THAT(file_of(files, "/etc/systemd/network/80-dhcp.network"),
                HasSubstr("[Match]\nName=en* eth*\n\n[Network]\nDHCP=ipv4\n"));
}

TEST(debian_configuration, root_may_log_in_only_when_it_is_the_login_user) {
    const DiskLayout layout = plan_disk(Bytes::gibibytes(8), root_type);
    const std::string path = "/etc/cloud/cloud.cfg.d/99_kiln.cfg";

    EXPECT_THAT(file_of(debian_configuration({.login_user = "root"}, layout), path),
                HasSubstr("disable_root: false\n"));
    EXPECT_THAT(file_of(debian_configuration({.login_user = "debian"}, layout), path),
                Not(HasSubstr("disable_root")));
}

}  // namespace

}  // namespace kiln::builder
