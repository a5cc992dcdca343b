#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>

#include "base/file.hpp"
#include "base/text.hpp"
#include "tests/integration/cli/fake_service.hpp"

namespace kiln::tests {

namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* image = "ami-0123456789abcdef0";
constexpr const char* alias = "golden:latest";
constexpr const char* task = "export-ami-00000001";

/// `kiln export` and a service that plays what it asks for.
class ExportCommandTest : public testing::Test {
  protected:
    ExportCommandTest() {
        service_.serve_file(content_);
        service_.play("ExportImage", [this](const api::Arguments& arguments) {
            begun_ = arguments.required_text("ImageId") + " " +
                     arguments.required_text("DiskImageFormat") + " " +
                     arguments.text("BaseImageId").value_or("");
            ++begun_count_;
            return fields("active");
        });
        service_.play("GetImageAncestry", [](const api::Arguments& arguments) {
            const std::string named = arguments.required_text("ImageId");
            return fmt::format(
                "<imageAncestryEntrySet><item><imageId>{}</imageId></item></imageAncestryEntrySet>",
                named == alias ? image : named);
        });
        service_.play("DescribeExportImageTasks", [this](const api::Arguments&) {
            ++asked_;
            return "<exportImageTaskSet><item>" +
                   fields(asked_ < asked_until_completed_ ? "active" : state_) +
                   "</item></exportImageTaskSet>";
        });
        service_.play("DeleteExportedImage", [this](const api::Arguments& arguments) {
            removed_ = arguments.required_text("ExportImageTaskId");
            return "<return>true</return>";
        });
    }

    std::string fields(const std::string& state) const {
        std::string xml = fmt::format(
            "<exportImageTaskId>{}</exportImageTaskId><imageId>{}</imageId>"
            "<diskImageFormat>VMDK</diskImageFormat><progress>50</progress><status>{}</status>"
            "<statusMessage>{}</statusMessage><fileName>{}.vmdk</fileName>",
            task, image, state, message_, image);
        if (state == "completed")
            xml += fmt::format("<fileSize>{}</fileSize><sha256>{}</sha256>", content_.size(),
                               digest_.empty() ? sha256_hex(content_) : digest_);
        return xml;
    }
    std::string file() const { return (service_.directory() / "golden.vmdk").string(); }
    ProcessResult run_export(std::vector<std::string> more = {}) const {
        std::vector<std::string> words{"export", image, "--format", "vmdk", "--output", file()};
        words.insert(words.end(), more.begin(), more.end());
        return service_.kiln(words);
    }

    std::string content_ = std::string(3'000'000, 'd') + "end";
    std::string digest_;  // that the service says; empty: the right one
    std::string state_ = "completed";
    std::string message_ = "converting";
    int asked_ = 0;
    int asked_until_completed_ = 2;
    int begun_count_ = 0;
    std::string begun_;
    std::string removed_;
    FakeService service_;
};

TEST_F(ExportCommandTest, a_file_is_made_fetched_compared_and_removed_from_the_service) {
    const ProcessResult result = run_export();
    EXPECT_EQ(result.exit_status, 0) << result.standard_error;
    EXPECT_EQ(result.standard_output, file() + "\n");
    EXPECT_THAT(result.standard_error, HasSubstr("50 % converting"));
    EXPECT_EQ(read_file(file()), content_);
    EXPECT_EQ(read_file(file() + ".sha256"), sha256_hex(content_) + "  golden.vmdk\n");
    EXPECT_EQ(begun_, std::string(image) + " VMDK ");
    EXPECT_EQ(removed_, task);
}

TEST_F(ExportCommandTest, a_download_that_broke_goes_on_when_the_command_is_run_again) {
    service_.serve_file(content_, 2U << 20U);
    const ProcessResult broken = run_export();
    EXPECT_EQ(broken.exit_status, 1);
    EXPECT_EQ(fs::file_size(file() + ".part"), 2U << 20U);
    EXPECT_EQ(removed_, "");

    std::string half = content_;
    half.replace(0, 1000, 1000, '?');  // what is there already is not asked for again
    service_.serve_file(half);
    const ProcessResult result = run_export();
    EXPECT_EQ(result.exit_status, 0) << result.standard_error;
    EXPECT_EQ(begun_count_, 1) << "it is the same export";
    EXPECT_EQ(read_file(file()), content_);
    EXPECT_FALSE(fs::exists(file() + ".part.task"));
}

TEST_F(ExportCommandTest, an_alias_is_the_image_for_which_it_stands) {
    service_.serve_file(content_, 2U << 20U);
    const auto run_by_alias = [&] {
        return service_.kiln({"export", alias, "--format", "vmdk", "--output", file()});
    };
    EXPECT_EQ(run_by_alias().exit_status, 1);
    EXPECT_EQ(begun_, std::string(image) + " VMDK ");
    service_.serve_file(content_);
    EXPECT_EQ(run_by_alias().exit_status, 0);
    EXPECT_EQ(begun_count_, 1) << "it is the same export";
}

TEST_F(ExportCommandTest, a_failed_export_is_told_with_its_reason) {
    state_ = "deleted";
    message_ = "there is no room";
    const ProcessResult result = run_export();
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_THAT(result.standard_error, HasSubstr("there is no room"));
    EXPECT_THAT(result.standard_output, IsEmpty());
    EXPECT_FALSE(fs::exists(file()));
}

TEST_F(ExportCommandTest, another_content_than_the_service_has_made_is_refused) {
    digest_ = sha256_hex("another");
    const ProcessResult result = run_export();
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_THAT(result.standard_error, HasSubstr("SHA-256"));
    EXPECT_FALSE(fs::exists(file()));
    EXPECT_EQ(removed_, "");
}

TEST_F(ExportCommandTest, a_file_that_is_there_stays_unless_it_is_forced) {
    write_file_atomically(file(), "precious", 0600);
    const ProcessResult refused = run_export();
    EXPECT_EQ(refused.exit_status, 1);
    EXPECT_THAT(refused.standard_error, HasSubstr("--force"));
    EXPECT_EQ(begun_count_, 0) << "before anything is made";
    EXPECT_EQ(run_export({"--force"}).exit_status, 0);
    EXPECT_EQ(read_file(file()), content_);
}

TEST_F(ExportCommandTest, a_directory_that_is_not_there_is_told_before_anything_is_made) {
    const ProcessResult result =
        service_.kiln({"export", image, "--format", "vmdk", "--output", file() + "/x/y"});
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_THAT(result.standard_error, HasSubstr("No such file or directory"));
    EXPECT_EQ(begun_count_, 0);
}

TEST_F(ExportCommandTest, an_interrupt_says_how_to_go_on) {
    const std::string pid_file = (service_.directory() / "pid").string();
    service_.play("DescribeExportImageTasks", [&](const api::Arguments&) {
        ::kill(std::stoi(read_file(pid_file)), SIGTERM);
        return "<exportImageTaskSet><item>" + fields("active") + "</item></exportImageTaskSet>";
    });
    const ProcessResult result =
        service_.run({"sh", "-c",
                      fmt::format("echo $$ >{} && exec {} export {} --format vmdk --output {}",
                                  pid_file, places::kiln, image, file())});
    EXPECT_EQ(result.exit_status, 130) << result.standard_error;
    EXPECT_THAT(result.standard_error,
                AllOf(HasSubstr("Run the same command again"),
                      HasSubstr(std::string("cancel-export-task --export-task-id ") + task)));
    EXPECT_EQ(read_file(file() + ".part.task"), std::string(task) + "\n");
}

TEST_F(ExportCommandTest, what_makes_no_sense_is_refused_before_the_service_is_asked) {
    const auto refusal = [&](std::vector<std::string> words) {
        words.insert(words.begin(), "export");
        const ProcessResult result = service_.kiln(words);
        EXPECT_EQ(result.exit_status, 2) << result.standard_error;
        return result.standard_error;
    };
    EXPECT_THAT(refusal({"--format", "vmdk"}), HasSubstr("give one image"));
    EXPECT_THAT(refusal({image}), HasSubstr("--format qcow2|raw"));
    EXPECT_THAT(refusal({image, "--format", "vmkd"}), HasSubstr("did you mean 'vmdk'?"));
    EXPECT_THAT(refusal({image, "--format", "vmdk", "--output", "json"}), HasSubstr("'./json'"));
    EXPECT_EQ(begun_count_, 0);
}

}  // namespace

}  // namespace kiln::tests
