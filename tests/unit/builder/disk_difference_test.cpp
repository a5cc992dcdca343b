#include "builder/inspection/disk_difference.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

namespace kiln::builder {

namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

FileEntry file(const std::string& path) {
    return {.path = path,
            .mode = S_IFREG | 0644,
            .size = 5,
            .modified_ns = 1'000,
            .changed_ns = 2'000,
            .inode = 7};
}

DiskContent disk(std::vector<FileEntry> files, const std::string& file_system = "uuid-1") {
    return {.file_system = file_system, .files = std::move(files)};
}

/// Of one file that was changed so.
std::vector<FileChange> changes_of(const FileEntry& before, const FileEntry& after,
                                   const std::set<std::string>& other_contents = {}) {
    return file_changes(disk({before}), disk({after}), other_contents);
}

TEST(FileChanges, are_what_was_added_and_removed_by_path) {
    const auto changes = file_changes(disk({file("/a"), file("/b"), file("/d")}),
                                      disk({file("/b"), file("/c"), file("/d"), file("/e")}), {});
    ASSERT_THAT(changes, SizeIs(3));
    EXPECT_EQ(changes[0].path(), "/a");
    EXPECT_EQ(changes[0].change, Change::removed);
    EXPECT_EQ(changes[1].path(), "/c");
    EXPECT_EQ(changes[1].change, Change::added);
    EXPECT_EQ(changes[2].path(), "/e");
}

TEST(FileChanges, of_equal_disks_and_of_empty_ones_are_none) {
    EXPECT_THAT(changes_of(file("/a"), file("/a")), IsEmpty());
    EXPECT_THAT(file_changes(disk({}), disk({}), {}), IsEmpty());
}

TEST(FileChanges, tell_mode_owner_and_content_apart) {
    FileEntry after = file("/a");
    after.mode = S_IFREG | 04755;
    auto changes = changes_of(file("/a"), after);
    ASSERT_THAT(changes, SizeIs(1));
    EXPECT_TRUE(changes[0].mode);
    EXPECT_FALSE(changes[0].owner || changes[0].content || changes[0].type || changes[0].target);

    after = file("/a");
    after.gid = 4;
    changes = changes_of(file("/a"), after);
    ASSERT_THAT(changes, SizeIs(1));
    EXPECT_TRUE(changes[0].owner);
    EXPECT_FALSE(changes[0].mode || changes[0].content);

    after = file("/a");
    after.size = 6;
    changes = changes_of(file("/a"), after);
    ASSERT_THAT(changes, SizeIs(1));
    EXPECT_TRUE(changes[0].content);
}

TEST(FileChanges, of_content_of_the_same_size_are_those_that_were_found) {
    FileEntry after = file("/a");
    after.modified_ns = 9'000;
    EXPECT_THAT(changes_of(file("/a"), after), IsEmpty()) << "times alone are no change";
    const auto changes = changes_of(file("/a"), after, {"/a"});
    ASSERT_THAT(changes, SizeIs(1));
    EXPECT_TRUE(changes[0].content);
}

TEST(FileChanges, of_a_link_is_its_target_and_of_a_device_its_number) {
    FileEntry before = file("/a");
    before.mode = S_IFLNK | 0777;
    before.target = "x";
    FileEntry after = before;
    after.target = "y";
    after.size = 9;
    auto changes = changes_of(before, after);
    ASSERT_THAT(changes, SizeIs(1));
    EXPECT_TRUE(changes[0].target);
    EXPECT_FALSE(changes[0].content);

    before.mode = after.mode = S_IFCHR | 0600;
    before.target = after.target = "";
    before.device = 1;
    after.device = 2;
    changes = changes_of(before, after);
    ASSERT_THAT(changes, SizeIs(1));
    EXPECT_TRUE(changes[0].target);
}

TEST(FileChanges, of_a_file_that_became_a_directory_is_its_type) {
    FileEntry after = file("/a");
    after.mode = S_IFDIR | 0644;
    after.size = 4096;
    const auto changes = changes_of(file("/a"), after);
    ASSERT_THAT(changes, SizeIs(1));
    EXPECT_TRUE(changes[0].type);
    EXPECT_FALSE(changes[0].content || changes[0].mode);
}

TEST(FileChanges, sizes_of_directories_are_none) {
    FileEntry before = file("/a");
    before.mode = S_IFDIR | 0755;
    FileEntry after = before;
    after.size = 8192;
    after.modified_ns = 3;
    EXPECT_THAT(changes_of(before, after), IsEmpty());
}

TEST(FileChanges, go_by_bytes_whatever_they_are) {
    const auto changes = file_changes(disk({file("/a"), file("/\xff\xfe")}),
                                      disk({file("/a\nb"), file("/\xff\xfe")}), {});
    ASSERT_THAT(changes, SizeIs(2));
    EXPECT_EQ(changes[0].path(), "/a");
    EXPECT_EQ(changes[1].path(), "/a\nb");
}

TEST(ContentsToCompare, are_of_files_that_were_modified_at_another_time) {
    FileEntry after = file("/a");
    after.modified_ns = 9'000;
    EXPECT_THAT(contents_to_compare(disk({file("/a")}), disk({after})), ElementsAre("/a"));
    after.size = 6;
    EXPECT_THAT(contents_to_compare(disk({file("/a")}), disk({after})), IsEmpty())
        << "the size says it";
    EXPECT_THAT(contents_to_compare(disk({file("/a")}), disk({file("/a"), file("/b")})), IsEmpty());
}

TEST(ContentsToCompare, are_on_a_file_system_of_both_also_of_those_that_were_touched) {
    FileEntry after = file("/a");
    after.changed_ns = 9'000;  // and the time of modification was set back
    EXPECT_THAT(contents_to_compare(disk({file("/a")}), disk({after})), ElementsAre("/a"));
    EXPECT_THAT(contents_to_compare(disk({file("/a")}), disk({after}, "uuid-2")), IsEmpty());
    EXPECT_THAT(contents_to_compare(disk({file("/a")}, ""), disk({after}, "")), IsEmpty());
    after = file("/a");
    after.inode = 8;
    EXPECT_THAT(contents_to_compare(disk({file("/a")}), disk({after})), ElementsAre("/a"));
}

TEST(ContentsToCompare, are_of_regular_files_that_are_not_empty) {
    FileEntry before = file("/a");
    FileEntry after = file("/a");
    before.mode = after.mode = S_IFIFO | 0644;
    after.modified_ns = 9'000;
    EXPECT_THAT(contents_to_compare(disk({before}), disk({after})), IsEmpty());
    before = file("/a");
    after = file("/a");
    before.size = after.size = 0;
    after.modified_ns = 9'000;
    EXPECT_THAT(contents_to_compare(disk({before}), disk({after})), IsEmpty());
}

std::vector<std::string> words(const std::vector<PackageChange>& changes) {
    std::vector<std::string> words;
    for (const PackageChange& change : changes)
        words.push_back(change.name + ":" + change.architecture + " " + change.before + ">" +
                        change.after);
    return words;
}

TEST(PackageChanges, are_packages_that_came_that_went_and_of_other_versions) {
    EXPECT_THAT(
        words(package_changes(
            {{"apache2", "amd64", "2.4"}, {"openssl", "amd64", "3.0.14"}, {"same", "all", "1"}},
            {{"nginx", "amd64", "1.22"}, {"openssl", "amd64", "3.0.15"}, {"same", "all", "1"}})),
        ElementsAre("apache2:amd64 2.4>", "nginx:amd64 >1.22", "openssl:amd64 3.0.14>3.0.15"));
    EXPECT_THAT(package_changes({}, {}), IsEmpty());
}

TEST(PackageChanges, go_by_architecture_too) {
    EXPECT_THAT(words(package_changes({{"libc6", "amd64", "2.36"}},
                                      {{"libc6", "amd64", "2.36"}, {"libc6", "i386", "2.36"}})),
                ElementsAre("libc6:i386 >2.36"));
}

TEST(PackageChanges, of_several_versions_beside_each_other_are_each_its_own) {
    EXPECT_THAT(words(package_changes({{"kernel", "x86_64", "5"}, {"kernel", "x86_64", "6"}},
                                      {{"kernel", "x86_64", "7"}, {"kernel", "x86_64", "6"}})),
                ElementsAre("kernel:x86_64 5>", "kernel:x86_64 >7"));
}

}  // namespace

}  // namespace kiln::builder
