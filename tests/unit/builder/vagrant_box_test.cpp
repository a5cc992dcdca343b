#include "builder/export/vagrant_box.hpp"

#include <gmock/gmock.h>

#include "tests/golden.hpp"

namespace kiln::builder {

namespace {

using ::testing::HasSubstr;
using ::testing::Not;

VagrantBox debian_box() {
    return {.image = "ami-00000001", .virtual_size = Bytes::gibibytes(10)};
}

TEST(VagrantBoxTest, the_metadata_is_of_the_first_format_with_the_size_in_whole_gb) {
    VagrantBox box = debian_box();
    EXPECT_EQ(box_metadata(box),
              "{\"provider\":\"libvirt\",\"format\":\"qcow2\",\"virtual_size\":10}\n");
    box.virtual_size = Bytes::mebibytes(256);
    EXPECT_THAT(box_metadata(box), HasSubstr("\"virtual_size\":1}"));
}

TEST(VagrantBoxTest, the_vagrantfile_says_what_the_guest_lacks) {
    VagrantBox box = debian_box();
    tests::expect_golden("debian.Vagrantfile", box_vagrantfile(box));
    box.is_tiny = true;
    tests::expect_golden("tiny.Vagrantfile", box_vagrantfile(box));
    EXPECT_THAT(box_vagrantfile(box), Not(HasSubstr("loader")));
    box.boot_mode = images::BootMode::uefi;
    EXPECT_THAT(box_vagrantfile(box), HasSubstr("libvirt.loader = \"/usr/share/ovmf/OVMF.fd\""));
}

}  // namespace

}  // namespace kiln::builder
