#include "builder/steps/initramfs.hpp"

#include <gmock/gmock.h>

#include "tests/catalog_fixture.hpp"

namespace kiln::builder {

namespace {

using ::testing::ElementsAre;

const ModuleIndex& sample_index() {
    static const ModuleIndex index{
        .dependencies =
            "kernel/drivers/virtio/virtio_pci.ko: kernel/drivers/virtio/virtio.ko "
            "kernel/drivers/virtio/virtio_ring.ko\n"
            "kernel/drivers/virtio/virtio.ko:\n"
            "kernel/drivers/virtio/virtio_ring.ko: kernel/drivers/virtio/virtio.ko\n"
            "kernel/drivers/char/hw_random/virtio-rng.ko: kernel/drivers/virtio/virtio.ko\n"
            "kernel/fs/fat/vfat.ko.xz: kernel/fs/fat/fat.ko.xz\n"
            "kernel/fs/fat/fat.ko.xz:\n",
        .built_in = "kernel/fs/ext4/ext4.ko\n"};
    return index;
}

TEST(module_load_order, puts_each_module_after_what_it_needs_and_only_once) {
    EXPECT_THAT(
        module_load_order(sample_index(), {"virtio_pci", "virtio_rng"}),
        ElementsAre("kernel/drivers/virtio/virtio.ko", "kernel/drivers/virtio/virtio_ring.ko",
                    "kernel/drivers/virtio/virtio_pci.ko",
                    "kernel/drivers/char/hw_random/virtio-rng.ko"));
}

TEST(module_load_order, leaves_out_what_the_kernel_has_built_in) {
    EXPECT_THAT(module_load_order(sample_index(), {"ext4", "vfat"}),
                ElementsAre("kernel/fs/fat/fat.ko.xz", "kernel/fs/fat/vfat.ko.xz"));
}

TEST(module_load_order, a_module_that_the_kernel_does_not_have_fails_the_build) {
    const auto call = [] { module_load_order(sample_index(), {"virtio_gpu"}); };

    EXPECT_EQ(tests::error_code_of(call), "BuildFailed");
    EXPECT_EQ(tests::error_message_of(call), "the kernel has no module 'virtio_gpu'");
}

TEST(kernel_version, a_tree_without_a_kernel_fails_the_build) {
    const tests::TemporaryDirectory tree;
    std::filesystem::create_directories(tree.path() / "boot");

    EXPECT_EQ(tests::error_message_of([&] { kernel_version(tree.path()); }),
              "the packages hold no kernel");
}

}  // namespace

}  // namespace kiln::builder
