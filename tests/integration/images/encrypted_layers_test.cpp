#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

#include "base/file.hpp"
#include "base/process.hpp"
#include "images/layers/merging.hpp"
#include "images/layers/pool.hpp"
#include "images/layers/qcow2_header.hpp"
#include "images/layers/qemu_img.hpp"
#include "tests/catalog_fixture.hpp"

namespace kiln::images {

namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using tests::error_code_of;
using tests::error_message_of;

constexpr const char* marker = "GuestWroteThis";

mode_t mode_of(const std::filesystem::path& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 07777;
}

class EncryptedLayersTest : public ::testing::Test {
  protected:
    /// Making the first file with a key takes seconds, so all tests but one begin with that done.
    static void SetUpTestSuite() {
        static const tests::TemporaryDirectory kept;
        blank_ = kept.path() / "blank";
        qemu_img::create_blank(blank_, key_);
    }
    void SetUp() override { std::filesystem::copy_file(blank_, blank_in_pool()); }

    std::filesystem::path blank_in_pool() const {
        return pool_.directory() / ("blank-" + key_.id + ".qcow2");
    }
    std::filesystem::path scratch(const std::string& name) const {
        return directory_.path() / name;
    }
    /// A frozen layer in clear of 1 MiB that begins with the marker.
    LayerId layer_in_clear() {
        const LayerId layer = LayerId::generate();
        std::ofstream(scratch("disk.raw")) << marker;
        std::filesystem::resize_file(scratch("disk.raw"), size_.value);
        qemu_img::convert_raw(scratch("disk.raw"), scratch("disk.qcow2"), {});
        pool_.adopt(layer, scratch("disk.qcow2"));
        return layer;
    }
    LayerId encrypted(const LayerId& from, const std::optional<LayerKey>& from_key,
                      const LayerKey& key) {
        const LayerId layer = LayerId::generate();
        pool_.encrypt({.layer = layer,
                       .size = size_,
                       .from = pool_.path_of(from),
                       .from_key = from_key,
                       .key = key},
                      {});
        pool_.freeze(layer);
        return layer;
    }
    LayerId overlay_of(const LayerId& parent) {
        const LayerId layer = LayerId::generate();
        pool_.create_overlay({.layer = layer, .parent = parent, .size = size_, .key = key_});
        return layer;
    }
    /// An encrypted base with the marker at its beginning and overlays above it, the base first;
    /// each overlay has its number, from 1 on, written at 64 KiB times that.
    std::vector<LayerId> chain(std::size_t depth) {
        std::vector<LayerId> layers{encrypted(layer_in_clear(), std::nullopt, key_)};
        while (layers.size() < depth) {
            layers.push_back(overlay_of(layers.back()));
            write_number(layers.back(), layers.size() - 1);
        }
        return layers;
    }

    /// qemu-io as a guest; the whole chain is described, as libvirt does.
    std::string io(const LayerId& top, const LayerKey& key,
                   const std::vector<std::string>& orders) const {
        std::string options;
        std::size_t depth = 0;
        for (std::optional<LayerId> layer = top; layer; layer = pool_.parent_of(*layer), ++depth) {
            options +=
                fmt::format(R"({}"driver":"qcow2","encrypt.key-secret":"k",)"
                            R"("file":{{"driver":"file","filename":"{}"}})",
                            depth == 0 ? "{" : R"(,"backing":{)", pool_.path_of(*layer).string());
        }
        Command command{.arguments = {"qemu-io", "--object", "secret,id=k,file=" + secret_file(0),
                                      "json:" + options + std::string(depth, '}')},
                        .secrets = {key.passphrase}};
        for (const std::string& order : orders)
            command.arguments.insert(command.arguments.end(), {"-c", order});
        return run_checked(command);
    }
    void write_number(const LayerId& layer, std::size_t number) const {
        io(layer, key_, {fmt::format("write -P {} {}k 4k", number, number * 64)});
    }
    bool reads_marker(const LayerId& top, const LayerKey& key) const {
        return io(top, key, {"read -v 0 512"}).find(marker) != std::string::npos;
    }
    void expect_numbers_below(const LayerId& top, std::size_t end, const LayerKey& key) const {
        EXPECT_TRUE(reads_marker(top, key));
        std::vector<std::string> orders;
        for (std::size_t number = 1; number < end; ++number)
            orders.push_back(fmt::format("read -P {} {}k 4k", number, number * 64));
        EXPECT_THAT(io(top, key, orders), Not(HasSubstr("verification failed")));
    }

    Bytes size_ = Bytes::mebibytes(1);
    inline static std::filesystem::path blank_;
    inline static const LayerKey key_ = generate_layer_key();
    tests::TemporaryDirectory directory_;
    Pool pool_{directory_.path() / "pool"};
};

TEST_F(EncryptedLayersTest, keys_are_random_and_have_256_bits) {
    const LayerKey other = generate_layer_key();
    EXPECT_NE(key_.id, other.id);
    EXPECT_NE(key_.passphrase, other.passphrase);
    EXPECT_EQ(key_.passphrase.size(), 64U);
}

TEST_F(EncryptedLayersTest, a_layer_in_clear_becomes_an_encrypted_one_that_reads_the_same) {
    const LayerId clear = layer_in_clear();
    const LayerId layer = encrypted(clear, std::nullopt, key_);

    EXPECT_FALSE(pool_.is_encrypted(clear));
    EXPECT_TRUE(pool_.is_encrypted(layer));
    EXPECT_TRUE(reads_marker(layer, key_));
    EXPECT_EQ(pool_.virtual_size(layer), size_);
    EXPECT_EQ(mode_of(pool_.path_of(layer)), 0400U);
    EXPECT_THAT(read_file(pool_.path_of(clear)), HasSubstr(marker));
    EXPECT_THAT(read_file(pool_.path_of(layer)), Not(HasSubstr(marker)));
    EXPECT_THAT(read_file(pool_.path_of(layer)), Not(HasSubstr(key_.passphrase)));
}

TEST_F(EncryptedLayersTest, an_encrypted_chain_becomes_one_layer_with_another_key) {
    const std::vector<LayerId> layers = chain(3);
    const LayerKey other = generate_layer_key();
    const LayerId copy = encrypted(layers.back(), key_, other);

    EXPECT_EQ(pool_.parent_of(copy), std::nullopt);
    expect_numbers_below(copy, 3, other);
    EXPECT_THROW(io(copy, key_, {"read 0 512"}), Error);
}

TEST_F(EncryptedLayersTest, an_overlay_is_encrypted_as_what_it_stands_on) {
    const std::vector<LayerId> layers = chain(4);

    for (const LayerId& layer : layers) {
        EXPECT_TRUE(pool_.is_encrypted(layer));
        EXPECT_THAT(read_file(pool_.path_of(layer)), Not(HasSubstr(std::string(4096, '\1'))));
    }
    EXPECT_EQ(backing_file_of(pool_.path_of(layers[3])), layers[2].str() + ".qcow2");
    EXPECT_EQ(mode_of(pool_.path_of(layers[3])), 0600U);
    expect_numbers_below(layers.back(), 4, key_);
    EXPECT_NO_THROW(qemu_img::check(pool_.path_of(layers.back()), key_));
}

TEST_F(EncryptedLayersTest, an_encrypted_overlay_of_a_layer_in_clear_keeps_what_is_written_secret) {
    const LayerId clear = layer_in_clear();
    const LayerId top = overlay_of(clear);
    EXPECT_TRUE(pool_.is_encrypted(top));
    const LayerId copy = encrypted(top, key_, key_);
    EXPECT_TRUE(reads_marker(copy, key_));
}

TEST_F(EncryptedLayersTest, nobody_writes_in_clear_above_an_encrypted_layer) {
    const LayerId base = chain(1).back();
    const LayerId layer = LayerId::generate();
    const auto attempt = [&] {
        pool_.create_overlay({.layer = layer, .parent = base, .size = size_});
    };
    EXPECT_EQ(error_code_of(attempt), "InternalError");
    EXPECT_THAT(error_message_of(attempt), HasSubstr("must have its key"));
    EXPECT_FALSE(pool_.exists(layer));
}

TEST_F(EncryptedLayersTest, an_empty_layer_may_be_encrypted_and_grows) {
    const LayerId layer = LayerId::generate();
    pool_.create_empty(layer, size_, key_);
    pool_.grow(layer, Bytes::mebibytes(3), key_);
    pool_.grow(layer, Bytes::mebibytes(2), key_);
    EXPECT_EQ(pool_.virtual_size(layer), Bytes::mebibytes(3));
    EXPECT_NO_THROW(io(layer, key_, {"read 0 3M"}));

    const LayerId overlay = overlay_of(chain(1).back());
    pool_.grow(overlay, Bytes::mebibytes(5), key_);
    EXPECT_EQ(pool_.virtual_size(overlay), Bytes::mebibytes(5));
    EXPECT_TRUE(reads_marker(overlay, key_));
}

TEST_F(EncryptedLayersTest, a_rebase_keeps_what_is_read_and_names_the_base_barely) {
    for (const auto& [depth, base] : {std::pair(4U, 0U), std::pair(16U, 14U)}) {
        const std::vector<LayerId> layers = chain(depth);
        pool_.rebase(layers.back(), layers[base], {}, key_);
        EXPECT_EQ(backing_file_of(pool_.path_of(layers.back())), layers[base].str() + ".qcow2");
        expect_numbers_below(layers.back(), depth, key_);
        EXPECT_NO_THROW(qemu_img::check(pool_.path_of(layers.back()), key_));
    }
}

TEST_F(EncryptedLayersTest, a_rebase_onto_nothing_makes_a_base) {
    const std::vector<LayerId> layers = chain(3);
    qemu_img::rebase(pool_.path_of(layers.back()), std::nullopt, {}, key_);
    EXPECT_EQ(pool_.parent_of(layers.back()), std::nullopt);
    expect_numbers_below(layers.back(), 3, key_);
}

TEST_F(EncryptedLayersTest, layers_between_are_merged_into_the_top) {
    const std::vector<LayerId> layers = chain(4);
    const Merge merge{.into = layers[3], .layers = {layers[2], layers[1]}, .parent = layers[0]};
    EXPECT_EQ(error_code_of([&] { prepare_merge(pool_, merge, {}); }), "InternalError");
    EXPECT_FALSE(std::filesystem::exists(pool_.unfinished_path_of(layers[3])));

    prepare_merge(pool_, merge, {}, key_);
    std::filesystem::rename(pool_.unfinished_path_of(layers[3]), pool_.path_of(layers[3]));
    EXPECT_EQ(pool_.parent_of(layers[3]), layers[0]);
    expect_numbers_below(layers[3], 4, key_);
}

TEST_F(EncryptedLayersTest, a_wrong_key_and_none_are_refused_without_telling_it) {
    const std::vector<LayerId> layers = chain(2);
    const LayerKey wrong = generate_layer_key();
    const LayerId target = LayerId::generate();
    for (const std::optional<LayerKey>& key : {std::optional(wrong), std::optional<LayerKey>()}) {
        const std::vector<std::function<void()>> attempts{
            [&] { pool_.grow(layers[1], Bytes::mebibytes(4), key); },
            [&] { pool_.rebase(layers[1], layers[0], {}, key); },
            [&] { qemu_img::check(pool_.path_of(layers[1]), key); },
            [&] {
                pool_.encrypt({.layer = target,
                               .size = size_,
                               .from = pool_.path_of(layers[1]),
                               .from_key = key,
                               .key = key_},
                              {});
            }};
        for (const auto& attempt : attempts) {
            EXPECT_EQ(error_code_of(attempt), "InternalError");
            EXPECT_THAT(error_message_of(attempt), Not(HasSubstr(wrong.passphrase)));
        }
    }
    EXPECT_FALSE(pool_.exists(target));
    EXPECT_FALSE(std::filesystem::exists(pool_.unfinished_path_of(target)));
    expect_numbers_below(layers.back(), 2, key_);
}

TEST_F(EncryptedLayersTest, a_stopped_encryption_leaves_nothing) {
    const LayerId clear = layer_in_clear();
    const LayerId target = LayerId::generate();
    std::stop_source source;
    source.request_stop();
    EXPECT_EQ(error_code_of([&] {
                  pool_.encrypt({.layer = target,
                                 .size = size_,
                                 .from = pool_.path_of(clear),
                                 .from_key = std::nullopt,
                                 .key = key_},
                                source.get_token());
              }),
              "Canceled");
    EXPECT_FALSE(pool_.exists(target));
    EXPECT_FALSE(std::filesystem::exists(pool_.unfinished_path_of(target)));
}

TEST_F(EncryptedLayersTest, layers_of_one_key_are_made_from_a_blank_until_it_is_forgotten) {
    const std::filesystem::path blank = blank_in_pool();
    pool_.forget_key(key_.id);
    pool_.forget_key(key_.id);
    EXPECT_FALSE(std::filesystem::exists(blank));

    const LayerId one = LayerId::generate();
    pool_.create_empty(one, size_, key_);
    EXPECT_EQ(mode_of(blank), 0600U);
    EXPECT_THAT(pool_.files(), testing::ElementsAre(one));

    EXPECT_NO_THROW(qemu_img::check(pool_.path_of(one), key_));
}

}  // namespace

}  // namespace kiln::images
