#include "images/catalog/pv_kernels.hpp"

#include <gmock/gmock.h>

#include <set>

#include "tests/catalog_fixture.hpp"

namespace kiln::images {

namespace {

std::string refusal(VirtualizationType type, Architecture architecture, const std::string& kernel,
                    const std::string& ramdisk = "") {
    return tests::error_code_of([&] { check_kernel(type, architecture, kernel, ramdisk); });
}

TEST(PvKernels, there_is_one_for_each_disk_and_architecture) {
    std::set<std::string> ids;
    for (const char* disk : {"hd0", "hd00"}) {
        for (const Architecture architecture : {Architecture::i386, Architecture::x86_64}) {
            const std::string id = pv_kernel_id(disk, architecture);
            ASSERT_NE(find_pv_kernel(id), nullptr) << id;
            EXPECT_TRUE(ids.insert(id).second) << id;
            check_kernel(VirtualizationType::paravirtual, architecture, id, "");
        }
    }
    EXPECT_EQ(pv_kernels().size(), ids.size());
    EXPECT_EQ(find_pv_kernel("aki-00000000"), nullptr);
}

TEST(PvKernels, have_the_ids_that_ec2_gives_them_in_us_east_1) {
    EXPECT_EQ(pv_kernel_id("hd0", Architecture::x86_64), "aki-919dcaf8");
    EXPECT_EQ(pv_kernel_id("hd00", Architecture::x86_64), "aki-499ccb20");
    EXPECT_EQ(pv_kernel_id("hd0", Architecture::i386), "aki-8f9dcae6");
    EXPECT_EQ(pv_kernel_id("hd00", Architecture::i386), "aki-659ccb0c");
}

TEST(PvKernels, go_with_paravirtual_images_of_their_architecture_alone) {
    const std::string id = pv_kernel_id("hd0", Architecture::x86_64);
    check_kernel(VirtualizationType::hvm, Architecture::x86_64, "", "");
    EXPECT_EQ(refusal(VirtualizationType::hvm, Architecture::x86_64, id),
              "InvalidParameterCombination");
    check_kernel(VirtualizationType::paravirtual, Architecture::x86_64, "", "");
    EXPECT_EQ(refusal(VirtualizationType::paravirtual, Architecture::i386, id),
              "InvalidParameterCombination");
    EXPECT_EQ(refusal(VirtualizationType::paravirtual, Architecture::x86_64, "aki-00000000"),
              "InvalidAMIID.NotFound");
    EXPECT_EQ(refusal(VirtualizationType::paravirtual, Architecture::x86_64, "linux"),
              "InvalidAMIID.Malformed");
    EXPECT_EQ(refusal(VirtualizationType::paravirtual, Architecture::x86_64, id, "ari-00000000"),
              "UnsupportedOperation");
}

TEST(PvKernels, an_instance_needs_one_that_an_image_may_lack) {
    require_kernel(VirtualizationType::hvm, Architecture::x86_64, "");
    require_kernel(VirtualizationType::paravirtual, Architecture::x86_64, "aki-919dcaf8");
    const auto without = [] {
        require_kernel(VirtualizationType::paravirtual, Architecture::i386, "");
    };
    EXPECT_EQ(tests::error_code_of(without), "InvalidParameterCombination");
    EXPECT_THAT(tests::error_message_of(without), ::testing::HasSubstr("aki-8f9dcae6"));
}

}  // namespace

}  // namespace kiln::images
