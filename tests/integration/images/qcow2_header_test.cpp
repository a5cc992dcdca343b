#include "images/layers/qcow2_header.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln::images {

namespace {

class Qcow2HeaderTest : public ::testing::Test {
  protected:
    std::string file(const std::string& name) const { return directory_.path() / name; }
    void write(const std::string& name, const std::string& content) const {
        write_file_atomically(file(name), content, 0600);
    }

    tests::TemporaryDirectory directory_;
};

TEST_F(Qcow2HeaderTest, names_the_backing_file_as_qemu_wrote_it) {
    run_checked({.arguments = {"qemu-img", "create", "-q", "-f", "qcow2", file("base"), "1G"}});
    run_checked({.arguments = {"qemu-img", "create", "-q", "-f", "qcow2", "-o",
                               "cluster_size=128k,extended_l2=on", "-F", "qcow2", "-b",
                               file("base"), file("top")}});
    EXPECT_EQ(backing_file_of(file("base")), std::nullopt);
    EXPECT_EQ(backing_file_of(file("top")), file("base"));
}

TEST_F(Qcow2HeaderTest, a_backing_file_loses_its_directory_and_nothing_else_changes) {
    run_checked({.arguments = {"qemu-img", "create", "-q", "-f", "qcow2", file("base"), "1G"}});
    run_checked({.arguments = {"qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b",
                               file("base"), file("top")}});
    const std::string before = read_file(file("top"));

    make_backing_file_relative(file("top"));
    make_backing_file_relative(file("top"));
    make_backing_file_relative(file("base"));

    EXPECT_EQ(backing_file_of(file("top")), "base");
    EXPECT_EQ(backing_file_of(file("base")), std::nullopt);
    run_checked({.arguments = {"qemu-img", "check", "-q", "-f", "qcow2", file("top")}});
    const std::string after = read_file(file("top"));
    EXPECT_EQ(after.substr(0, 8), before.substr(0, 8));
    EXPECT_EQ(after.substr(20), before.substr(20));
}

TEST_F(Qcow2HeaderTest, a_name_within_a_json_description_is_read_and_becomes_bare) {
    run_checked({.arguments = {"qemu-img", "create", "-q", "-f", "qcow2", file("base"), "1G"}});
    for (const std::string& filename : {file("base"), std::string("base")}) {
        const std::string description = R"(json:{"driver":"qcow2","file":{"driver":"file",)"
                                        R"("filename":")" +
                                        filename + R"("},"encrypt.key-secret":"key"})";
        run_checked({.arguments = {"qemu-img", "create", "-q", "-u", "-f", "qcow2", "-F", "qcow2",
                                   "-b", description, file("top"), "1G"}});
        EXPECT_EQ(backing_file_of(file("top")), filename);
        make_backing_file_relative(file("top"));
        EXPECT_EQ(backing_file_of(file("top")), "base");
        run_checked({.arguments = {"qemu-img", "check", "-q", "-f", "qcow2", file("top")}});
    }
}

TEST_F(Qcow2HeaderTest, refuses_a_json_description_without_a_file) {
    for (const char* description : {R"(json:{"driver":"null-co"})", "json:{", "json:7"}) {
        run_checked({.arguments = {"qemu-img", "create", "-q", "-u", "-f", "qcow2", "-F", "qcow2",
                                   "-b", description, file("top"), "1G"}});
        EXPECT_THROW(backing_file_of(file("top")), Error) << description;
        EXPECT_THROW(make_backing_file_relative(file("top")), Error) << description;
    }
}

TEST_F(Qcow2HeaderTest, says_whether_what_is_written_is_encrypted) {
    run_checked({.arguments = {"qemu-img", "create", "-q", "-f", "qcow2", file("clear"), "1G"}});
    std::string header = read_file(file("clear"));
    header[35] = '\2';
    write("luks", header);
    EXPECT_FALSE(is_encrypted(file("clear")));
    EXPECT_TRUE(is_encrypted(file("luks")));
}

TEST_F(Qcow2HeaderTest, refuses_what_is_no_qcow2_file) {
    write("empty", "");
    write("short", "QFI\xfb and no more");
    write("raw", std::string(4096, 'x'));
    // A name that is longer than any may be.
    write("greedy", std::string("QFI\xfb\0\0\0\3\0\0\0\0\0\0\0\x40\x7f\xff\xff\xff", 20) +
                        std::string(200, 'a'));
    // A name that lies behind the end of the file.
    write("beyond", std::string("QFI\xfb\0\0\0\3\0\0\0\0\0\1\0\0\0\0\0\x08", 20));
    for (const char* name : {"empty", "short", "raw", "greedy", "beyond", "missing"})
        EXPECT_THROW(backing_file_of(file(name)), Error) << name;
}

}  // namespace

}  // namespace kiln::images
