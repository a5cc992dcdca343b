#include "builder/inspection/inspect_image.hpp"

#include <gmock/gmock.h>

#include "base/file.hpp"
#include "base/process.hpp"
#include "images/catalog/encryption_key.hpp"
#include "images/catalog/snapshot.hpp"
#include "tests/integration/appliance/registry_hive.hpp"
#include "tests/integration/launcher/launcher_fixture.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln::builder {

namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using tests::RegistryHive;

using Key = std::vector<std::string>;

constexpr const char* efi_system = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
constexpr const char* basic_data = "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7";

/// The beginning of a 64-bit program for Windows.
std::string windows_program() {
    std::string bytes(512, '\0');
    bytes.replace(0, 2, "MZ");
    bytes[0x3c] = '\x80';                         // where the other header is
    bytes.replace(0x80, 6, "PE\0\0\x64\x86", 6);  // for x86-64
    bytes[0x94] = '\xf0';                         // the size of the optional header
    bytes[0x96] = '\x22';
    bytes.replace(0x98, 2, "\x0b\x02");  // PE32+
    bytes[0x98 + 68] = '\x03';           // console
    return bytes;
}

/// A disk with what makes libguestfs take it for Windows, and nothing more of it.
class WindowsDisk {
  public:
    void describe(const std::string& product, std::uint32_t build) {
        RegistryHive software(path("SOFTWARE"));
        const Key version{"Microsoft", "Windows NT", "CurrentVersion"};
        software.set_text(version, "ProductName", product);
        software.set_text(version, "InstallationType", "Client");
        software.set_text(version, "CurrentBuildNumber", std::to_string(build));
        software.set_number(version, "CurrentMajorVersionNumber", 10);
        software.set_number(version, "CurrentMinorVersionNumber", 0);
        software.commit();
    }
    /// The drivers by their start types.
    void install(const std::vector<std::pair<std::string, std::uint32_t>>& drivers) {
        RegistryHive system(path("SYSTEM"));
        system.set_number({"Select"}, "Current", 1);
        system.set_text({"ControlSet001", "Services", "Tcpip", "Parameters"}, "Hostname", "win");
        for (const auto& [name, start] : drivers)
            system.set_number({"ControlSet001", "Services", name}, "Start", start);
        system.commit();
    }
    fs::path make_disk() {
        write_file_atomically(path("cmd.exe"), windows_program(), 0600);
        run({"truncate", "--size=128M", path("disk.raw")});
        run_checked({.arguments = {"sfdisk", "--quiet", "--no-reread", "--no-tell-kernel",
                                   path("disk.raw")},
                     .standard_input = std::string("label: gpt\nstart=2048, size=65536, type=") +
                                       efi_system +
                                       "\nstart=67584, size=131072, type=" + basic_data + "\n"});
        const std::string windows = path("disk.raw") + "@@" + std::to_string(67584 * 512);
        run({"mformat", "-i", path("disk.raw") + "@@1048576", "-T", "65536", "-h", "16", "-s", "63",
             "::"});
        run({"mformat", "-F", "-i", windows, "-T", "131072", "-h", "16", "-s", "63", "::"});
        for (const char* directory :
             {"::/Windows", "::/Windows/System32", "::/Windows/System32/config"})
            run({"mmd", "-i", windows, directory});
        run({"mcopy", "-i", windows, path("cmd.exe"), "::/Windows/System32/cmd.exe"});
        for (const char* hive : {"SOFTWARE", "SYSTEM"}) {
            run({"mcopy", "-i", windows, path(hive),
                 std::string("::/Windows/System32/config/") + hive});
        }
        run({"qemu-img", "convert", "-f", "raw", "-O", "qcow2", path("disk.raw"),
             path("disk.qcow2")});
        return path("disk.qcow2");
    }
    std::string path(const std::string& name) const { return directory_.path() / name; }

  private:
    static void run(const std::vector<std::string>& arguments) {
        run_checked({.arguments = arguments});
    }

    tests::TemporaryDirectory directory_;
};

TEST(WindowsDiskTest, is_known_with_its_drivers) {
    WindowsDisk disk;
    disk.describe("Windows 10 Pro", 19045);
    disk.install({{"viostor", 0}, {"netkvm", 3}});
    const Inspection found = inspect_disk({.file = disk.make_disk()});
    EXPECT_EQ(found.type, "windows");
    EXPECT_EQ(found.product, "Windows 10 Pro");
    EXPECT_EQ(found.os_id, "win10");
    EXPECT_EQ(found.architecture, "x86_64");
    EXPECT_EQ(found.drivers, "virtio-disk virtio-network");
    EXPECT_TRUE(found.has_efi_partition);
    EXPECT_FALSE(found.has_bios_loader);
}

TEST(WindowsDiskTest, has_no_driver_that_is_disabled) {
    WindowsDisk disk;
    disk.describe("Windows 10 Pro", 19045);
    disk.install({{"viostor", 4}, {"netkvm", 3}});
    EXPECT_EQ(inspect_disk({.file = disk.make_disk()}).drivers, "virtio-network");
}

/// Images of a catalog, with real files.
class InspectImageTest : public tests::LauncherFixture {
  protected:
    InspectedImage inspect(const images::Caller& asker) { return inspect(asker, golden()); }
    InspectedImage inspect(const images::Caller& asker, const ImageId& id) {
        return inspect_image(database(), regions(), tests::emulating_all(), asker, id);
    }
    /// The golden image's root.
    fs::path root() {
        const auto snapshot = image_now(golden()).block_devices.at(0).snapshot.value();
        return pool().path_of(read([&](Session& session) {
            return images::find_snapshot(session, snapshot)->layer.value();
        }));
    }
};

TEST_F(InspectImageTest, notes_what_it_finds) {
    WindowsDisk disk;
    disk.describe("Windows 10 Pro", 19045);
    disk.install({{"viostor", 0}});
    fs::rename(disk.make_disk(), root());
    const InspectedImage inspected = inspect(caller());
    EXPECT_EQ(inspected.found.os_id, "win10");
    const images::Image image = image_now(golden());
    EXPECT_EQ(image.platform, images::windows_platform);
    EXPECT_EQ(image.os_id, "win10");
    EXPECT_EQ(image.drivers, images::virtio_disk_driver);
    EXPECT_EQ(image.boot_mode, images::BootMode::uefi);
}

TEST_F(InspectImageTest, is_for_the_owner_of_one_that_is_there_in_clear) {
    images::Caller other = caller();
    other.account = stranger().owner;
    make_public(golden());
    EXPECT_EQ(tests::error_code_of([&] { inspect(other); }), "AuthFailure");

    images::Snapshot locked = snapshot(layer().id);
    locked.key_id = "key";
    const images::Image encrypted = image("encrypted", locked.id);
    write([&](Session& session) {
        images::insert_encryption_key(session, {.id = *locked.key_id,
                                                .owner = caller().account,
                                                .region = caller().region,
                                                .created = now()});
        images::Layer under = layer();
        under.key_id = locked.key_id;
        locked.layer = under.id;
        images::insert_layer(session, under);
        images::insert_snapshot(session, locked);
        images::insert_image(session, encrypted);
        images::set_image_state(session, golden(), images::ImageState::failed, "lost");
    });
    EXPECT_EQ(tests::error_code_of([&] { inspect(caller()); }), "UnsupportedOperation");
    EXPECT_THAT(tests::error_message_of([&] { inspect(caller(), encrypted.id); }),
                HasSubstr("is encrypted"));
}

TEST(InspectDisk, says_when_there_is_no_operating_system) {
    const tests::TemporaryDirectory directory;
    const fs::path empty = directory.path() / "empty.qcow2";
    run_checked({.arguments = {"qemu-img", "create", "-q", "-f", "qcow2", empty.string(), "1M"}});
    const auto call = [&] { inspect_disk({.file = empty}); };
    EXPECT_EQ(tests::error_code_of(call), "InspectionFailed");
    EXPECT_THAT(tests::error_message_of(call), HasSubstr("no operating system"));
}

TEST(InspectDisk, ends_when_its_time_is_up) {
    const tests::TemporaryDirectory directory;
    const fs::path empty = directory.path() / "empty.qcow2";
    run_checked({.arguments = {"qemu-img", "create", "-q", "-f", "qcow2", empty.string(), "1M"}});
    const auto call = [&] {
        inspect_disk({.file = empty, .time_limit = std::chrono::milliseconds{1}});
    };
    EXPECT_EQ(tests::error_code_of(call), "InspectionFailed");
    EXPECT_THAT(tests::error_message_of(call), HasSubstr("takes too long"));
}

}  // namespace

}  // namespace kiln::builder
