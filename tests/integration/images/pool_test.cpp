#include "images/layers/pool.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/file.hpp"
#include "base/process.hpp"
#include "images/layers/qemu_img.hpp"
#include "tests/catalog_fixture.hpp"

namespace kiln::images {

namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using tests::error_code_of;
using tests::error_message_of;

mode_t mode_of(const std::filesystem::path& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 07777;
}

class PoolTest : public ::testing::Test {
  protected:
    std::filesystem::path scratch(const std::string& name) const {
        return directory_.path() / name;
    }

    /// A raw file of `size` that begins with `content`.
    std::filesystem::path raw_file(const std::string& content, Bytes size) const {
        const std::filesystem::path path = scratch("disk.raw");
        std::ofstream(path) << content;
        std::filesystem::resize_file(path, size.value);
        return path;
    }
    /// A frozen layer of 1 MiB that begins with `content`.
    LayerId layer_with(const std::string& content) {
        const LayerId layer = LayerId::generate();
        const std::filesystem::path file = scratch("converted.qcow2");
        qemu_img::convert_raw(raw_file(content, Bytes::mebibytes(1)), file, {});
        pool_.adopt(layer, file);
        return layer;
    }
    /// What a guest would read at the beginning of the layer's disk.
    std::string first_bytes(const LayerId& layer, std::size_t count) const {
        const std::filesystem::path raw = scratch("read.raw");
        run_checked({.arguments = {"qemu-img", "convert", "-f", "qcow2", "-O", "raw",
                                   pool_.path_of(layer).string(), raw.string()}});
        return read_file(raw).substr(0, count);
    }
    /// What a guest would do that writes there.
    void write_bytes(const LayerId& layer, const std::string& pattern) const {
        run_checked({.arguments = {"qemu-io", "-f", "qcow2", "-c", "write -P " + pattern + " 0 512",
                                   pool_.path_of(layer).string()}});
    }
    std::string image_information(const LayerId& layer) const {
        return run_checked({.arguments = {"qemu-img", "info", "-f", "qcow2", "--output=json",
                                          pool_.path_of(layer).string()}});
    }

    tests::TemporaryDirectory directory_;
    Pool pool_{directory_.path() / "pool"};
};

TEST_F(PoolTest, the_pool_s_directory_lets_qemu_pass_and_nobody_look) {
    EXPECT_EQ(mode_of(scratch("pool")), 0711U);
    ::chmod(scratch("pool").c_str(), 0750);
    const Pool again(scratch("pool"));
    EXPECT_EQ(mode_of(scratch("pool")), 0750U) << "an operator's own mode stays";
}

TEST_F(PoolTest, a_pool_that_cannot_be_made_says_why) {
    std::ofstream(scratch("file")) << "x";

    EXPECT_THAT(error_message_of([&] { Pool(scratch("file")); }), HasSubstr("Not a directory"));
    EXPECT_THAT(error_message_of([&] { Pool(scratch("file/pool")); }),
                HasSubstr("cannot make the pool '" + scratch("file").string() + "'"));
}

TEST_F(PoolTest, an_overlay_reads_what_its_parent_holds) {
    const LayerId base = layer_with("golden bytes");
    const LayerId overlay = LayerId::generate();

    pool_.create_overlay({.layer = overlay, .parent = base, .size = Bytes::mebibytes(2)});

    EXPECT_EQ(first_bytes(overlay, 12), "golden bytes");
    EXPECT_EQ(pool_.virtual_size(overlay), Bytes::mebibytes(2));
    EXPECT_EQ(mode_of(pool_.path_of(overlay)), 0600U);
    EXPECT_LT(allocated_size(pool_.path_of(overlay)), Bytes::mebibytes(1));
    EXPECT_NO_THROW(qemu_img::check(pool_.path_of(overlay)));
}

TEST_F(PoolTest, what_is_written_to_an_overlay_does_not_reach_its_parent) {
    const LayerId base = layer_with("golden bytes");
    const LayerId overlay = LayerId::generate();
    pool_.create_overlay({.layer = overlay, .parent = base, .size = Bytes::mebibytes(1)});
    const std::string before = read_file(pool_.path_of(base));

    write_bytes(overlay, "0x41");

    EXPECT_EQ(first_bytes(overlay, 4), "AAAA");
    EXPECT_EQ(first_bytes(base, 12), "golden bytes");
    EXPECT_EQ(read_file(pool_.path_of(base)), before);
}

TEST_F(PoolTest, an_overlay_has_subclusters_and_names_its_parent_in_its_own_directory) {
    const LayerId base = layer_with("golden");
    const LayerId overlay = LayerId::generate();
    pool_.create_overlay({.layer = overlay, .parent = base, .size = Bytes::mebibytes(1)});

    const std::string information = image_information(overlay);

    EXPECT_THAT(information, HasSubstr("\"cluster-size\": 131072"));
    EXPECT_THAT(information, HasSubstr("\"extended-l2\": true"));
    EXPECT_THAT(information, HasSubstr("\"backing-filename-format\": \"qcow2\""));
    EXPECT_THAT(information, HasSubstr("\"backing-filename\": \"" + base.str() + ".qcow2\""));
    EXPECT_THAT(information,
                HasSubstr("\"full-backing-filename\": \"" + pool_.path_of(base).string() + "\""));
}

TEST_F(PoolTest, an_overlay_of_an_earlier_try_stays_since_a_guest_may_have_written_to_it) {
    const LayerId base = layer_with("golden");
    const LayerId overlay = LayerId::generate();
    const Pool::OverlaySpec spec{.layer = overlay, .parent = base, .size = Bytes::mebibytes(1)};
    pool_.create_overlay(spec);
    write_bytes(overlay, "0x41");

    pool_.create_overlay(spec);

    EXPECT_EQ(first_bytes(overlay, 6), "AAAAAA");
}

TEST_F(PoolTest, an_overlay_of_a_missing_parent_leaves_nothing_behind) {
    const LayerId overlay = LayerId::generate();
    const auto create = [&] {
        pool_.create_overlay(
            {.layer = overlay, .parent = LayerId::generate(), .size = Bytes::mebibytes(1)});
    };

    EXPECT_EQ(error_code_of(create), "InternalError");
    EXPECT_THAT(error_message_of(create), HasSubstr("No such file"));
    EXPECT_FALSE(pool_.exists(overlay));
}

TEST_F(PoolTest, an_empty_layer_reads_as_zeros) {
    const LayerId layer = LayerId::generate();

    pool_.create_empty(layer, Bytes::gibibytes(5));

    EXPECT_EQ(pool_.virtual_size(layer), Bytes::gibibytes(5));
    EXPECT_LT(allocated_size(pool_.path_of(layer)), Bytes::mebibytes(1));
    EXPECT_EQ(mode_of(pool_.path_of(layer)), 0600U);
}

TEST_F(PoolTest, paths_that_look_like_options_of_qemu_img_are_paths) {
    const Pool pool(scratch("nbd:pool, file.x=y 'q'"));
    const LayerId base = LayerId::generate();
    const LayerId overlay = LayerId::generate();

    pool.create_empty(base, Bytes::mebibytes(1));
    pool.create_overlay({.layer = overlay, .parent = base, .size = Bytes::mebibytes(1)});

    EXPECT_EQ(pool.virtual_size(overlay), Bytes::mebibytes(1));
    EXPECT_NO_THROW(qemu_img::check(pool.path_of(overlay)));
}

TEST_F(PoolTest, a_frozen_layer_is_read_only_and_the_services_alone) {
    const LayerId layer = LayerId::generate();
    pool_.create_empty(layer, Bytes::mebibytes(1));

    pool_.freeze(layer);

    EXPECT_EQ(mode_of(pool_.path_of(layer)), 0400U);
    EXPECT_EQ(error_code_of([&] { pool_.freeze(LayerId::generate()); }), "InternalError");
}

TEST_F(PoolTest, a_header_that_names_what_is_not_the_pool_s_is_not_believed) {
    const std::filesystem::path secret = scratch("secret.qcow2");
    qemu_img::create({.path = secret, .size = Bytes::mebibytes(1)});
    const LayerId layer = LayerId::generate();
    pool_.create_empty(layer, Bytes::mebibytes(1));
    const std::string file = pool_.path_of(layer);
    const std::string json =
        R"(json:{"driver":"qcow2","file":{"driver":"file","filename":")" + secret.string() + "\"}}";
    for (const std::string& backing : {secret.string(), json}) {
        run_checked({.arguments = {"qemu-img", "rebase", "-u", "-f", "qcow2", "-F", "qcow2", "-b",
                                   backing, file}});
        EXPECT_EQ(error_code_of([&] { pool_.parent_of(layer); }), "InternalError") << backing;
        EXPECT_EQ(error_code_of([&] { pool_.freeze(layer); }), "InternalError") << backing;
        EXPECT_EQ(error_code_of([&] { pool_.grow(layer, Bytes::mebibytes(2)); }), "InternalError");
    }
    pool_.remove(layer);
    run_checked({.arguments = {"qemu-img", "create", "-q", "-f", "qcow2", "-o",
                               "data_file=" + scratch("data").string(), file, "1M"}});
    EXPECT_EQ(error_code_of([&] { pool_.grow(layer, Bytes::mebibytes(2)); }), "InternalError");
}

TEST_F(PoolTest, a_layer_that_names_another_parent_than_the_catalog_is_not_read) {
    const LayerId base = LayerId::generate();
    const LayerId other = LayerId::generate();
    const LayerId overlay = LayerId::generate();
    for (const LayerId& layer : {base, other})
        pool_.create_empty(layer, Bytes::mebibytes(1));
    pool_.create_overlay({.layer = overlay, .parent = base, .size = Bytes::mebibytes(1)});
    EXPECT_NO_THROW(pool_.check_parent(overlay, base));
    EXPECT_EQ(error_code_of([&] { pool_.check_parent(overlay, other); }), "InternalError");
    EXPECT_EQ(error_code_of([&] { pool_.check_parent(overlay, std::nullopt); }), "InternalError");
}

TEST_F(PoolTest, a_layer_adopts_its_own_unfinished_file) {
    const LayerId layer = LayerId::generate();
    write_file_atomically(pool_.unfinished_path_of(layer), "content", 0600);
    pool_.adopt(layer, pool_.unfinished_path_of(layer));
    EXPECT_EQ(read_file(pool_.path_of(layer)), "content");
    EXPECT_EQ(pool_.files(), std::vector{layer});
}

TEST_F(PoolTest, an_adopted_file_moves_in_frozen) {
    const std::filesystem::path file = scratch("new.qcow2");
    qemu_img::create({.path = file, .size = Bytes::mebibytes(3)});
    const LayerId layer = LayerId::generate();

    pool_.adopt(layer, file);

    EXPECT_FALSE(std::filesystem::exists(file));
    EXPECT_EQ(mode_of(pool_.path_of(layer)), 0400U);
    EXPECT_EQ(pool_.virtual_size(layer), Bytes::mebibytes(3));
    EXPECT_EQ(error_code_of([&] { pool_.adopt(LayerId::generate(), file); }), "InternalError");
}

TEST_F(PoolTest, a_removed_layer_is_gone_and_removing_it_again_is_no_error) {
    const LayerId layer = LayerId::generate();
    pool_.create_empty(layer, Bytes::mebibytes(1));
    EXPECT_TRUE(pool_.exists(layer));

    pool_.remove(layer);
    pool_.remove(layer);

    EXPECT_FALSE(pool_.exists(layer));
}

TEST_F(PoolTest, files_that_are_no_layers_are_passed_over) {
    const LayerId layer = LayerId::generate();
    pool_.create_empty(layer, Bytes::mebibytes(1));
    for (const std::string name : {"notes.txt", "disk.qcow2", "layer-xyz.qcow2", "layer-.qcow2"})
        std::ofstream(scratch("pool/" + name)) << "x";

    EXPECT_THAT(pool_.files(), UnorderedElementsAre(layer));
}

TEST_F(PoolTest, too_little_space_is_refused_with_what_to_do) {
    EXPECT_EQ(error_code_of([&] { pool_.check_space(Bytes{1}, Bytes{1}); }), "");
    const Bytes everything = free_space(scratch("pool"));
    const auto needed = [&] { pool_.check_space(everything + everything, Bytes{0}); };
    const auto reserve = [&] { pool_.check_space(Bytes{0}, everything + everything); };

    EXPECT_EQ(error_code_of(needed), "InsufficientInstanceCapacity");
    EXPECT_EQ(error_code_of(reserve), "InsufficientInstanceCapacity");
    EXPECT_THAT(error_message_of(needed), HasSubstr("MiB free"));
    EXPECT_THAT(error_message_of(needed), HasSubstr("free_space_reserve_mib"));
}

TEST_F(PoolTest, a_deleted_pool_is_gone) {
    std::filesystem::remove_all(scratch("pool"));

    EXPECT_EQ(error_code_of([&] { pool_.check_space(Bytes{1}, Bytes{1}); }), "InternalError");
    EXPECT_THAT(error_message_of([&] { pool_.check_space(Bytes{1}, Bytes{1}); }),
                HasSubstr("is gone"));
    EXPECT_EQ(error_code_of([&] { pool_.create_empty(LayerId::generate(), Bytes{512}); }),
              "InternalError");
    EXPECT_FALSE(pool_.supports_direct_io());
}

TEST_F(PoolTest, direct_io_is_promised_only_where_an_open_with_it_succeeds) {
    const LayerId layer = LayerId::generate();
    pool_.create_empty(layer, Bytes::mebibytes(1));

    const Fd direct(::open(pool_.path_of(layer).c_str(), O_RDWR | O_DIRECT | O_CLOEXEC));

    EXPECT_EQ(pool_.supports_direct_io(), static_cast<bool>(direct));
    EXPECT_THAT(pool_.files(), UnorderedElementsAre(layer)) << "the probe leaves no file";
}

TEST_F(PoolTest, a_damaged_image_is_told_from_a_sound_one) {
    const LayerId layer = layer_with("golden");
    EXPECT_NO_THROW(qemu_img::check(pool_.path_of(layer)));
    {
        std::fstream file(pool_.path_of(layer), std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(3 * 131072);  // the L1 table: after the header, the refcount table and block
        file << "\x7f\xff\xff\xff\xff\xff\xff\xff";
    }

    EXPECT_EQ(error_code_of([&] { qemu_img::check(pool_.path_of(layer)); }), "InternalError");
    EXPECT_EQ(error_code_of([&] { qemu_img::check(scratch("none.qcow2")); }), "InternalError");
}

TEST_F(PoolTest, holes_of_a_raw_file_take_no_space_in_the_converted_one) {
    const std::filesystem::path converted = scratch("converted.qcow2");
    qemu_img::convert_raw(raw_file("content", Bytes::gibibytes(1)), converted, {});

    EXPECT_EQ(qemu_img::virtual_size(converted), Bytes::gibibytes(1));
    EXPECT_LT(allocated_size(converted), Bytes::mebibytes(2));
}

TEST_F(PoolTest, a_conversion_stops_when_it_is_told_to) {
    std::stop_source stop;
    stop.request_stop();

    EXPECT_EQ(error_code_of([&] {
                  qemu_img::convert_raw(raw_file("content", Bytes::mebibytes(1)),
                                        scratch("converted.qcow2"), stop.get_token());
              }),
              "Canceled");
}

TEST_F(PoolTest, the_size_of_something_else_than_qcow2_is_refused) {
    EXPECT_EQ(error_code_of([&] {
                  qemu_img::virtual_size(raw_file("no qcow2 header", Bytes::mebibytes(1)));
              }),
              "InternalError");
}

}  // namespace

}  // namespace kiln::images
