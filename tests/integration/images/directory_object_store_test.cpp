#include "images/bundles/directory_object_store.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <thread>

#include "tests/integration/base/small_file_system.hpp"
#include "tests/object_store_fixture.hpp"

namespace kiln::images {

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using tests::get_object;
using tests::put_object;
using tests::refusal_of;

constexpr mode_t permissions = 07777;

class DirectoryObjectStoreTest : public tests::ObjectStoreFixture {
  protected:
    static ObjectName object(const std::string& key) { return {.bucket = "images", .key = key}; }
    mode_t mode_of(const std::string& path) const {
        struct stat status {};
        EXPECT_EQ(::stat((root() / path).c_str(), &status), 0) << path;
        return status.st_mode & permissions;
    }
};

TEST_F(DirectoryObjectStoreTest, an_object_is_a_file_of_its_own_that_only_the_service_reads) {
    put_object(store(), object("debian/12/disk"), "content");

    EXPECT_EQ(content_of(root() / "images/debian/12/disk"), "content");
    EXPECT_EQ(mode_of("images/debian/12/disk"), 0600U);
    for (const std::string directory : {"", "images", "images/debian", "images/debian/12"})
        EXPECT_EQ(mode_of(directory), 0700U) << directory;
}

TEST_F(DirectoryObjectStoreTest, an_object_appears_whole_at_the_commit_and_with_it_its_bucket) {
    const auto writer = store().put(object("disk"));
    writer->write("one ");
    writer->write("");
    writer->write("two");
    EXPECT_THAT(refusal_of([&] { store().size(object("disk")); }), StartsWith("NoSuchBucket: "));
    EXPECT_THAT(refusal_of([&] { keys(); }), StartsWith("NoSuchBucket: "));

    writer->commit();

    EXPECT_EQ(get_object(store(), object("disk")), "one two");
    EXPECT_EQ(store().size(object("disk")), Bytes{7});
    EXPECT_THAT(files_of_store(), ElementsAre("images/disk"));
}

TEST_F(DirectoryObjectStoreTest, a_writer_that_does_not_commit_leaves_nothing) {
    store().put(object("deep/disk"))->write("content");

    EXPECT_THAT(files_of_store(), IsEmpty());
    EXPECT_FALSE(std::filesystem::exists(root() / "images"));
}

TEST_F(DirectoryObjectStoreTest, a_new_object_replaces_that_of_its_name) {
    put_object(store(), object("disk"), "old content");
    put_object(store(), object("disk"), "new");

    EXPECT_EQ(get_object(store(), object("disk")), "new");
    EXPECT_THAT(files_of_store(), ElementsAre("images/disk"));
}

TEST_F(DirectoryObjectStoreTest, ranges_end_where_the_object_does) {
    put_object(store(), object("disk"), "0123456789");
    const auto range = [&](std::uint64_t offset, std::uint64_t length) {
        return store().get(object("disk"), {.offset = Bytes{offset}, .length = Bytes{length}});
    };

    EXPECT_EQ(range(0, 4), "0123");
    EXPECT_EQ(range(4, 4), "4567");
    EXPECT_EQ(range(8, 4), "89");
    EXPECT_EQ(range(10, 4), "");
    EXPECT_EQ(range(~0ULL, ~0ULL), "");
    EXPECT_EQ(range(9, ~0ULL), "9");
    EXPECT_EQ(range(0, 0), "");
}

TEST_F(DirectoryObjectStoreTest, what_is_not_there_is_told_in_s3_s_codes) {
    put_object(store(), object("a/b"), "x");

    for (const std::string key : {"c", "a", "a/c", "a/b/c"}) {
        EXPECT_EQ(refusal_of([&] { store().size(object(key)); }),
                  "NoSuchKey: there is no object 'images/" + key + "'");
        EXPECT_THAT(refusal_of([&] { get_object(store(), object(key)); }),
                    StartsWith("NoSuchKey: "));
    }
    EXPECT_EQ(refusal_of([&] { store().size({.bucket = "other", .key = "a/b"}); }),
              "NoSuchBucket: there is no bucket 'other'");
}

TEST_F(DirectoryObjectStoreTest, listed_are_the_objects_of_a_prefix_sorted_by_bytes) {
    for (const std::string key : {"b", "a/z", "a.b", "a/b/c", "aa", "ü"})
        put_object(store(), object(key), key);
    store().put(object("unfinished"))->write("x");

    EXPECT_THAT(keys(), ElementsAre("a.b", "a/b/c", "a/z", "aa", "b", "ü"));
    EXPECT_THAT(keys("a"), ElementsAre("a.b", "a/b/c", "a/z", "aa"));
    EXPECT_THAT(keys("a/"), ElementsAre("a/b/c", "a/z"));
    EXPECT_THAT(keys("a/b"), ElementsAre("a/b/c"));
    EXPECT_THAT(keys("a/b/c"), ElementsAre("a/b/c"));
    for (const std::string none : {"c", "a/b/c/", "/", "../", "."})
        EXPECT_THAT(keys(none), IsEmpty()) << none;
    EXPECT_THAT(store().list({.bucket = "images", .prefix = "a/b"}),
                ElementsAre(ObjectStore::Listed{.key = "a/b/c", .size = Bytes{5}}));
}

TEST_F(DirectoryObjectStoreTest, removing_takes_the_empty_directories_along_and_may_be_repeated) {
    put_object(store(), object("a/b/c"), "x");
    put_object(store(), object("a/d"), "x");

    store().remove(object("a/b"));
    store().remove(object("a"));
    EXPECT_THAT(keys(), ElementsAre("a/b/c", "a/d")) << "directories are no objects";
    store().remove(object("a/b/c"));
    store().remove(object("a/b/c"));
    EXPECT_THAT(keys(), ElementsAre("a/d"));
    EXPECT_FALSE(std::filesystem::exists(root() / "images/a/b"));
    store().remove(object("a/d"));

    EXPECT_FALSE(std::filesystem::exists(root() / "images"));
    EXPECT_EQ(refusal_of([&] { store().remove(object("a/d")); }), "");
}

TEST_F(DirectoryObjectStoreTest, a_key_that_is_another_s_directory_is_refused_until_that_is_gone) {
    put_object(store(), object("a"), "x");
    EXPECT_THAT(refusal_of([&] { put_object(store(), object("a/b/c"), "x"); }),
                HasSubstr("'images/a' is there already"));
    store().remove(object("a"));
    put_object(store(), object("a/b/c"), "x");

    EXPECT_THAT(refusal_of([&] { put_object(store(), object("a"), "x"); }),
                HasSubstr("InvalidParameterValue: 'images/a' cannot be stored"));

    EXPECT_THAT(files_of_store(), ElementsAre("images/a/b/c"));
    store().remove(object("a/b/c"));
    EXPECT_EQ(refusal_of([&] { put_object(store(), object("a"), "x"); }), "");
}

TEST_F(DirectoryObjectStoreTest, keys_that_cannot_be_paths_are_refused_everywhere) {
    std::string deep;
    for (int i = 0; i < 64; ++i)
        deep += "d/";
    const std::vector<std::string> refused{
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "../a",
        "a/../b",
        "a/..",
        "a/./b",
        "./a",
        "a\nb",
        "\x1b[2J",
        std::string("a\0b", 3),
        "\xff",
        deep + "de",
        "../.unfinished/x",
        std::string(256, 'k'),
    };
    for (const std::string& key : refused) {
        for (const std::string& refusal : {refusal_of([&] { store().put(object(key)); }),
                                           refusal_of([&] { store().size(object(key)); }),
                                           refusal_of([&] { get_object(store(), object(key)); }),
                                           refusal_of([&] { store().remove(object(key)); })})
            EXPECT_THAT(refusal, StartsWith("InvalidParameterValue: ")) << key;
    }
    EXPECT_THAT(refusal_of([&] { store().put(object(std::string(1025, 'k'))); }),
                StartsWith("KeyTooLongError: "));
    EXPECT_EQ(refusal_of([&] { put_object(store(), object(deep.substr(2) + "d"), "x"); }), "");
    EXPECT_EQ(refusal_of([&] { put_object(store(), object(std::string(255, 'k')), "x"); }), "");
    EXPECT_THAT(keys(), ElementsAre(deep.substr(2) + "d", std::string(255, 'k')));
}

TEST_F(DirectoryObjectStoreTest, bucket_names_that_are_none_are_refused_everywhere) {
    for (const std::string bucket : {"", ".", "..", ".unfinished", "a/b", "Images", "../store"}) {
        const ObjectName name{.bucket = bucket, .key = "disk"};
        for (const std::string& refusal :
             {refusal_of([&] { store().put(name); }), refusal_of([&] { store().size(name); }),
              refusal_of([&] { store().remove(name); }),
              refusal_of([&] { static_cast<void>(store().list({.bucket = bucket})); })})
            EXPECT_THAT(refusal, StartsWith("InvalidBucketName: ")) << bucket;
    }
}

TEST_F(DirectoryObjectStoreTest, no_symbolic_link_leads_out_of_it) {
    put_object(store(), object("kept"), "x");
    std::filesystem::create_directory(local("outside"));
    local_file("outside/secret", "secret");
    std::filesystem::create_symlink(local("outside"), root() / "images/linked");
    std::filesystem::create_symlink(local("outside/secret"), root() / "images/file");
    std::filesystem::create_symlink(local("outside"), root() / "bucket");

    for (const std::string key : {"linked/secret", "file"}) {
        EXPECT_THAT(refusal_of([&] { get_object(store(), object(key)); }),
                    StartsWith("NoSuchKey: "));
        EXPECT_THAT(refusal_of([&] { store().size(object(key)); }), StartsWith("NoSuchKey: "));
    }
    EXPECT_THAT(refusal_of([&] { get_object(store(), {.bucket = "bucket", .key = "secret"}); }),
                StartsWith("NoSuchBucket: "));
    EXPECT_THAT(refusal_of([&] { put_object(store(), object("linked/new"), "x"); }),
                HasSubstr("'images/linked' is there already"));
    EXPECT_THAT(refusal_of([&] { put_object(store(), {.bucket = "bucket", .key = "new"}, "x"); }),
                HasSubstr("'bucket' is there already"));
    store().remove(object("linked/secret"));
    put_object(store(), object("file"), "new");

    EXPECT_THAT(keys(), ElementsAre("file", "kept"));
    EXPECT_EQ(content_of(local("outside/secret")), "secret");
    EXPECT_FALSE(std::filesystem::exists(local("outside/new")));
}

TEST_F(DirectoryObjectStoreTest, what_is_no_regular_file_is_no_object) {
    put_object(store(), object("kept"), "x");
    ASSERT_EQ(::mkfifo((root() / "images/pipe").c_str(), 0600), 0);
    local_file("store/images/new\nline", "x");
    local_file("store/images/k\xff", "x");

    EXPECT_THAT(refusal_of([&] { get_object(store(), object("pipe")); }),
                StartsWith("NoSuchKey: "));
    EXPECT_THAT(keys(), ElementsAre("kept"));
}

TEST_F(DirectoryObjectStoreTest, a_start_removes_what_a_crash_left_unfinished) {
    EXPECT_EQ(refusal_of([&] { store().remove_unfinished(); }), "") << "nothing was ever written";
    put_object(store(), object("disk"), "x");
    local_file("store/.unfinished/0123456789abcdef0123456789abcdef", "half");

    DirectoryObjectStore(root()).remove_unfinished();

    EXPECT_THAT(files_of_store(), ElementsAre("images/disk"));
}

TEST_F(DirectoryObjectStoreTest, a_full_disk_is_told_and_nothing_is_left) {
    tests::run_on_small_file_system(Bytes::mebibytes(1), [](const std::filesystem::path& disk) {
        DirectoryObjectStore small(disk / "store");
        put_object(small, object("kept"), "x");
        {
            const auto writer = small.put(object("large/disk"));
            EXPECT_EQ(refusal_of([&] { writer->write(std::string(2 << 20, 'x')); }),
                      "InternalError: cannot write '" +
                          (disk / "store/images/large/disk").string() +
                          "': No space left on device");
        }
        EXPECT_EQ(small.list({.bucket = "images"}).size(), 1U);
        EXPECT_FALSE(std::filesystem::exists(disk / "store/images/large"));
        EXPECT_TRUE(std::filesystem::is_empty(disk / "store/.unfinished"));
        EXPECT_EQ(refusal_of([&] { put_object(small, object("other"), "x"); }), "");
    });
}

TEST_F(DirectoryObjectStoreTest, directories_that_come_and_go_fail_no_writer) {
    const auto write_and_remove = [&](const std::string& key) {
        for (int i = 0; i < 100; ++i) {
            put_object(store(), object(key), "x");
            EXPECT_EQ(get_object(store(), object(key)), "x");
            store().remove(object(key));
        }
    };
    std::thread other([&] { write_and_remove("deep/er/one"); });
    write_and_remove("deep/er/two");
    other.join();

    EXPECT_THAT(files_of_store(), IsEmpty());
}

TEST_F(DirectoryObjectStoreTest, a_store_that_cannot_be_made_or_is_gone_says_why) {
    EXPECT_THAT(refusal_of([&] { DirectoryObjectStore(local_file("file", "x")); }),
                HasSubstr("Not a directory"));
    std::filesystem::remove_all(root());
    EXPECT_THAT(refusal_of([&] { store().put(object("disk")); }),
                HasSubstr("cannot open the object store '" + root().string()));
}

}  // namespace

}  // namespace kiln::images
