#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cstdlib>
#include <thread>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/file_readers.hpp"
#include "hypervisor/hypervisor.hpp"
#include "images/layers/pool.hpp"
#include "images/layers/qemu_img.hpp"
#include "tests/system/hypervisor/journal.hpp"
#include "tests/system/hypervisor/tiny_guest.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln::hypervisor {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string libvirt_uri() {
    const char* uri = std::getenv("KILN_LIBVIRT_URI");
    if (uri == nullptr) throw Error("", "", "KILN_LIBVIRT_URI is not set");
    return uri;
}

template <class Work>
std::string message_of(Work&& work) {
    try {
        work();
    } catch (const Error& error) {
        return error.message();
    }
    return "nothing was thrown";
}

/// Layers with one key, which libvirt has, and a tiny guest to read them.
class EncryptedGuest : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
        hypervisor_ = connect(libvirt_uri());
        define_key();
        kernel_ = tests::make_tiny_guest(directory_.path());
    }
    void TearDown() override {
        if (!hypervisor_) return;
        console_.reset();
        hypervisor_->destroy(name_);
        hypervisor_->remove_secret(key_.id);
    }

    void define_key() {
        hypervisor_->define_secret(
            {.id = key_.id, .description = "kiln: a test's layers", .passphrase = key_.passphrase});
    }

    /// An encrypted base, converted from one in clear that has BaseWord at 1 MiB.
    LayerId converted_base() {
        const std::filesystem::path raw = directory_.path() / "disk.raw";
        const std::filesystem::path file = directory_.path() / "disk.qcow2";
        write_file_atomically(raw, std::string(1U << 20U, '\0') + "BaseWord\n", 0600);
        std::filesystem::resize_file(raw, size_.value);
        images::qemu_img::convert_raw(raw, file, {});
        const LayerId clear = LayerId::generate();
        pool_.adopt(clear, file);
        EXPECT_THAT(read_file(pool_.path_of(clear)), HasSubstr("BaseWord"));
        const LayerId base = LayerId::generate();
        pool_.encrypt({.layer = base,
                       .size = size_,
                       .from = pool_.path_of(clear),
                       .from_key = std::nullopt,
                       .key = key_},
                      {});
        pool_.freeze(base);
        return base;
    }
    LayerId overlay_of(const LayerId& parent) {
        const LayerId layer = LayerId::generate();
        pool_.create_overlay({.layer = layer, .parent = parent, .size = size_, .key = key_});
        return layer;
    }
    /// As the layers' files name each other.
    DiskSpec disk(const std::string& serial, const LayerId& top) {
        DiskSpec disk{.serial = serial};
        for (std::optional<LayerId> layer = top; layer; layer = pool_.parent_of(*layer))
            disk.chain.push_back({.path = pool_.path_of(*layer), .key_id = key_.id});
        for (std::size_t i = 1; i < disk.chain.size(); ++i)
            add_reader(disk.chain[i].path, hypervisor_->qemu_user().value().uid);
        return disk;
    }

    DomainSpec guest(const LayerId& top) {
        DomainSpec spec{.name = name_,
                        .uuid = "ec2a4b1c-0d9e-4f00-8abc-0123456789ad",
                        .catalog_id = "catalog-1",
                        .memory = Bytes::mebibytes(192),
                        .kernel = kernel_->kernel,
                        .ramdisk = kernel_->ramdisk,
                        .kernel_arguments = "console=ttyS0 quiet panic=1 no-agent",
                        .disks = {disk("vol0", top)},
                        .interfaces = {{.mac_address = "52:54:00:00:00:02"}},
                        .spare_disk_slots = 2};
        spec.disks[0].target = "vda";
        return spec;
    }
    void start_guest(const LayerId& top) {
        hypervisor_->start_domain(guest(top));
        console_text_ = std::make_unique<ConsoleText>();
        console_ = hypervisor_->open_console(name_, console_text_->callbacks());
        ASSERT_TRUE(console_text_->wait_for("READY"));
    }
    void write_word(const std::string& place, const std::string& word) {
        console_->send(fmt::format("write {} {}\n", place, word));
        EXPECT_TRUE(console_text_->wait_for(fmt::format("wrote {} {}", place, word))) << place;
    }
    void expect_word(const std::string& place, const std::string& word) {
        console_->send(fmt::format("read {}\n", place));
        EXPECT_TRUE(console_text_->wait_for(fmt::format("found {} {}", place, word))) << place;
    }
    /// Switches the running guest's vol0 to a new overlay, and freezes the old top.
    LayerId capture(const LayerId& top) {
        const LayerId overlay = overlay_of(top);
        hypervisor_->snapshot_disks(
            name_, {{.serial = "vol0", .overlay = pool_.path_of(overlay), .key_id = key_.id}});
        pool_.freeze(top);
        return overlay;
    }
    void wait_for_pull() {
        const auto deadline = std::chrono::steady_clock::now() + patience;
        while (hypervisor_->is_pulling(name_, "vol0")) {
            ASSERT_LT(std::chrono::steady_clock::now(), deadline);
            std::this_thread::yield();
        }
    }
    void expect_no_word_in_clear(const LayerId& layer) {
        const std::string content = read_file(pool_.path_of(layer));
        for (const char* word : {"BaseWord", "FirstWord", "SecondWord", "ThirdWord", "DataWord"})
            EXPECT_THAT(content.find(word), std::string::npos) << word << " in " << layer.str();
    }

    const std::string name_ = "kiln-encrypted-test";
    const Bytes size_ = Bytes::mebibytes(64);
    const images::LayerKey key_ = images::generate_layer_key();
    tests::TemporaryDirectory directory_;
    images::Pool pool_{directory_.path() / "pool"};
    std::optional<tests::TinyGuest> kernel_;
    std::unique_ptr<ConsoleText> console_text_;
    std::unique_ptr<Hypervisor> hypervisor_;
    std::unique_ptr<Console> console_;
};

TEST_F(EncryptedGuest, is_captured_plugged_into_and_pulled_short_and_keeps_its_words_secret) {
    const LayerId base = converted_base();
    const LayerId first = overlay_of(base);
    start_guest(first);
    expect_word("vol0 1", "BaseWord");
    write_word("vol0 2", "FirstWord");
    const LayerId second = capture(first);
    write_word("vol0 3", "SecondWord");
    const LayerId third = capture(second);
    write_word("vol0 4", "ThirdWord");
    EXPECT_EQ(hypervisor_->active_file(name_, "vol0"), pool_.path_of(third));

    const LayerId data = LayerId::generate();
    pool_.create_empty(data, size_, key_);
    hypervisor_->attach_disk(name_, disk("vol1", data));
    hypervisor_->resize_disk(name_, "vol1", Bytes::mebibytes(96));
    write_word("vol1 80", "DataWord");
    expect_word("vol1 80", "DataWord");
    while (!hypervisor_->detach_disk(name_, "vol1")) {
    }
    EXPECT_EQ(hypervisor_->active_file(name_, "vol1"), std::nullopt);

    hypervisor_->start_pull(name_, "vol0", pool_.path_of(base));
    wait_for_pull();
    EXPECT_EQ(pool_.parent_of(third), base);
    hypervisor_->destroy(name_);
    pool_.remove(first);
    pool_.remove(second);

    pool_.freeze(third);
    const LayerId fourth = overlay_of(third);
    start_guest(fourth);
    expect_word("vol0 1", "BaseWord");
    expect_word("vol0 2", "FirstWord");
    expect_word("vol0 3", "SecondWord");
    expect_word("vol0 4", "ThirdWord");
    for (const LayerId& layer : {base, third, data})
        expect_no_word_in_clear(layer);
    EXPECT_NO_THROW(images::qemu_img::check(pool_.path_of(third), key_));
}

TEST_F(EncryptedGuest, is_refused_without_its_key_and_told_what_is_missing) {
    const LayerId top = overlay_of(converted_base());
    hypervisor_->remove_secret(key_.id);

    const std::string message = message_of([&] { hypervisor_->start_domain(guest(top)); });
    EXPECT_THAT(message, HasSubstr(key_.id));
    EXPECT_THAT(message, HasSubstr("virsh secret-set-value"));
    EXPECT_EQ(hypervisor_->domain_state(name_), DomainState::absent);

    define_key();
    start_guest(top);
}

TEST_F(EncryptedGuest, goes_on_when_a_disk_or_an_overlay_is_refused_for_want_of_its_key) {
    const LayerId top = overlay_of(converted_base());
    const LayerId overlay = overlay_of(top);
    const LayerId data = LayerId::generate();
    pool_.create_empty(data, size_, key_);
    start_guest(top);
    hypervisor_->remove_secret(key_.id);

    for (const std::string& message :
         {message_of([&] { hypervisor_->attach_disk(name_, disk("vol1", data)); }), message_of([&] {
              hypervisor_->snapshot_disks(
                  name_,
                  {{.serial = "vol0", .overlay = pool_.path_of(overlay), .key_id = key_.id}});
          })}) {
        EXPECT_THAT(message, HasSubstr(key_.id));
        EXPECT_THAT(message, HasSubstr("virsh secret-set-value"));
        EXPECT_THAT(message, Not(HasSubstr(key_.passphrase)));
    }
    EXPECT_EQ(hypervisor_->active_file(name_, "vol0"), pool_.path_of(top));
    EXPECT_EQ(hypervisor_->active_file(name_, "vol1"), std::nullopt);
    expect_word("vol0 1", "BaseWord");
}

TEST(Secrets, are_kept_read_back_and_never_overwritten) {
    const auto hypervisor = connect(libvirt_uri());
    const images::LayerKey key = images::generate_layer_key();
    const Secret secret{.id = key.id, .description = "kiln <&>", .passphrase = key.passphrase};
    EXPECT_EQ(hypervisor->secret_passphrase(key.id), std::nullopt);
    hypervisor->define_secret(secret);
    hypervisor->define_secret(secret);
    Secret other = secret;
    other.passphrase = "another";
    EXPECT_THAT(message_of([&] { hypervisor->define_secret(other); }), HasSubstr("use a new id"));
    EXPECT_EQ(connect(libvirt_uri())->secret_passphrase(key.id), key.passphrase);

    hypervisor->remove_secret(key.id);
    hypervisor->remove_secret(key.id);
    EXPECT_EQ(hypervisor->secret_passphrase(key.id), std::nullopt);
    EXPECT_THAT(message_of([&] { hypervisor->secret_passphrase("no-uuid"); }),
                HasSubstr("no-uuid"));
}

}  // namespace
}  // namespace kiln::hypervisor
