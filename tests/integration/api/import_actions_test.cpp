#include <gmock/gmock.h>

#include <fstream>

#include "api/server/file_piece.hpp"
#include "base/file.hpp"
#include "tests/integration/api/api_fixture.hpp"

namespace kiln::api::tests {

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class ImportActionsTest : public ApiFixture {
  protected:
    ImportActionsTest() {
        for (const auto& path : {directory(), pool().directory()})
            std::filesystem::permissions(path, std::filesystem::perms{0711});
    }

    Response put(const std::string& target, const std::string& bytes) {
        return take_piece(importer().uploads(), caller(),
                          {.method = "PUT", .target = target, .body = bytes});
    }
    std::string upload(const std::string& bytes) {
        const std::string id =
            done("CreateUpload", {{"Size", std::to_string(bytes.size())}}).text("//uploadId");
        EXPECT_THAT(put("/uploads/" + id + "?offset=0", bytes).body,
                    HasSubstr("<received>" + std::to_string(bytes.size()) + "</received>"));
        return id;
    }
    std::string task_of(const Answer& answer) { return answer.text("//importTaskId"); }
};

TEST_F(ImportActionsTest, an_image_is_imported_from_a_file_that_was_sent) {
    const Answer begun =
        done("ImportImage", {{"DiskContainer.1.UploadId", upload(std::string(1U << 20U, 'x'))},
                             {"DiskContainer.1.Format", "RAW"},
                             {"Name", "imported"},
                             {"Description", "words"},
                             {"TagSpecification.1.ResourceType", "import-image-task"},
                             {"TagSpecification.1.Tag.1.Key", "k"},
                             {"TagSpecification.1.Tag.1.Value", "v"}});
    EXPECT_EQ(begun.text("//status"), "active");
    importer().wait_until_idle();

    const Answer told = done("DescribeImportImageTasks", {{"ImportTaskId.1", task_of(begun)}});
    EXPECT_EQ(told.text("//status"), "completed");
    EXPECT_EQ(told.text("//description"), "words");
    EXPECT_EQ(told.text("//architecture"), "x86_64");
    EXPECT_EQ(told.text("//platform"), "Linux");
    EXPECT_EQ(told.text("//snapshotDetailSet/item/deviceName"), "/dev/xvda");
    EXPECT_EQ(told.text("//snapshotDetailSet/item/diskImageSize"), "0.000976562");
    EXPECT_EQ(told.text("//tagSet/item/value"), "v");
    const Answer image = done("DescribeImages", {{"ImageId.1", told.text("//imageId")}});
    EXPECT_EQ(image.text("//imageState"), "available");
    EXPECT_EQ(image.text("//name"), "imported");
    EXPECT_EQ(send("CancelImportTask", {{"ImportTaskId", task_of(begun)}}).code, "IncorrectState");
}

TEST_F(ImportActionsTest, a_snapshot_is_imported_and_its_task_is_no_image_task) {
    const Answer begun =
        done("ImportSnapshot",
             {{"DiskContainer.UploadId", upload(std::string(512, 'x'))}, {"Description", "words"}});
    importer().wait_until_idle();
    const Answer told = done("DescribeImportSnapshotTasks", {});
    EXPECT_THAT(told.texts("//importTaskId"), ElementsAre(task_of(begun)));
    EXPECT_EQ(told.text("//snapshotTaskDetail/status"), "completed");
    EXPECT_THAT(told.text("//snapshotTaskDetail/snapshotId"), MatchesRegex("snap-[0-9a-f]{17}"));
    EXPECT_THAT(done("DescribeImportImageTasks", {}).texts("//importTaskId"), ElementsAre());
    EXPECT_EQ(send("DescribeImportImageTasks", {{"ImportTaskId.1", task_of(begun)}}).code,
              "InvalidConversionTaskId.Malformed");
}

TEST_F(ImportActionsTest, a_failed_import_is_deleted_and_says_why) {
    done("ImportSnapshot", {{"DiskContainer.UploadId", upload("no disk at all")}});
    importer().wait_until_idle();
    const Answer told = done("DescribeImportSnapshotTasks",
                             {{"Filters.1.Name", "task-state"}, {"Filters.1.Value.1", "deleted"}});
    EXPECT_THAT(told.text("//statusMessage"), HasSubstr("ClientError: "));
}

TEST_F(ImportActionsTest, uploads_tell_how_much_of_them_is_there) {
    const std::string id = done("CreateUpload", {{"Size", "6"}}).text("//uploadId");
    put("/uploads/" + id + "?offset=0", "abc");
    EXPECT_EQ(done("DescribeUploads", {{"UploadId.1", id}}).text("//received"), "3");
    EXPECT_THAT(put("/uploads/" + id + "?offset=1", "x").body, HasSubstr("IncorrectOffset"));
    done("DeleteUpload", {{"UploadId", id}});
    EXPECT_EQ(send("DescribeUploads", {{"UploadId.1", id}}).code, "InvalidUploadId.NotFound");
    EXPECT_EQ(send("CreateUpload", {{"Size", "0"}}).code, "InvalidParameterValue");
    EXPECT_EQ(send("CreateUpload", {{"Size", "-1"}}).code, "InvalidParameterValue");
}

TEST_F(ImportActionsTest, pieces_go_to_uploads_alone) {
    for (const char* target :
         {"/uploads/", "/uploads/x?offset=0", "/uploads/../x?offset=0", "/",
          "/uploads/upload-0123456789abcdef0?offset=-1",
          "/uploads/upload-0123456789abcdef0?offset=1x", "/uploads/upload-0123456789abcdef0"}) {
        EXPECT_EQ(put(target, "x").status, 400U) << target;
    }
    EXPECT_THAT(put("/uploads/upload-0123456789abcdef0?offset=0", "x").body,
                HasSubstr("InvalidUploadId.NotFound"));
}

TEST_F(ImportActionsTest, a_url_of_s3_is_an_object_of_a_bucket) {
    EXPECT_EQ(send("ImportImage", {{"DiskContainer.1.Url", "s3://nobodys/a/disk.raw"}}).code,
              "NoSuchBucket");
    EXPECT_EQ(send("ImportImage", {{"DiskContainer.1.Url", "s3://nobodys"}}).code,
              "InvalidParameterValue");
}

TEST_F(ImportActionsTest, a_disk_has_one_source) {
    EXPECT_EQ(send("ImportImage", {{"DiskContainer.1.Format", "raw"}}).code,
              "InvalidParameterValue");
    EXPECT_EQ(send("ImportImage", {{"DiskContainer.1.Url", "https://example.com/d"},
                                   {"DiskContainer.1.SnapshotId", "snap-0123456789abcdef0"}})
                  .code,
              "InvalidParameterValue");
    EXPECT_EQ(send("ImportImage", {}).code, "MissingParameter");
}

}  // namespace

}  // namespace kiln::api::tests
