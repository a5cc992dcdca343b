#include "images/bundles/stored_image.hpp"

#include <gmock/gmock.h>

#include <functional>

#include "base/text.hpp"
#include "images/bundles/frame.hpp"
#include "images/bundles/stored_record.hpp"
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
using tests::random_bytes;
using tests::refusal_of;

constexpr Bytes limit = Bytes::gibibytes(1);
constexpr std::size_t beginning = 16;
constexpr std::size_t header = 80;

class StoredImageTest : public tests::ObjectStoreFixture {
  protected:
    void write(const StoredImage& image, const ProgressCallback& progress = {},
               const std::stop_token& stop = {}) {
        write_stored_image(store(), name_, image, progress, stop);
    }
    StoredImage unpacked(std::size_t count) const {
        StoredImage image{.document = document_};
        for (std::size_t i = 0; i < count; ++i)
            image.files.push_back(local("unpacked-" + std::to_string(i)));
        return image;
    }
    void unpack(std::size_t count, Bytes max_total_size = limit,
                const ProgressCallback& progress = {}, const std::stop_token& stop = {}) {
        unpack_stored_image(store(), name_, unpacked(count), max_total_size, progress, stop);
    }
    void expect_no_files(const std::string& why) const {
        for (const std::filesystem::path& file : unpacked(4).files)
            EXPECT_FALSE(std::filesystem::exists(file)) << file << why;
    }
    /// A file of 16 MiB and one byte, then a file of three bytes.
    void write_two_files() {
        write({.document = document_,
               .files = {local_file("one", std::string(frame_size.value, 'a') + "b"),
                         local_file("two", "two")}});
    }
    /// Writes the object by hand, with records that vouch for each other.
    void forge(const std::function<void(RecordWriter&)>& work) {
        const auto writer = store().put(name_);
        RecordWriter records(*writer);
        work(records);
        writer->commit();
    }

    ObjectName name_{.bucket = "images", .key = "ami-0123456789abcdef0.bin"};
    std::string document_ = R"({"Name": "golden"})";
};

TEST_F(StoredImageTest, unpacking_gives_all_files_back_whatever_their_sizes) {
    const std::vector<std::string> contents{"", "1", random_bytes(frame_size.value),
                                            random_bytes(frame_size.value + 1, 2)};
    StoredImage image{.document = document_};
    for (std::size_t i = 0; i < contents.size(); ++i)
        image.files.push_back(local_file(std::to_string(i), contents[i]));
    write(image);

    const StoredDocument read = read_document(store(), name_);
    unpack(contents.size());

    EXPECT_EQ(read.document, document_);
    EXPECT_EQ(read.file_count, contents.size());
    for (std::size_t i = 0; i < contents.size(); ++i)
        EXPECT_EQ(content_of(unpacked(4).files[i]), contents[i]) << i;
    EXPECT_THAT(files_of_store(), ElementsAre("images/ami-0123456789abcdef0.bin"));
}

TEST_F(StoredImageTest, an_image_without_files_or_with_a_document_of_1_mib_is_stored_too) {
    document_ = random_bytes(max_document_size.value);
    write({.document = document_});
    EXPECT_EQ(read_document(store(), name_).document, document_);
    EXPECT_EQ(refusal_of([&] { unpack(0); }), "");

    document_ = "";
    write({.document = document_});
    EXPECT_EQ(read_document(store(), name_).document, "");
    EXPECT_EQ(refusal_of([&] { unpack(0); }), "");
}

TEST_F(StoredImageTest, holes_stay_holes) {
    const std::filesystem::path file = local_file("disk", "begin");
    std::filesystem::resize_file(file, 40 << 20);
    write({.document = document_, .files = {file}});

    unpack(1);

    EXPECT_EQ(content_of(unpacked(1).files[0]), content_of(file));
    EXPECT_EQ(allocated_size(unpacked(1).files[0]), Bytes{4096});
    EXPECT_LT(store().size(name_), Bytes{20'000});
}

TEST_F(StoredImageTest, progress_ends_with_all_bytes_done) {
    Progress last;
    const auto note = [&](const Progress& progress) {
        EXPECT_GE(progress.done, last.done);
        last = progress;
    };
    write({.document = document_, .files = {local_file("a", "12"), local_file("b", "345")}}, note);
    EXPECT_EQ(last.done, Bytes{5});
    EXPECT_EQ(last.total, Bytes{5});

    last = {};
    unpack(2, limit, note);
    EXPECT_EQ(last.done, store().size(name_));
    EXPECT_EQ(last.total, store().size(name_));
}

TEST_F(StoredImageTest, a_stop_half_way_leaves_nothing) {
    std::stop_source stop;
    const auto stop_now = [&](const Progress&) { stop.request_stop(); };
    const StoredImage image{.document = document_,
                            .files = {local_file("a", "12"), local_file("b", "3")}};
    EXPECT_THAT(refusal_of([&] { write(image, stop_now, stop.get_token()); }),
                StartsWith("Canceled: the storing of "));
    EXPECT_THAT(files_of_store(), IsEmpty());
    write(image);
    stop = std::stop_source();
    int told = 0;
    const auto stop_in_the_second_file = [&](const Progress&) {
        if (++told == 3) stop.request_stop();
    };

    EXPECT_THAT(refusal_of([&] { unpack(2, limit, stop_in_the_second_file, stop.get_token()); }),
                StartsWith("Canceled: the restoring of "));

    expect_no_files("");
}

TEST_F(StoredImageTest, what_cannot_be_stored_is_refused_before_anything_is_written) {
    EXPECT_THAT(refusal_of([&] { write({.document = std::string((1 << 20) + 1, 'x')}); }),
                StartsWith("InvalidParameterValue: "));
    EXPECT_THAT(refusal_of([&] {
                    write({.files = std::vector<std::filesystem::path>(65, local_file("a", ""))});
                }),
                StartsWith("InvalidParameterValue: "));
    EXPECT_THAT(refusal_of([&] { write({.files = {local("missing")}}); }),
                HasSubstr("No such file"));
    EXPECT_THAT(files_of_store(), IsEmpty());
}

TEST_F(StoredImageTest, full_disks_are_told_and_left_empty) {
    const std::filesystem::path file = local_file("disk", random_bytes(frame_size.value));
    tests::run_on_small_file_system(Bytes::mebibytes(8), [&](const std::filesystem::path& disk) {
        DirectoryObjectStore small(disk / "store");
        EXPECT_THAT(refusal_of([&] {
                        write_stored_image(small, name_, {.document = document_, .files = {file}},
                                           {}, {});
                    }),
                    HasSubstr("No space left on device"));
        EXPECT_TRUE(std::filesystem::is_empty(disk / "store/.unfinished"));
        EXPECT_FALSE(std::filesystem::exists(disk / "store/images"));
    });
    write({.document = document_, .files = {local_file("small", "1"), file}});
    tests::run_on_small_file_system(Bytes::mebibytes(8), [&](const std::filesystem::path& disk) {
        EXPECT_THAT(refusal_of([&] {
                        unpack_stored_image(
                            store(), name_,
                            {.document = document_, .files = {disk / "one", disk / "two"}}, limit,
                            {}, {});
                    }),
                    HasSubstr("No space left on device"));
        EXPECT_TRUE(std::filesystem::is_empty(disk));
    });
}

TEST_F(StoredImageTest, a_flipped_byte_anywhere_is_found_and_leaves_no_file) {
    const StoredImage image{.document = document_,
                            .files = {local_file("a", "content"), local_file("b", "")}};
    write(image);
    const std::string sound = get_object(store(), name_);
    for (std::size_t at = 0; at < sound.size(); ++at) {
        flip_byte(name_, at);
        EXPECT_THAT(refusal_of([&] { unpack(2); }),
                    StartsWith("InvalidImageFile: 'images/ami-0123456789abcdef0.bin'"))
            << at;
        expect_no_files(" with byte " + std::to_string(at));
        put_object(store(), name_, sound);
    }
    EXPECT_EQ(refusal_of([&] { unpack(2); }), "");
}

TEST_F(StoredImageTest, an_object_that_is_cut_off_anywhere_or_goes_on_is_refused) {
    write({.document = document_, .files = {local_file("a", "content"), local_file("b", "")}});
    const std::string sound = get_object(store(), name_);
    for (std::size_t size = 0; size < sound.size(); ++size) {
        put_object(store(), name_, sound.substr(0, size));
        EXPECT_THAT(refusal_of([&] { unpack(2); }), StartsWith("InvalidImageFile: ")) << size;
        expect_no_files(" of " + std::to_string(size) + " bytes");
    }
    put_object(store(), name_, sound + "x");
    EXPECT_THAT(refusal_of([&] { unpack(2); }), HasSubstr("it goes on behind its end"));
    expect_no_files("");
}

struct Forgery {
    std::string message;
    std::function<void(RecordWriter&)> records;
    Bytes total{7};
};

/// Records that lie, each with digests that vouch for it; all begin with a document of one file.
std::vector<Forgery> forged_files() {
    const std::string frame = compress_frame("content");
    const std::string bomb = compress_frame(std::string(frame_size.value, '\0'));
    const std::string too_large(max_compressed_frame_size.value + 1, 'x');
    const std::string digest = sha256_hex("content");
    const auto frames = [](const std::string& content, Bytes size, int count = 1) {
        return [=](RecordWriter& to) {
            for (int i = 0; i < count; ++i)
                to.write_frame(content, size);
        };
    };
    const auto file = [=](Bytes size, const std::string& of, int count = 1) {
        return [=](RecordWriter& to) {
            to.write_frame(frame, {7});
            for (int i = 0; i < count; ++i)
                to.write_file_end(size, of);
        };
    };
    return {{"as many bytes as it says", frames(bomb, {7})},
            {"as many bytes as it says", frames(frame, {6})},
            {"as many bytes as it says", frames(frame, {8})},
            {"FRAM record that is out of bounds", frames(frame, {0})},
            {"FRAM record that is out of bounds", frames(frame, frame_size + Bytes{1})},
            {"FRAM record that is out of bounds", frames("", {7})},
            {"FRAM record that is out of bounds", frames(too_large, {7})},
            {"not full", frames(frame, {7}, 2)},
            {"larger than the limit", frames(bomb, frame_size, 2)},
            {"its size and its digest", frames("", {7}, 0)},
            {"its size and its digest", file({8}, digest)},
            {"its size and its digest", file({7}, sha256_hex("other"))},
            {"size of all its files", file({7}, digest), {8}},
            {"size of all its files", file({7}, digest, 2)}};
}

TEST_F(StoredImageTest, forged_files_are_refused_and_not_left) {
    for (const Forgery& forgery : forged_files()) {
        forge([&](RecordWriter& to) {
            to.write_document(document_, 1);
            forgery.records(to);
            to.write_done(forgery.total);
        });
        EXPECT_THAT(refusal_of([&] { unpack(1, frame_size + Bytes{1}); }),
                    HasSubstr(forgery.message));
        expect_no_files(forgery.message);
    }
}

TEST_F(StoredImageTest, forged_documents_are_refused) {
    const std::vector<Forgery> forgeries{
        {"does not begin with a document", [](auto& to) { to.write_file_end({}, sha256_hex("")); }},
        {"DOCU record that is out of bounds",
         [](auto& to) { to.write_document(std::string((1 << 20) + 1, 'x'), 1); }},
        {"DOCU record that is out of bounds", [](auto& to) { to.write_document("", 65); }}};
    for (const Forgery& forgery : forgeries) {
        forge([&](RecordWriter& to) {
            forgery.records(to);
            to.write_done(forgery.total);
        });
        EXPECT_THAT(refusal_of([&] { read_document(store(), name_); }), HasSubstr(forgery.message));
    }
}

TEST_F(StoredImageTest, the_document_alone_is_read_without_the_files) {
    write_two_files();
    put_object(
        store(), name_,
        get_object(store(), name_).substr(0, beginning + header + document_.size() + header));

    EXPECT_EQ(read_document(store(), name_).document, document_);
    EXPECT_EQ(read_document(store(), name_).file_count, 2U);
}

TEST_F(StoredImageTest, what_is_no_stored_image_of_this_version_is_refused) {
    put_object(store(), name_, std::string(200, 'x'));
    EXPECT_THAT(refusal_of([&] { read_document(store(), name_); }),
                HasSubstr("is not a stored image"));
    write({.document = document_});
    flip_byte(name_, 14);
    EXPECT_THAT(refusal_of([&] { read_document(store(), name_); }), HasSubstr("version 257"));
    store().remove(name_);
    EXPECT_THAT(refusal_of([&] { read_document(store(), name_); }), StartsWith("NoSuchBucket: "));
}

TEST_F(StoredImageTest, an_object_that_was_replaced_since_its_document_was_read_is_refused) {
    write_two_files();
    EXPECT_THAT(refusal_of([&] { unpack(1); }), HasSubstr("was replaced"));
    document_ = "another";
    EXPECT_THAT(refusal_of([&] { unpack(2); }), HasSubstr("was replaced"));
    expect_no_files("");
}

TEST_F(StoredImageTest, files_that_are_there_already_are_not_touched_and_none_is_added) {
    write_two_files();
    local_file("unpacked-1", "mine");

    EXPECT_THAT(refusal_of([&] { unpack(2); }), HasSubstr("File exists"));

    EXPECT_EQ(content_of(local("unpacked-1")), "mine");
    EXPECT_FALSE(std::filesystem::exists(local("unpacked-0")));
}

}  // namespace

}  // namespace kiln::images
