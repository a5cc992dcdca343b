#include <gmock/gmock.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "images/layers/qcow2_header.hpp"
#include "images/layers/qemu_img.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln::images {

namespace {

namespace fs = std::filesystem;
using qemu_img::ExportFormat;
using ::testing::Each;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Not;

/// A chain of three layers: a base, then one that overwrites a part of it with data and a part
/// with zeros and is larger, then one that writes the same as the base and something new.
class ExportDiskTest : public ::testing::Test {
  protected:
    ExportDiskTest() {
        make("base.qcow2", Bytes::mebibytes(64), std::nullopt);
        write("base.qcow2", {"write -P 1 0 8M", "write -P 2 20M 1M"});
        make("middle.qcow2", Bytes::mebibytes(96), "base.qcow2");
        write("middle.qcow2", {"write -P 3 4M 1M", "write -z 20M 512k", "write -P 9 90M 64k"});
        make("top.qcow2", Bytes::mebibytes(96), "middle.qcow2");
        write("top.qcow2", {"write -P 1 1M 4k", "write -P 4 30M 4k"});
    }

    fs::path path(const std::string& name) const { return directory_.path() / name; }
    fs::path result() const { return path("out/result"); }

    void export_as(ExportFormat format) {
        fs::create_directory(path("out"));
        qemu_img::export_disk({.from = path("top.qcow2"), .to = result(), .format = format},
                              [this](int percent) { percents_.push_back(percent); }, {});
    }
    void export_delta(const std::string& base) {
        fs::create_directory(path("out"));
        qemu_img::export_delta({.from = path("top.qcow2"),
                                .base = path(base),
                                .to = result(),
                                .base_name = "ami-00000001.qcow2"},
                               [this](int percent) { percents_.push_back(percent); }, {});
    }

    /// Whether the two disks hold the same; where one is longer, it holds zeros there.
    void expect_same(const std::string& format, const fs::path& file) const {
        const ProcessResult compared =
            run_process({.arguments = {"qemu-img", "compare", "-f", format, "-F", "qcow2", file,
                                       path("top.qcow2")}});
        EXPECT_EQ(compared.exit_status, 0) << compared.standard_output << compared.standard_error;
        EXPECT_THAT(compared.standard_output, HasSubstr("identical"));
    }
    /// Neither a directory of this machine nor a name of a layer is in the file's headers.
    void expect_no_host_path(const fs::path& file) const {
        std::ifstream stream(file, std::ios::binary);
        const std::string content(std::istreambuf_iterator<char>(stream), {});
        EXPECT_THAT(content, Not(HasSubstr(directory_.path().string())));
        for (const char* name : {"top.qcow2", "middle.qcow2", "base.qcow2"})
            EXPECT_THAT(content, Not(HasSubstr(name)));
    }
    std::uint64_t size_of_disk(const std::string& format) const {
        const std::string told = run_checked(
            {.arguments = {"qemu-img", "info", "-f", format, "--output=json", result()}});
        const std::size_t at = told.find("\"virtual-size\": ");
        return std::stoull(told.substr(at + 16));
    }
    void expect_told_progress() const {
        ASSERT_THAT(percents_, Not(IsEmpty()));
        EXPECT_THAT(percents_, Each(Ge(0)));
        EXPECT_THAT(percents_, Each(Le(100)));
        EXPECT_TRUE(std::ranges::is_sorted(percents_));
        EXPECT_EQ(percents_.back(), 100);
    }

  private:
    void make(const std::string& name, Bytes size, const std::optional<std::string>& backing) {
        qemu_img::NewImage image{.path = path(name), .size = size, .backing = std::nullopt};
        if (backing) image.backing = path(*backing);
        qemu_img::create(image);
    }
    void write(const std::string& name, const std::vector<std::string>& commands) {
        std::vector<std::string> arguments{"qemu-io", "-f", "qcow2"};
        for (const std::string& command : commands)
            arguments.insert(arguments.end(), {"-c", command});
        arguments.push_back(path(name));
        run_checked({.arguments = arguments});
    }

    tests::TemporaryDirectory directory_;
    std::vector<int> percents_;
};

struct FormatCase {
    const char* name;
    ExportFormat format;
    const char* driver;
};
class EveryExportFormat : public ExportDiskTest,
                          public ::testing::WithParamInterface<FormatCase> {};

TEST_P(EveryExportFormat, holds_what_the_chain_holds_and_names_nothing_of_the_host) {
    export_as(GetParam().format);
    expect_same(GetParam().driver, result());
    expect_no_host_path(result());
    EXPECT_EQ(size_of_disk(GetParam().driver), Bytes::mebibytes(96).value);
    EXPECT_LT(allocated_size(result()), Bytes::mebibytes(64)) << "with holes, or compressed";
    expect_told_progress();
}

INSTANTIATE_TEST_SUITE_P(table, EveryExportFormat,
                         ::testing::Values(FormatCase{"qcow2", ExportFormat::qcow2, "qcow2"},
                                           FormatCase{"qcow2_to_work_on",
                                                      ExportFormat::qcow2_to_work_on, "qcow2"},
                                           FormatCase{"raw", ExportFormat::raw, "raw"},
                                           FormatCase{"vmdk", ExportFormat::vmdk, "vmdk"},
                                           FormatCase{"vhd", ExportFormat::vhd, "vpc"},
                                           FormatCase{"vhdx", ExportFormat::vhdx, "vhdx"}),
                         [](const auto& test) { return test.param.name; });

TEST_F(ExportDiskTest, a_vmdk_is_of_the_kind_that_an_ova_wants) {
    export_as(ExportFormat::vmdk);
    const std::string head = read_file(result()).substr(0, 4096);
    EXPECT_THAT(head, HasSubstr("createType=\"streamOptimized\""));
    EXPECT_THAT(head, HasSubstr("ddb.adapterType = \"lsilogic\""));
}

TEST_F(ExportDiskTest, a_delta_on_its_base_is_the_whole) {
    export_delta("base.qcow2");
    EXPECT_EQ(backing_file_of(result()), "ami-00000001.qcow2");
    EXPECT_FALSE(fs::exists(result().string() + ".overlay"));
    EXPECT_LT(allocated_size(result()), Bytes::mebibytes(1)) << "what the base has is left out";
    expect_told_progress();
    // The base as its reader has it: exported, too, under the name.
    qemu_img::export_disk({.from = path("base.qcow2"),
                           .to = path("out/ami-00000001.qcow2"),
                           .format = ExportFormat::qcow2},
                          nullptr, {});
    expect_same("qcow2", result());
    // Both in one, as the documentation says.
    run_checked({.arguments = {"qemu-img", "convert", "-O", "qcow2", result(), path("whole")}});
    expect_same("qcow2", path("whole"));
}

TEST_F(ExportDiskTest, a_delta_names_nothing_of_the_host) {
    export_delta("base.qcow2");
    expect_no_host_path(result());
}

TEST_F(ExportDiskTest, a_base_that_is_no_ancestor_is_compared) {
    run_checked({.arguments = {"qemu-img", "convert", "-f", "qcow2", "-O", "qcow2",
                               path("middle.qcow2"), path("other.qcow2")}});
    export_delta("other.qcow2");
    EXPECT_LT(allocated_size(result()), Bytes::mebibytes(1));
    fs::copy(path("other.qcow2"), path("out/ami-00000001.qcow2"));
    expect_same("qcow2", result());
}

TEST_F(ExportDiskTest, a_stop_ends_it) {
    std::stop_source stop;
    stop.request_stop();
    try {
        qemu_img::export_disk(
            {.from = path("top.qcow2"), .to = path("result"), .format = ExportFormat::raw}, nullptr,
            stop.get_token());
        FAIL() << "it went on";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), "Canceled");
    }
    EXPECT_THROW(qemu_img::export_delta({.from = path("top.qcow2"),
                                         .base = path("base.qcow2"),
                                         .to = path("result"),
                                         .base_name = "b.qcow2"},
                                        nullptr, stop.get_token()),
                 Error);
    EXPECT_FALSE(fs::exists(path("result.overlay")));
}

}  // namespace

}  // namespace kiln::images
