#include "builder/steps/boot.hpp"

#include <gtest/gtest.h>

namespace kiln::builder {

namespace {

using namespace std::string_literals;

TEST(boot_sector, has_grubs_code_the_disks_table_and_the_cores_place) {
    const std::string boot_image(512, 'b');
    const std::string mbr(512, 'm');

    const std::string sector = make_boot_sector(boot_image, mbr, 0x1122334455);

    ASSERT_EQ(sector.size(), 512);
    EXPECT_EQ(sector.substr(0, 0x5c), std::string(0x5c, 'b'));
    EXPECT_EQ(sector.substr(0x5c, 8), "\x55\x44\x33\x22\x11\0\0\0"s);
    EXPECT_EQ(sector.substr(0x64, 440 - 0x64), std::string(440 - 0x64, 'b'));
    EXPECT_EQ(sector.substr(440), std::string(72, 'm'));
}

TEST(core_image, says_at_the_end_of_its_first_sector_where_the_others_are) {
    const std::string core = place_core_image(std::string(512 * 3, 'c'), 2048);

    ASSERT_EQ(core.size(), 512 * 3);
    EXPECT_EQ(core.substr(0, 500), std::string(500, 'c'));
    EXPECT_EQ(core.substr(500, 12), "\x01\x08\0\0\0\0\0\0\x02\0\x20\x08"s);
    EXPECT_EQ(core.substr(512), std::string(1024, 'c'));
}

TEST(core_image, is_filled_up_to_whole_sectors) {
    const std::string core = place_core_image(std::string(513, 'c'), 2048);

    ASSERT_EQ(core.size(), 1024);
    EXPECT_EQ(core.substr(508, 2), "\x01\0"s);
    EXPECT_EQ(core.substr(512), "c" + std::string(511, '\0'));
}

TEST(grub_configuration, boots_at_once_in_the_way_that_suits_the_firmware) {
    EXPECT_EQ(grub_configuration({.title = "Debian",
                                  .kernel = "/vmlinuz",
                                  .ramdisk = "/initrd.img",
                                  .arguments = "root=LABEL=root"}),
              "if [ \"$grub_platform\" = pc ]; then\n"
              "    serial --unit=0 --speed=115200\n"
              "    terminal_output console serial\n"
              "fi\n"
              "set timeout=0\n"
              "set gfxpayload=keep\n"
              "menuentry 'Debian' {\n"
              "    if [ \"$grub_platform\" = pc ]; then\n"
              "        linux16 /vmlinuz root=LABEL=root\n"
              "        initrd16 /initrd.img\n"
              "    else\n"
              "        linux /vmlinuz root=LABEL=root\n"
              "        initrd /initrd.img\n"
              "    fi\n"
              "}\n");
}

TEST(pv_grub_configuration, is_a_menu_of_one_entry) {
    EXPECT_EQ(pv_grub_configuration({.title = "Debian",
                                     .kernel = "/boot/vmlinuz",
                                     .ramdisk = "/boot/initramfs",
                                     .arguments = "root=LABEL=root"},
                                    "(hd0,0)"),
              "default 0\n"
              "timeout 0\n"
              "title Debian\n"
              "    root (hd0,0)\n"
              "    kernel /boot/vmlinuz root=LABEL=root\n"
              "    initrd /boot/initramfs\n");
}

TEST(kernel_arguments, name_the_serial_port_of_the_architecture) {
    EXPECT_EQ(kernel_arguments(target_of(images::Architecture::x86_64)),
              "no_timer_check console=tty0 console=ttyS0,115200");
    EXPECT_EQ(kernel_arguments(target_of(images::Architecture::arm64)),
              "console=tty0 console=ttyAMA0,115200");
}

}  // namespace

}  // namespace kiln::builder
