#include "launcher/platforms/os_profile.hpp"

#include <gmock/gmock.h>

namespace kiln::launcher {
namespace {

using hypervisor::CardModel;
using hypervisor::DiskBus;
using ::testing::HasSubstr;

TEST(OsProfile, of_a_system_that_is_not_known_is_virtio) {
    for (const char* id : {"", "temple-os"}) {
        const OsProfile profile = OsProfiles().of({.os_id = id});
        EXPECT_EQ(profile.disk_bus, DiskBus::virtio);
        EXPECT_EQ(profile.card, CardModel::virtio);
        EXPECT_FALSE(profile.machine.hyperv);
        EXPECT_EQ(profile.least_memory, Bytes{0});
    }
}

TEST(OsProfile, of_linux_is_virtio) {
    const OsProfile profile = OsProfiles().of({.os_id = "debian11"});
    EXPECT_THAT(profile.name, HasSubstr("Debian"));
    EXPECT_EQ(profile.disk_bus, DiskBus::virtio);
    EXPECT_EQ(profile.card, CardModel::virtio);
    EXPECT_FALSE(profile.machine.local_time);
}

TEST(OsProfile, of_windows_goes_by_the_drivers_that_are_there) {
    const OsProfile bare = OsProfiles().of({.os_id = "win11", .architecture = "x86_64"});
    EXPECT_THAT(bare.name, HasSubstr("Windows 11"));
    EXPECT_EQ(bare.disk_bus, DiskBus::sata);
    EXPECT_EQ(bare.card, CardModel::e1000e);
    EXPECT_TRUE(bare.machine.hyperv);
    EXPECT_TRUE(bare.machine.local_time);
    EXPECT_TRUE(bare.machine.has_usb_input);
    EXPECT_GE(bare.least_memory, Bytes::gibibytes(4));

    const OsProfile equipped =
        OsProfiles().of({.os_id = "win11", .drivers = "virtio-disk virtio-network"});
    EXPECT_EQ(equipped.disk_bus, DiskBus::virtio);
    EXPECT_EQ(equipped.card, CardModel::virtio);

    EXPECT_EQ(OsProfiles().of({.os_id = "win11", .drivers = "virtio-disk"}).card,
              CardModel::e1000e);
}

TEST(OsProfile, asks_for_less_of_a_32_bit_windows) {
    const auto least_memory = [](const char* architecture) {
        return OsProfiles().of({.os_id = "win10", .architecture = architecture}).least_memory;
    };
    EXPECT_EQ(least_memory("i686"), Bytes::gibibytes(1));
    EXPECT_EQ(least_memory("x86_64"), Bytes::gibibytes(2));
}

TEST(OsProfile, of_a_system_from_before_virtio_has_older_devices) {
    const OsProfile profile = OsProfiles().of({.os_id = "freebsd8.2"});
    EXPECT_THAT(profile.name, HasSubstr("FreeBSD"));
    EXPECT_EQ(profile.disk_bus, DiskBus::sata);
    EXPECT_EQ(profile.card, CardModel::e1000e);
}

}  // namespace
}  // namespace kiln::launcher
