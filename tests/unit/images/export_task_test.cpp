#include "images/catalog/export_task.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace kiln::images {

namespace {

TEST(ExportTaskWords, are_ec2_s_own_and_lead_back) {
    for (const char* word : {"active", "completed", "deleting", "deleted"})
        EXPECT_EQ(to_text(parse_export_task_state(word)), word);
    for (const char* word : {"VMDK", "RAW", "VHD", "qcow2", "vhdx", "ova", "vagrant-libvirt"})
        EXPECT_EQ(to_text(parse_disk_image_format(word)), word);
}

TEST(ExportTaskWords, no_other_word_is_taken) {
    for (const char* word : {"", "vmdk", "Active", "vdi"}) {
        EXPECT_THROW(parse_export_task_state(word), Error) << word;
        EXPECT_THROW(parse_disk_image_format(word), Error) << word;
    }
}

}  // namespace

}  // namespace kiln::images
