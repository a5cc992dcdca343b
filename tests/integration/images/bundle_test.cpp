#include "images/bundles/bundle.hpp"

#include <gmock/gmock.h>

#include <functional>

#include "base/text.hpp"
#include "images/bundles/frame.hpp"
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

class BundleTest : public tests::ObjectStoreFixture {
  protected:
    static BundleDescription description() {
        return {.name = "golden",
                .user = "111111111111",
                .architecture = "x86_64",
                .block_device_mapping = {{.virtual_name = "ami", .device = "sda1"}}};
    }
    static ObjectName part(const std::string& number) {
        return {.bucket = "images", .key = "debian/golden.part." + number};
    }
    BundleManifest write(const std::filesystem::path& file, const ProgressCallback& progress = {},
                         const std::stop_token& stop = {}) {
        return write_bundle(store(), prefix_, file, description(), progress, stop);
    }
    BundleManifest unpack(const ProgressCallback& progress = {}, const std::stop_token& stop = {}) {
        return unpack_bundle(store(), manifest_, local("unpacked"), limit, progress, stop);
    }
    BundleManifest check() { return check_bundle(store(), manifest_, limit, {}); }

    /// Puts a part in place of another, and the manifest that vouches for it.
    void forge_part(std::size_t index, const std::string& frame) {
        BundleManifest forged = read_manifest(store(), manifest_, limit);
        BundlePart& replaced = forged.parts.at(index);
        forged.bundled_size.value += frame.size() - replaced.size.value;
        replaced.size = {frame.size()};
        replaced.digest = sha256_hex(frame);
        put_object(store(), {.bucket = "images", .key = "debian/" + replaced.filename}, frame);
        put_object(store(), manifest_, to_xml(forged));
    }
    /// Two parts, the second of one byte.
    void write_two_parts() { write(local_file("disk", std::string(frame_size.value, 'a') + "b")); }

    ObjectPrefix prefix_{.bucket = "images", .prefix = "debian/golden"};
    ObjectName manifest_ = manifest_of(prefix_);
};

TEST_F(BundleTest, unpacking_gives_the_file_back_whatever_its_size) {
    const std::size_t full = frame_size.value;
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, full, full + 1}) {
        const std::string content = random_bytes(size);
        const BundleManifest written = write(local_file("disk", content));
        EXPECT_EQ(written.size, Bytes{size});
        EXPECT_EQ(written.digest, sha256_hex(content));
        EXPECT_EQ(written.parts.size(), count_frames({size}));
        EXPECT_EQ(read_manifest(store(), manifest_, limit), written);
        EXPECT_EQ(check(), written);
        EXPECT_EQ(unpack(), written);
        EXPECT_EQ(content_of(local("unpacked")), content) << size;
        std::filesystem::remove(local("unpacked"));
        remove_bundle(store(), manifest_);
        EXPECT_THAT(files_of_store(), IsEmpty());
    }
}

TEST_F(BundleTest, is_parts_beside_a_manifest_that_says_what_it_is_of) {
    write_two_parts();

    EXPECT_THAT(keys(), ElementsAre("debian/golden.manifest.xml", "debian/golden.part.0000",
                                    "debian/golden.part.0001"));
    const BundleManifest manifest = read_manifest(store(), manifest_, limit);
    EXPECT_EQ(manifest.description, description());
    EXPECT_EQ(manifest.bundler_name, "kiln");
    EXPECT_EQ(manifest.parts.at(1).filename, "golden.part.0001");
    EXPECT_EQ(manifest.parts.at(1).size, store().size(part("0001")));
}

TEST_F(BundleTest, holes_stay_holes) {
    const std::filesystem::path file = local_file("disk", "begin");
    std::filesystem::resize_file(file, 40 << 20);
    write(file);

    unpack();

    EXPECT_EQ(content_of(local("unpacked")), content_of(file));
    EXPECT_EQ(allocated_size(local("unpacked")), Bytes{4096});
    EXPECT_LT(store().size(part("0001")), Bytes{10'000});
}

TEST_F(BundleTest, progress_ends_with_all_bytes_done) {
    std::vector<std::uint64_t> done;
    const auto note = [&](const Progress& progress) {
        EXPECT_EQ(progress.total, frame_size + Bytes{1});
        done.push_back(progress.done.value);
    };
    write(local_file("disk", std::string(frame_size.value + 1, 'a')), note);
    unpack(note);

    EXPECT_THAT(done, ElementsAre(frame_size.value, frame_size.value + 1, frame_size.value,
                                  frame_size.value + 1));
}

TEST_F(BundleTest, a_stop_half_way_leaves_nothing) {
    const std::filesystem::path file = local_file("disk", std::string(frame_size.value + 1, 'a'));
    {
        std::stop_source stop;
        EXPECT_THAT(refusal_of([&] {
                        write(
                            file, [&](const Progress&) { stop.request_stop(); }, stop.get_token());
                    }),
                    StartsWith("Canceled: the bundling of 'debian/golden' was canceled"));
        EXPECT_THAT(files_of_store(), IsEmpty());
    }
    write(file);
    std::stop_source stop;

    EXPECT_THAT(refusal_of([&] {
                    unpack([&](const Progress&) { stop.request_stop(); }, stop.get_token());
                }),
                StartsWith("Canceled: the unpacking of 'debian/golden' was canceled"));

    EXPECT_FALSE(std::filesystem::exists(local("unpacked")));
    EXPECT_THAT(refusal_of([&] { check_bundle(store(), manifest_, limit, stop.get_token()); }),
                StartsWith("Canceled: "));
}

TEST_F(BundleTest, a_bundle_is_not_written_over_another) {
    write_two_parts();
    const std::string before = get_object(store(), manifest_);

    EXPECT_THAT(refusal_of([&] { write(local_file("disk", "other")); }),
                HasSubstr("there is a bundle 'images/debian/golden.manifest.xml' already"));

    EXPECT_EQ(get_object(store(), manifest_), before);
    EXPECT_NO_THROW(check());
}

TEST_F(BundleTest, what_cannot_be_bundled_is_refused_before_anything_is_written) {
    const std::filesystem::path large = local_file("large", "");
    std::filesystem::resize_file(large, Bytes::gibibytes(200).value);
    EXPECT_THAT(refusal_of([&] { write(large); }),
                StartsWith("InvalidParameterValue: a file of 200 GiB is too large for a bundle"));
    std::filesystem::resize_file(large, Bytes::gibibytes(4096).value);
    EXPECT_THAT(refusal_of([&] { write(large); }), HasSubstr("too large for a bundle"));
    EXPECT_THAT(refusal_of([&] { write(local("missing")); }), HasSubstr("No such file"));
    EXPECT_THAT(refusal_of([&] {
                    write_bundle(store(), prefix_, local_file("disk", "x"), {.name = "a\nb"}, {},
                                 {});
                }),
                StartsWith("InvalidManifest: "));
    EXPECT_THAT(refusal_of([&] {
                    write_bundle(store(), {.bucket = "images", .prefix = "../x"}, local("disk"),
                                 description(), {}, {});
                }),
                StartsWith("InvalidParameterValue: "));
    EXPECT_THAT(files_of_store(), IsEmpty());
}

TEST_F(BundleTest, a_full_object_store_is_told_and_left_without_parts) {
    const std::filesystem::path file = local_file("disk", random_bytes(2 * frame_size.value));
    const auto small_store = [&](const std::filesystem::path& disk) {
        DirectoryObjectStore small(disk / "store");
        EXPECT_THAT(refusal_of([&] { write_bundle(small, prefix_, file, description(), {}, {}); }),
                    HasSubstr("No space left on device"));
        EXPECT_FALSE(std::filesystem::exists(disk / "store/images"));
        EXPECT_TRUE(std::filesystem::is_empty(disk / "store/.unfinished"));
    };
    tests::run_on_small_file_system(Bytes::mebibytes(20), small_store);
}

TEST_F(BundleTest, a_full_disk_is_told_and_left_without_the_file) {
    write(local_file("disk", random_bytes(frame_size.value)));
    const auto small_disk = [&](const std::filesystem::path& disk) {
        EXPECT_THAT(refusal_of([&] {
                        unpack_bundle(store(), manifest_, disk / "unpacked", limit, {}, {});
                    }),
                    HasSubstr("No space left on device"));
        EXPECT_TRUE(std::filesystem::is_empty(disk));
    };
    tests::run_on_small_file_system(Bytes::mebibytes(8), small_disk);
}

struct Damage {
    std::string what;
    std::function<void()> do_it;
    std::string refusal;
};

TEST_F(BundleTest, each_kind_of_damage_is_found_and_leaves_no_file) {
    const std::string second = "InvalidImageFile: 'images/debian/golden.part.0001' is damaged: ";
    const std::string whole = "InvalidManifest: 'images/debian/golden.manifest.xml': ";
    const std::vector<Damage> damages{
        {"flipped byte", [&] { flip_byte(part("0001"), 5); }, second + "its content"},
        {"missing part", [&] { store().remove(part("0001")); }, second + "this part"},
        {"long part", [&] { put_object(store(), part("0001"), std::string(99, 'x')); },
         second + "it does not have the"},
        {"short part", [&] { put_object(store(), part("0001"), ""); },
         second + "it does not have the"},
        {"another's part", [&] { replace_in(manifest_, "golden.part.0001", "golden.part.0000"); },
         whole + "the bundle's manifest is not valid: it names the part 'golden.part.0000'"},
        {"another bundle's part",
         [&] { replace_in(manifest_, "golden.part.0001", "others.part.0001"); },
         whole + "the bundle's manifest is not valid: it names the part 'others.part.0001'"},
        {"no manifest", [&] { put_object(store(), manifest_, "x"); }, whole},
        {"long manifest", [&] { put_object(store(), manifest_, std::string((1 << 20) + 1, ' ')); },
         whole + "the bundle's manifest is not valid: it is larger than 1 MiB"},
    };
    for (const Damage& damage : damages) {
        write_two_parts();
        const BundleManifest sound = read_manifest(store(), manifest_, limit);
        damage.do_it();
        EXPECT_THAT(refusal_of([&] { check(); }), StartsWith(damage.refusal)) << damage.what;
        EXPECT_THAT(refusal_of([&] { unpack(); }), StartsWith(damage.refusal)) << damage.what;
        EXPECT_FALSE(std::filesystem::exists(local("unpacked"))) << damage.what;
        put_object(store(), manifest_, to_xml(sound));
        remove_bundle(store(), manifest_);
    }
}

TEST_F(BundleTest, what_digests_cannot_tell_is_found_when_it_is_unpacked) {
    const std::string last = "InvalidImageFile: 'images/debian/golden.part.0001' is damaged: ";
    const std::string bomb = compress_frame(std::string(frame_size.value, '\0'));
    const std::vector<Damage> damages{
        {"bomb", [&] { forge_part(1, bomb); }, last + "it does not hold 1 bytes"},
        {"too few bytes", [&] { forge_part(1, compress_frame("")); }, last},
        {"no zstd", [&] { forge_part(1, "no zstd"); }, last},
        {"another whole digest", [&] { forge_part(1, compress_frame("c")); },
         "InvalidImageFile: 'images/debian/golden.manifest.xml' is damaged: the parts are not of"},
    };
    for (const Damage& damage : damages) {
        write_two_parts();
        damage.do_it();
        EXPECT_EQ(refusal_of([&] { check(); }), "") << damage.what;
        EXPECT_THAT(refusal_of([&] { unpack(); }), StartsWith(damage.refusal)) << damage.what;
        EXPECT_FALSE(std::filesystem::exists(local("unpacked"))) << damage.what;
        remove_bundle(store(), manifest_);
    }
}

TEST_F(BundleTest, an_image_larger_than_the_limit_is_refused_before_a_file_is_made) {
    write_two_parts();
    const auto unpack_with = [&](Bytes most) {
        return refusal_of(
            [&] { unpack_bundle(store(), manifest_, local("unpacked"), most, {}, {}); });
    };

    EXPECT_THAT(unpack_with(frame_size), HasSubstr("larger than the limit of 16777216 bytes"));
    EXPECT_FALSE(std::filesystem::exists(local("unpacked")));
    EXPECT_EQ(unpack_with(frame_size + Bytes{1}), "");
}

TEST_F(BundleTest, a_file_that_is_there_already_is_not_touched) {
    write_two_parts();
    local_file("unpacked", "mine");

    EXPECT_THAT(refusal_of([&] { unpack(); }), HasSubstr("File exists"));

    EXPECT_EQ(content_of(local("unpacked")), "mine");
}

TEST_F(BundleTest, what_is_no_manifest_by_name_or_is_missing_is_refused) {
    write_two_parts();
    const auto refusal = [&](const std::string& key) {
        return refusal_of([&] { read_manifest(store(), {.bucket = "images", .key = key}, limit); });
    };

    EXPECT_THAT(refusal("debian/golden.part.0000"), HasSubstr("must end with '.manifest.xml'"));
    EXPECT_THAT(refusal("other.manifest.xml"), StartsWith("NoSuchKey: "));
    EXPECT_THAT(refusal_of([&] {
                    remove_bundle(store(), {.bucket = "images", .key = "other.manifest.xml"});
                }),
                StartsWith("NoSuchKey: "));
    EXPECT_EQ(refusal_of([&] { check(); }), "");
}

TEST_F(BundleTest, removing_one_that_lacks_parts_removes_the_rest_and_nothing_else) {
    write_two_parts();
    put_object(store(), part("0001.mine"), "x");
    store().remove(part("0000"));

    remove_bundle(store(), manifest_);

    EXPECT_THAT(keys(), ElementsAre("debian/golden.part.0001.mine"));
}

TEST_F(BundleTest, what_a_crash_left_of_a_bundle_is_removed_and_a_finished_bundle_stays) {
    EXPECT_EQ(refusal_of([&] { remove_unfinished_bundle(store(), prefix_); }), "") << "no bucket";
    write_two_parts();
    remove_unfinished_bundle(store(), prefix_);
    EXPECT_EQ(refusal_of([&] { check(); }), "");
    for (const std::string other : {"0001.mine", "", "abcd", "001"})
        put_object(store(), part(other), "x");
    put_object(store(), part("10000"), "x");
    store().remove(manifest_);

    remove_unfinished_bundle(store(), prefix_);

    EXPECT_THAT(keys(), ElementsAre("debian/golden.part.", "debian/golden.part.0001.mine",
                                    "debian/golden.part.001", "debian/golden.part.abcd"));
}

}  // namespace

}  // namespace kiln::images
