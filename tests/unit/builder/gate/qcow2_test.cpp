#include "builder/import/gate/qcow2.hpp"

#include "tests/unit/builder/gate/gate_checks.hpp"

namespace kiln::builder::gate {

namespace {

using namespace tests;
namespace field = tests::qcow2_field;

template <std::unsigned_integral Number>
std::string poked(std::size_t offset, Number value, const Qcow2& image = {}) {
    std::string bytes = make_qcow2(image);
    put_big_endian(bytes, offset, value);
    return bytes;
}

std::string with_snapshot(std::uint64_t l1_offset) {
    std::string bytes = make_qcow2();
    bytes.resize(bytes.size() + (1 << 16));
    add_qcow2_snapshots(bytes, 1, l1_offset);
    return bytes;
}

/// One bitmap, whose directory and table follow the image.
std::string with_bitmap() {
    const Qcow2 image;
    std::string bytes = make_qcow2();
    std::string extension;
    put_big_endian<std::uint32_t>(extension, 0, 1);
    put_big_endian<std::uint64_t>(extension, 8, 32);
    put_big_endian(extension, 16, image.cluster(6));
    add_qcow2_extension(bytes, 0x23852875, extension);
    put_big_endian(bytes, image.cluster(6), image.cluster(7));
    put_big_endian<std::uint32_t>(bytes, image.cluster(6) + 8, 1);
    put_big_endian<std::uint8_t>(bytes, image.cluster(6) + 16, 1);
    put_big_endian<std::uint8_t>(bytes, image.cluster(6) + 17, 16);
    put_big_endian<std::uint16_t>(bytes, image.cluster(6) + 18, 4);
    put_text(bytes, image.cluster(6) + 24, "name");
    bytes.resize(image.cluster(8));
    return bytes;
}

TEST(qcow2_gate, accepts_both_versions_and_every_cluster_size) {
    for (const std::uint32_t version : {2, 3}) {
        for (std::uint32_t bits = 9; bits <= 21; ++bits) {
            const DiskFile file = make_qcow2({.version = version, .cluster_bits = bits});
            expect_disk(pass(file), DiskFormat::qcow2, Bytes::mebibytes(1));
        }
    }
}

TEST(qcow2_gate, accepts_an_image_that_ends_within_its_last_cluster) {
    const Qcow2 image;
    expect_disk(pass(make_qcow2().substr(0, image.data() + 10)), DiskFormat::qcow2,
                Bytes::mebibytes(1));
}

TEST(qcow2_gate, refuses_an_image_that_is_cut_off) {
    const Qcow2 image;
    for (const std::uint64_t size :
         {image.data(), image.l2_table(), image.l1_table(), image.cluster(2),
          image.refcount_table(), std::uint64_t{104}, std::uint64_t{71}}) {
        EXPECT_NE(refusal_of(make_qcow2().substr(0, size)), "") << size;
    }
}

TEST(qcow2_gate, has_bounds_for_the_virtual_size) {
    const auto of_size = [](std::uint64_t size) {
        return make_qcow2({.cluster_bits = 21, .size = size});
    };
    expect_disk(pass(of_size(64ULL << 40)), DiskFormat::qcow2, max_virtual_size);
    expect_refused(of_size((64ULL << 40) + 512), "more than the 64 TiB");
    expect_refused(of_size(511), "no multiple of 512");
    expect_disk(pass(of_size(512)), DiskFormat::qcow2, Bytes{512});
}

TEST(qcow2_gate, knows_each_field_of_the_header) {
    expect_refused(poked<std::uint64_t>(field::backing_offset, ~0ULL), "backing file");
    expect_refused(poked<std::uint32_t>(field::backing_size, 1), "backing file");
    expect_refused(poked<std::uint32_t>(field::l1_entries, (32U << 20) / 8 + 1), "32 MiB");
    expect_refused(poked<std::uint32_t>(field::refcount_table_clusters, 0), "refcount table");
    expect_refused(poked<std::uint32_t>(field::refcount_table_clusters, 129), "8 MiB");
    expect_refused(poked<std::uint32_t>(field::refcount_table_clusters, 6), "past the end");
    expect_refused(poked<std::uint32_t>(field::snapshots, 1025), "1025 snapshots");
    expect_refused(poked<std::uint32_t>(field::snapshots, 1), "used twice");
    expect_refused(poked<std::uint64_t>(field::incompatible, 1 << 5), "0x20 are unknown");
    expect_refused(poked<std::uint32_t>(field::header_length, 108), "header_length");
    expect_refused(poked<std::uint32_t>(field::header_length, 65544), "header_length");
    expect_refused(poked<std::uint8_t>(field::compression_type, 1), "compression type 1");
    expect_refused(poked<std::uint64_t>(field::incompatible, 1 << 3), "compression type 0");
}

TEST(qcow2_gate, passes_over_what_changes_nothing_for_a_reader) {
    constexpr std::size_t compatible = 80;
    EXPECT_EQ(refusal_of(poked<std::uint64_t>(compatible, ~0ULL)), "");
    EXPECT_EQ(refusal_of(poked<std::uint64_t>(field::autoclear, ~2ULL)), "");
    EXPECT_EQ(refusal_of(poked<std::uint32_t>(field::refcount_order, 6)), "");
    EXPECT_EQ(refusal_of(poked<std::uint32_t>(field::header_length, 104)), "");
}

TEST(qcow2_gate, walks_over_extensions) {
    std::string known = make_qcow2();
    add_qcow2_extension(known, 0x6803f857, std::string(48, 'x'));
    add_qcow2_extension(known, 0x12345678, "abc");
    std::string twice = known;
    add_qcow2_extension(twice, 0x12345678, "");
    std::string many = make_qcow2();
    for (std::uint32_t i = 1; i <= 65; ++i)
        add_qcow2_extension(many, i << 16, "");
    std::string encrypted = make_qcow2();
    add_qcow2_extension(encrypted, 0x0537be77, std::string(16, '\0'));
    std::string too_long = make_qcow2();
    add_qcow2_extension(too_long, 0x12345678, std::string(65536 - 112 - 7, 'x'));

    EXPECT_EQ(refusal_of(known), "");
    expect_refused(twice, "stands twice");
    expect_refused(many, "more than 64");
    expect_refused(encrypted, "encrypted");
    expect_refused(too_long, "does not fit");
}

TEST(qcow2_gate, knows_each_entry_of_its_tables) {
    const Qcow2 image;
    const std::uint64_t data = image.data() | qcow2_copied;
    expect_refused(poked(image.refcount_table(), image.cluster(2) | 1), "reserved bits");
    expect_refused(poked(image.refcount_table(), image.cluster(3)), "the L1 table");
    expect_refused(poked(image.refcount_table() + 8, image.cluster(2)), "a refcount block");
    expect_refused(poked(image.refcount_table() + 8, image.cluster(6)), "past the end");
    expect_refused(poked(image.l1_table(), image.l2_table() | 2), "reserved bits");
    expect_refused(poked(image.l1_table(), image.l2_table() | 1ULL << 56), "reserved bits");
    expect_refused(poked(image.l1_table(), image.l2_table() + 512), "does not begin at a cluster");
    expect_refused(poked(image.l1_table(), image.cluster(6)), "past the end");
    expect_refused(poked(image.l2_table(), data | 2), "reserved bits");
    expect_refused(poked(image.l2_table(), data + 512), "does not begin at a cluster");
    expect_refused(poked(image.l2_table(), image.cluster(6)), "past the end");
    expect_refused(poked(image.l2_table(), image.l2_table()), "used twice");
    expect_refused(poked(image.l2_table() + 8, data), "used twice");
    expect_refused(poked(image.l2_table() + 8, qcow2_compressed | image.l1_table()), "used twice");
    expect_refused(poked(image.l2_table() + 8, qcow2_compressed | image.cluster(6)),
                   "past the end");
    EXPECT_EQ(refusal_of(poked(image.l2_table(), data | 1)), "") << "a cluster kept for zeros";
    expect_refused(poked(image.l2_table(), data | 1, {.version = 2}), "reserved bits");
}

TEST(qcow2_gate, knows_subclusters) {
    const Qcow2 image{.has_extended_l2 = true};
    const std::size_t bitmap = image.l2_table() + 8;
    EXPECT_EQ(refusal_of(make_qcow2(image)), "");
    EXPECT_EQ(refusal_of(poked<std::uint64_t>(bitmap, 0xfffffffe00000001, image)), "");
    expect_refused(poked<std::uint64_t>(bitmap, 0x1'00000001, image), "contradict");
    expect_refused(poked<std::uint64_t>(bitmap + 16, 1, image), "contradict");
    expect_refused(poked(image.l2_table(), qcow2_compressed | image.data(), image), "contradict");
    expect_refused(poked(image.l2_table(), image.data() | 1, image), "reserved bits");
    expect_refused(make_qcow2({.cluster_bits = 13, .has_extended_l2 = true}), "14 or more");
}

TEST(qcow2_gate, lets_internal_snapshots_pass_that_lie_in_the_file) {
    const Qcow2 image;
    EXPECT_EQ(refusal_of(with_snapshot(image.cluster(6))), "");
    expect_refused(with_snapshot(image.l1_table()), "L1 table of a snapshot");
    expect_refused(with_snapshot(image.cluster(6) + 512), "does not begin at a cluster");
    expect_refused(with_snapshot(image.cluster(8)), "past the end");

    const std::size_t entry = image.cluster(7);
    std::string bytes = with_snapshot(image.cluster(6));
    put_big_endian<std::uint32_t>(bytes, entry + 36, 1025);
    expect_refused(bytes, "extra data");
    bytes = with_snapshot(image.cluster(6));
    put_big_endian<std::uint32_t>(bytes, entry + 8, (32U << 20) / 8 + 1);
    expect_refused(bytes, "32 MiB");
    bytes = with_snapshot(image.cluster(6));
    put_big_endian<std::uint16_t>(bytes, entry + 14, 0xffff);
    expect_refused(bytes, "past the end");
    bytes = with_snapshot(image.cluster(6));
    put_big_endian<std::uint32_t>(bytes, field::snapshots, 2);
    expect_refused(bytes, "snapshot 2 of 2");
}

TEST(qcow2_gate, lets_bitmaps_pass_that_lie_in_the_file) {
    const Qcow2 image;
    const std::size_t entry = image.cluster(6);
    const std::size_t extension = qcow2_header_length + 8;
    const auto with = [](std::size_t offset, auto value) {
        std::string bytes = with_bitmap();
        put_big_endian(bytes, offset, value);
        return bytes;
    };
    EXPECT_EQ(refusal_of(with_bitmap()), "");
    expect_refused(with(extension, std::uint32_t{0}), "0 bitmaps");
    expect_refused(with(extension, std::uint32_t{2}), "bitmap 2 of 2");
    expect_refused(with(extension, std::uint32_t{1025}), "1025 bitmaps");
    expect_refused(with(extension + 4, std::uint32_t{1}), "reserved bits");
    expect_refused(with(extension - 4, std::uint32_t{16}), "16 bytes, not 24");
    expect_refused(with(extension + 16, image.data()), "another kind");
    expect_refused(with(entry, image.l1_table()), "the table of a bitmap");
    expect_refused(with(entry + 8, std::uint32_t{(64 << 20) / 8 + 1}), "another kind");
    expect_refused(with(entry + 16, std::uint8_t{2}), "another kind");
    expect_refused(with(entry + 17, std::uint8_t{32}), "another kind");
    expect_refused(with(entry + 18, std::uint16_t{1024}), "another kind");
}

TEST(qcow2_gate, refuses_a_file_of_more_clusters_than_it_can_keep_track_of) {
    const std::string bytes = make_qcow2({.cluster_bits = 9});
    expect_refused({bytes, (512ULL << 28) + 1}, "give it larger ones");
    EXPECT_EQ(refusal_of({bytes, 512ULL << 20}), "");
}

TEST(qcow2_gate, names_the_backing_file_that_it_refuses) {
    std::string bytes = make_qcow2();
    set_qcow2_backing_file(bytes, "/home/user/base.qcow2", "qcow2");
    expect_refused(bytes,
                   "backing file '/home/user/base.qcow2'; make it whole where it comes from: "
                   "qemu-img convert -O qcow2 FILE NEW");
}

}  // namespace

}  // namespace kiln::builder::gate
