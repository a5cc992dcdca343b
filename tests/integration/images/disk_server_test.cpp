#include "images/layers/disk_server.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <thread>

#include "base/file.hpp"
#include "base/process.hpp"
#include "images/layers/qcow2_header.hpp"
#include "images/layers/qemu_img.hpp"
#include "tests/catalog_fixture.hpp"

namespace kiln::images {

namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Bytes size = Bytes::mebibytes(4);

/// A served layer, and qemu-io in the place of a guest.
class DiskServerTest : public ::testing::Test {
  protected:
    DiskServerTest() { qemu_img::create({.path = base(), .size = size}); }

    const fs::path& directory() const { return directory_.path(); }
    fs::path base() const { return directory() / "base.qcow2"; }
    fs::path overlay(const std::string& name) const { return directory() / (name + ".qcow2"); }
    fs::path make_overlay(const std::string& name, const fs::path& backing) const {
        qemu_img::create({.path = overlay(name), .size = size, .backing = backing});
        return overlay(name);
    }
    static std::string qemu_io(const std::string& format, const std::string& file,
                               const std::string& order) {
        return run_checked({.arguments = {"qemu-io", "-f", format, "-c", order, file}});
    }
    /// As the client does it that is served.
    static void write(const DiskServer& server, const std::string& order) {
        qemu_io("raw", "nbd:unix:" + server.socket().string() + ":exportname=disk", order);
    }
    static bool holds(const fs::path& file, const std::string& pattern, const std::string& place) {
        return run_process({.arguments = {"qemu-io", "-f", "qcow2", "-r", "-c",
                                          "read -P " + pattern + " " + place, file}})
                   .exit_status == 0;
    }

  private:
    tests::TemporaryDirectory directory_;
};

TEST_F(DiskServerTest, what_is_written_before_and_after_a_switch_is_in_a_layer_each) {
    DiskServer server({.file = base(), .directory = directory()});
    write(server, "write -P 0x11 0 64k");
    server.go_on_in(make_overlay("next", base()));
    EXPECT_NO_THROW(qemu_img::check(base()));
    EXPECT_TRUE(holds(base(), "0x11", "0 64k"));

    write(server, "write -P 0x22 0 32k");
    server.finish();
    EXPECT_TRUE(holds(base(), "0x11", "0 64k")) << "the first layer changes no more";
    EXPECT_TRUE(holds(overlay("next"), "0x22", "0 32k"));
    EXPECT_TRUE(holds(overlay("next"), "0x11", "32k 32k")) << "what is read through";
    EXPECT_NO_THROW(qemu_img::check(overlay("next")));
    EXPECT_EQ(backing_file_of(overlay("next")), "base.qcow2");
}

/// A client that is told what to do through a pipe, while it stays connected.
class Client {
  public:
    Client(const DiskServer& server, fs::path orders) : orders_(std::move(orders)) {
        run_checked({.arguments = {"mkfifo", orders_}});
        const std::string url = "nbd:unix:" + server.socket().string() + ":exportname=disk";
        program_ = std::jthread([this, url] {
            said_ = run_checked(
                {.arguments = {"sh", "-c", "exec qemu-io -f raw \"$0\" <\"$1\"", url, orders_}});
        });
        pipe_.open(orders_);
    }
    void tell(const std::string& order) { pipe_ << order << std::endl; }
    std::string end() {
        pipe_.close();
        program_.join();
        return said_;
    }

  private:
    fs::path orders_;
    std::string said_;
    std::ofstream pipe_;
    std::jthread program_;
};

TEST_F(DiskServerTest, a_client_that_stays_connected_notices_nothing_of_a_switch) {
    DiskServer server({.file = base(), .directory = directory()});
    Client client(server, directory() / "orders");
    client.tell("write -P 0x11 0 64k");
    server.go_on_in(make_overlay("next", base()));
    client.tell("read -P 0x11 0 64k");
    client.tell("write -P 0x22 1M 64k");
    EXPECT_THAT(client.end(), Not(HasSubstr("failed")));
    server.finish();
    EXPECT_TRUE(holds(overlay("next"), "0x22", "1M 64k"));
    EXPECT_TRUE(holds(base(), "0x0", "1M 64k"));
}

TEST_F(DiskServerTest, several_layers_are_written_one_after_the_other) {
    DiskServer server({.file = base(), .directory = directory()});
    fs::path below = base();
    for (const char* name : {"one", "two", "three"}) {
        const fs::path next = make_overlay(name, below);
        server.go_on_in(next);
        write(server, "write -P 0x33 1M 64k");
        below = next;
    }
    server.finish();
    EXPECT_TRUE(holds(overlay("three"), "0x33", "1M 64k"));
    EXPECT_TRUE(holds(base(), "0x0", "1M 64k"));
}

TEST_F(DiskServerTest, what_a_client_discards_is_a_hole_of_the_file) {
    DiskServer server({.file = base(), .directory = directory()});
    write(server, "write -P 0x11 0 2M");
    write(server, "discard 0 2M");
    server.finish();
    EXPECT_TRUE(holds(base(), "0x0", "0 2M"));
    EXPECT_LT(allocated_size(base()), Bytes::mebibytes(1));
}

TEST_F(DiskServerTest, a_file_that_is_no_layer_is_refused_with_the_reason) {
    write_file_atomically(base(), "no disk", 0600);
    const auto serve = [&] { DiskServer({.file = base(), .directory = directory()}); };
    EXPECT_EQ(tests::error_code_of(serve), "InternalError");
    EXPECT_THAT(tests::error_message_of(serve), HasSubstr("not in qcow2 format"));
}

TEST_F(DiskServerTest, a_layer_that_somebody_else_writes_to_is_refused) {
    const DiskServer first({.file = base(), .directory = directory()});
    const tests::TemporaryDirectory other;
    EXPECT_THAT(
        tests::error_message_of([&] { DiskServer({.file = base(), .directory = other.path()}); }),
        HasSubstr("lock"));
}

TEST_F(DiskServerTest, a_switch_that_is_refused_ends_it_and_leaves_what_was_written) {
    DiskServer server({.file = base(), .directory = directory()});
    write(server, "write -P 0x11 0 64k");
    EXPECT_THAT(tests::error_message_of([&] { server.go_on_in(directory() / "missing"); }),
                HasSubstr("missing"));
    EXPECT_TRUE(holds(base(), "0x11", "0 64k"));
}

TEST_F(DiskServerTest, a_path_that_is_too_long_for_a_socket_is_refused) {
    const fs::path deep = directory() / std::string(100, 'd');
    fs::create_directories(deep);
    EXPECT_THAT(tests::error_message_of([&] { DiskServer({.file = base(), .directory = deep}); }),
                HasSubstr("too long"));
}

}  // namespace

}  // namespace kiln::images
