#include <gmock/gmock.h>

#include "tests/integration/api/actions_fixture.hpp"

namespace kiln::api::tests {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class BundleActionsTest : public ActionsTest {
  protected:
    Answer describe_tasks(const WirePairs& pairs = {}) {
        return done("DescribeBundleTasks", pairs);
    }
    std::string register_bundle() {
        return done("RegisterImage",
                    {{"Name", "bundled"}, {"ImageLocation", "bundles/mine.manifest.xml"}})
            .text("//imageId");
    }
};

TEST_F(BundleActionsTest, a_task_is_described_in_ec2s_words) {
    const std::string id = insert_bundle_task();
    const auto answer = describe_tasks();
    EXPECT_EQ(answer.text("//bundleInstanceTasksSet/item/bundleId"), id);
    EXPECT_EQ(answer.text("//item/state"), "storing");
    EXPECT_EQ(answer.text("//item/progress"), "0%");
    EXPECT_EQ(answer.text("//item/storage/S3/bucket"), "bundles");
    EXPECT_EQ(answer.text("//item/storage/S3/prefix"), "web");
    EXPECT_THAT(answer.texts("//item/error"), IsEmpty());
    EXPECT_THAT(describe_tasks({{"Filter.1.Name", "s3-prefix"}, {"Filter.1.Value.1", "other"}})
                    .texts("//bundleId"),
                IsEmpty());
    EXPECT_EQ(send("DescribeBundleTasks", {{"BundleId.1", "bun-00000001"}}).code,
              "InvalidBundleID.NotFound");
    EXPECT_EQ(done("CancelBundleTask", {{"BundleId", id}}).text("//bundleInstanceTask/state"),
              "cancelling");
    become_stranger();
    EXPECT_THAT(describe_tasks().texts("//bundleId"), IsEmpty());
    EXPECT_EQ(send("CancelBundleTask", {{"BundleId", id}}).code, "InvalidBundleID.NotFound");
}

TEST_F(BundleActionsTest, an_instance_store_image_shows_its_location_and_its_ephemeral_disks) {
    write_bundle("mine");
    const std::string image = register_bundle();
    const auto answer = done("DescribeImages", {{"ImageId.1", image}});
    EXPECT_EQ(answer.text("//imageLocation"), "bundles/mine.manifest.xml");
    EXPECT_EQ(answer.text("//rootDeviceType"), "instance-store");
    EXPECT_EQ(answer.text("//rootDeviceName"), "/dev/sda1");
    EXPECT_THAT(answer.texts("//blockDeviceMapping/item/virtualName"), ElementsAre("ephemeral0"))
        << "the root is the bundle";
    EXPECT_THAT(answer.texts("//blockDeviceMapping/item/ebs"), IsEmpty());
    EXPECT_THAT(done("DescribeImages", {{"Filter.1.Name", "root-device-type"},
                                        {"Filter.1.Value.1", "instance-store"},
                                        {"Filter.2.Name", "image-type"},
                                        {"Filter.2.Value.1", "machine"}})
                    .texts("//imageId"),
                ElementsAre(image));
    EXPECT_EQ(send("DeleteBundle", {{"ImageLocation", "bundles/mine.manifest.xml"}}).code,
              "DependencyViolation");
}

TEST_F(BundleActionsTest, types_tell_of_their_disks) {
    const auto answer = done("DescribeInstanceTypes", {{"InstanceType.1", "m1.xlarge"}});
    EXPECT_EQ(answer.text("//instanceStorageSupported"), "true");
    EXPECT_EQ(answer.text("//instanceStorageInfo/totalSizeInGB"), "1680");
    EXPECT_EQ(answer.text("//instanceStorageInfo/disks/item/count"), "4");
    EXPECT_EQ(answer.text("//instanceStorageInfo/nvmeSupport"), "unsupported");
    EXPECT_THAT(done("DescribeInstanceTypes", {{"InstanceType.1", "t3.nano"}})
                    .texts("//instanceStorageInfo"),
                IsEmpty());
}

TEST_F(BundleActionsTest, the_manifest_must_fit_the_request) {
    write_bundle("mine");
    EXPECT_EQ(send("RegisterImage", {{"Name", "bundled"},
                                     {"ImageLocation", "bundles/mine.manifest.xml"},
                                     {"Architecture", "arm64"}})
                  .code,
              "InvalidManifest");
    EXPECT_EQ(send("RegisterImage", {{"Name", "bundled"},
                                     {"ImageLocation", "bundles/mine.manifest.xml"},
                                     {"BlockDeviceMapping.1.DeviceName", "/dev/sda1"},
                                     {"BlockDeviceMapping.1.Ebs.VolumeSize", "1"}})
                  .code,
              "InvalidBlockDeviceMapping");
    EXPECT_EQ(send("RegisterImage",
                   {{"Name", "bundled"}, {"ImageLocation", "bundles/other.manifest.xml"}})
                  .code,
              "NoSuchKey");
}

TEST_F(BundleActionsTest, stored_images_are_described_in_ec2s_words) {
    insert_store_task();
    const auto answer = done("DescribeStoreImageTasks");
    EXPECT_EQ(answer.text("//storeImageTaskResultSet/item/storeTaskState"), "Completed");
    EXPECT_EQ(answer.text("//item/progressPercentage"), "100");
    EXPECT_EQ(answer.text("//item/bucket"), "bundles");
    EXPECT_EQ(answer.text("//item/s3objectKey"), answer.text("//item/amiId") + ".bin");
    EXPECT_THAT(done("DescribeStoreImageTasks",
                     {{"Filter.1.Name", "task-state"}, {"Filter.1.Value.1", "Failed"}})
                    .texts("//amiId"),
                IsEmpty());
    const std::string restored =
        done("CreateRestoreImageTask",
             {{"Bucket", "bundles"}, {"ObjectKey", write_stored_image()}, {"Name", "restored"}})
            .text("//imageId");
    settle();
    EXPECT_EQ(done("DescribeImages", {{"ImageId.1", restored}}).text("//imageState"), "available");
}

}  // namespace

}  // namespace kiln::api::tests
