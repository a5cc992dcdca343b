#include <gmock/gmock.h>

#include "base/text.hpp"
#include "tests/integration/api/actions_fixture.hpp"

namespace kiln::api::tests {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;

class ExportActionsTest : public ActionsTest {
  protected:
    WirePairs pairs(const WirePairs& more = {}) const {
        WirePairs all{{"ImageId", golden().str()}, {"DiskImageFormat", "qcow2"}};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    std::string begin(const WirePairs& more = {}) {
        return done("ExportImage", pairs(more)).text("//exportImageTaskId");
    }
    Answer describe(const WirePairs& more = {}) { return done("DescribeExportImageTasks", more); }
    std::string code_of(const Response& response) {
        pugi::xml_document document;
        document.load_string(response.body.c_str());
        return document.select_node("/Response/Errors/Error/Code").node().child_value();
    }
    /// What somebody was noted to have done, with what came of it.
    std::vector<std::string> noted_;
    void note_downloads() {
        write_events_to([this](const AuditedRequest& request) {
            if (request.action == "DownloadExport")
                noted_.push_back(request.resources.at(0) + " " +
                                 (request.error == nullptr ? "ok" : request.error->code()));
            Completion noted;
            noted.end();
            return noted;
        });
    }
};

TEST_F(ExportActionsTest, an_export_is_begun_and_described_in_ec2s_words) {
    const auto begun = done("ExportImage", pairs({{"Description", "for the lab"},
                                                  {"RoleName", "vmimport"},
                                                  {"S3ExportLocation.S3Bucket", "exports"},
                                                  {"S3ExportLocation.S3Prefix", "web/"}}));
    const std::string id = begun.text("/ExportImageResponse/exportImageTaskId");
    EXPECT_THAT(id, MatchesRegex("export-ami-[0-9a-f]+"));
    EXPECT_EQ(begun.text("/ExportImageResponse/imageId"), golden().str());
    EXPECT_EQ(begun.text("/ExportImageResponse/diskImageFormat"), "qcow2");
    EXPECT_EQ(begun.text("/ExportImageResponse/description"), "for the lab");
    EXPECT_EQ(begun.text("/ExportImageResponse/roleName"), "vmimport");
    EXPECT_EQ(begun.text("/ExportImageResponse/status"), "active");
    EXPECT_EQ(begun.text("/ExportImageResponse/statusMessage"), "pending");
    EXPECT_EQ(begun.text("/ExportImageResponse/progress"), "0");
    EXPECT_EQ(begun.text("/ExportImageResponse/s3ExportLocation/s3Bucket"), "exports");
    EXPECT_EQ(begun.text("/ExportImageResponse/s3ExportLocation/s3Prefix"), "web/");

    start_tasks();
    settle_tasks();
    const auto ended = describe({{"ExportImageTaskId.1", id}});
    EXPECT_EQ(ended.text("//exportImageTaskSet/item/exportImageTaskId"), id);
    EXPECT_EQ(ended.text("//item/status"), "completed");
    EXPECT_EQ(ended.text("//item/progress"), "100");
    EXPECT_THAT(ended.texts("//item/statusMessage"), IsEmpty());
    EXPECT_EQ(ended.text("//item/fileName"), "web/" + id + ".qcow2");
    EXPECT_THAT(ended.text("//item/sha256"), MatchesRegex("[0-9a-f]+"));
    EXPECT_THAT(ended.texts("//item/expirationTime"), IsEmpty()) << "an object stays";
}

TEST_F(ExportActionsTest, a_file_that_is_kept_says_until_when) {
    const std::string id = begin();
    start_tasks();
    settle_tasks();
    const auto ended = describe();
    EXPECT_EQ(ended.text("//item/fileName"), golden().str() + ".qcow2");
    EXPECT_THAT(ended.text("//item/expirationTime"), HasSubstr("T"));
    EXPECT_THAT(ended.texts("//item/s3ExportLocation"), IsEmpty());
    done("DeleteExportedImage", {{"ExportImageTaskId", id}});
    settle_tasks();
    EXPECT_EQ(describe().text("//item/status"), "deleted");
    EXPECT_EQ(describe().text("//item/statusMessage"), "removed by the user");
}

TEST_F(ExportActionsTest, a_task_is_canceled_once) {
    const std::string id = begin();
    EXPECT_EQ(done("CancelExportTask", {{"ExportTaskId", id}}).text("//return"), "true");
    EXPECT_EQ(describe().text("//item/status"), "deleting");
    EXPECT_EQ(send("CancelExportTask", {{"ExportTaskId", id}}).code, "IncorrectState");
    EXPECT_EQ(send("DeleteExportedImage", {{"ExportImageTaskId", id}}).code, "IncorrectState");
    start_tasks();
    settle_tasks();
    EXPECT_EQ(describe().text("//item/status"), "deleted");
    EXPECT_EQ(describe().text("//item/statusMessage"), "canceled by the user");
    EXPECT_THAT(describe().texts("//item/progress"), IsEmpty());
}

TEST_F(ExportActionsTest, tasks_are_filtered_paged_and_told_to_their_owner_alone) {
    std::vector<std::string> ids;
    for (int i = 0; i < 5; ++i)
        ids.push_back(begin());
    done("CancelExportTask", {{"ExportTaskId", ids.front()}});
    ids.push_back(begin());
    EXPECT_EQ(describe({{"Filter.1.Name", "task-state"}, {"Filter.1.Value.1", "deleting"}})
                  .text("//exportImageTaskId"),
              ids.front());
    const auto page = describe({{"MaxResults", "5"}});
    EXPECT_EQ(page.texts("//exportImageTaskId").size(), 5U);
    EXPECT_EQ(describe({{"MaxResults", "5"}, {"NextToken", page.text("//nextToken")}})
                  .texts("//exportImageTaskId")
                  .size(),
              1U);
    become_stranger();
    EXPECT_THAT(describe().texts("//exportImageTaskId"), IsEmpty());
    for (const auto& [action, name] : std::vector<std::pair<std::string, std::string>>{
             {"DescribeExportImageTasks", "ExportImageTaskId.1"},
             {"CancelExportTask", "ExportTaskId"},
             {"DeleteExportedImage", "ExportImageTaskId"}}) {
        EXPECT_EQ(send(action, {{name, ids.front()}}).code, "InvalidExportTaskID.NotFound");
        EXPECT_EQ(send(action, {{name, "export-i-1"}}).code, "InvalidExportTaskID.Malformed");
    }
    EXPECT_EQ(send("ExportImage", pairs()).code, "InvalidAMIID.NotFound");
}

TEST_F(ExportActionsTest, requests_that_make_no_sense_are_refused) {
    EXPECT_EQ(send("ExportImage", {{"ImageId", golden().str()}, {"DiskImageFormat", "vdi"}}).code,
              "InvalidParameterValue");
    EXPECT_EQ(send("ExportImage", {{"ImageId", golden().str()}}).code, "MissingParameter");
    EXPECT_EQ(send("ExportImage", pairs({{"S3ExportLocation.S3Prefix", "web/"}})).code,
              "MissingParameter");
    EXPECT_EQ(send("ExportImage", pairs({{"S3ExportLocation.S3Bucket", "B"}})).code,
              "InvalidBucketName");
    EXPECT_EQ(send("ExportImage", pairs({{"Description", std::string(256, 'd')}})).code,
              "InvalidParameterValue");
    EXPECT_EQ(open_operation_count(), 0U);
}

// Files

TEST_F(ExportActionsTest, a_file_is_downloaded_in_pieces_that_are_noted_once) {
    const std::string id = begin();
    start_tasks();
    settle_tasks();
    note_downloads();
    const std::string target = "/exports/" + id;
    std::string file;
    while (true) {
        const Response piece =
            download(target + "?size=100000&offset=" + std::to_string(file.size()));
        ASSERT_EQ(piece.status, 200U) << piece.body;
        EXPECT_STREQ(piece.content_type, "application/octet-stream");
        if (piece.body.empty()) break;
        EXPECT_LE(piece.body.size(), 100'000U);
        file += piece.body;
    }
    EXPECT_EQ(sha256_hex(file), describe().text("//item/sha256"));
    EXPECT_THAT(noted_, ElementsAre(id + " ok"));
}

TEST_F(ExportActionsTest, a_download_is_refused_as_an_action_is) {
    const std::string id = begin();
    note_downloads();
    const std::string target = "/exports/" + id;
    EXPECT_EQ(code_of(download(target + "?size=1")), "IncorrectState");
    EXPECT_EQ(code_of(download(target)), "MissingParameter");
    EXPECT_EQ(code_of(download(target + "?size=1&offset=-1")), "InvalidParameterValue");
    EXPECT_EQ(code_of(download(target + "?size=1&offset=1x")), "InvalidParameterValue");
    EXPECT_EQ(code_of(download(target + "?size=1&ofset=1")), "UnknownParameter");
    EXPECT_EQ(code_of(download(target + "?size=1", "POST")), "MethodNotAllowed");
    EXPECT_EQ(download(target + "?size=1", "POST").status, 405U);
    EXPECT_EQ(code_of(download("/exports/../catalog.sqlite?size=1")),
              "InvalidExportTaskID.Malformed");
    EXPECT_EQ(code_of(download("/exports/export-ami-00000001?size=1")),
              "InvalidExportTaskID.NotFound");
    become_stranger();
    noted_.clear();
    EXPECT_EQ(code_of(download(target + "?size=1")), "InvalidExportTaskID.NotFound");
    EXPECT_THAT(noted_, ElementsAre(id + " InvalidExportTaskID.NotFound"));
}

}  // namespace

}  // namespace kiln::api::tests
