#include "builder/import/gate/gate.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "builder/import/gate/second_opinion.hpp"
#include "tests/disk_image_makers.hpp"
#include "tests/hostile_images.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln::builder::gate {

namespace {

/// A format as qemu-img calls it, and as the gate does.
struct Kind {
    std::string qemu;
    DiskFormat format;
    std::string options;
};

/// Disks that QEMU made, so that the gate meets more than what its own makers write.
class GateTest : public ::testing::Test {
  protected:
    GateTest() {
        std::string content(40 << 20, '\0');
        for (std::size_t offset = 0; offset < content.size(); offset += 1 << 20) {
            content.replace(offset, 9, "somewhere");
        }
        write_file_atomically(file("source.raw"), content, 0600);
    }

    std::string file(const std::string& name) const { return directory_.path() / name; }

    static void qemu_img(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "qemu-img");
        run_checked({.arguments = std::move(arguments)});
    }
    void create(const std::string& name, const Kind& kind, const std::string& size) const {
        std::vector<std::string> arguments{"create", "-q", "-f", kind.qemu};
        if (!kind.options.empty()) arguments.insert(arguments.end(), {"-o", kind.options});
        arguments.insert(arguments.end(), {file(name), size});
        qemu_img(std::move(arguments));
    }
    void convert(const std::string& name, const Kind& kind, bool compress = false) const {
        std::vector<std::string> arguments{"convert", "-q", "-f", "raw", "-O", kind.qemu};
        if (compress) arguments.emplace_back("-c");
        if (!kind.options.empty()) arguments.insert(arguments.end(), {"-o", kind.options});
        arguments.insert(arguments.end(), {file("source.raw"), file(name)});
        qemu_img(std::move(arguments));
    }
    Fd open(const std::string& name) const {
        Fd fd(::open(file(name).c_str(), O_RDONLY | O_CLOEXEC));
        if (!fd) throw system_error("open " + name);
        return fd;
    }
    Bytes size_by_qemu(const std::string& name, const std::string& format) const {
        const std::string answer = run_checked(
            {.arguments = {"qemu-img", "info", "--output=json", "-f", format, file(name)}});
        return Bytes{nlohmann::json::parse(answer).at("virtual-size")};
    }
    /// The gate lets the file pass as what it is, and sees the size that QEMU does.
    void expect_accepted(const std::string& name, const Kind& kind) const {
        const InspectedFile found = inspect(open(name).get(), kind.format);
        ASSERT_EQ(found.disks.size(), 1);
        EXPECT_EQ(found.disks[0].format, kind.format);
        EXPECT_EQ(found.disks[0].virtual_size, size_by_qemu(name, kind.qemu));
        EXPECT_EQ(inspect(open(name).get(), std::nullopt).format, kind.format);
    }
    void expect_refused(const std::string& name, const std::string& words) const {
        try {
            inspect(open(name).get(), std::nullopt);
            ADD_FAILURE() << name << " passed";
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), error_code::invalid_parameter_value);
            EXPECT_NE(error.message().find(words), std::string::npos) << error.message();
        }
    }
    /// Whether libqcow was asked; it has agreed.
    bool ask(const std::string& name) const {
        const Fd fd = open(name);
        return ask_for_second_opinion(fd.get(), inspect(fd.get(), std::nullopt).disks.at(0));
    }

    tests::TemporaryDirectory directory_;
};

const std::vector<Kind>& accepted_kinds() {
    static const std::vector<Kind> kinds{
        {"raw", DiskFormat::raw, ""},
        {"qcow2", DiskFormat::qcow2, ""},
        {"qcow2", DiskFormat::qcow2, "compat=0.10"},
        {"qcow2", DiskFormat::qcow2, "cluster_size=512"},
        {"qcow2", DiskFormat::qcow2, "cluster_size=2M"},
        {"qcow2", DiskFormat::qcow2, "lazy_refcounts=on"},
        {"qcow2", DiskFormat::qcow2, "refcount_bits=1"},
        {"qcow2", DiskFormat::qcow2, "refcount_bits=64"},
        {"qcow2", DiskFormat::qcow2, "preallocation=metadata"},
        {"qcow2", DiskFormat::qcow2, "preallocation=falloc"},
        {"qcow2", DiskFormat::qcow2, "compression_type=zstd"},
        {"qcow2", DiskFormat::qcow2, "extended_l2=on,cluster_size=128k"},
        {"vmdk", DiskFormat::vmdk, "subformat=monolithicSparse"},
        {"vmdk", DiskFormat::vmdk, "subformat=streamOptimized"},
        {"vpc", DiskFormat::vhd, "subformat=dynamic"},
        {"vpc", DiskFormat::vhd, "subformat=fixed"},
        {"vpc", DiskFormat::vhd, "subformat=dynamic,force_size=on"},
        {"vhdx", DiskFormat::vhdx, "subformat=dynamic"},
        {"vhdx", DiskFormat::vhdx, "subformat=fixed"},
        {"vhdx", DiskFormat::vhdx, "subformat=dynamic,block_size=1M"},
    };
    return kinds;
}

TEST_F(GateTest, accepts_empty_disks_of_every_kind) {
    for (const Kind& kind : accepted_kinds()) {
        SCOPED_TRACE(kind.qemu + " " + kind.options);
        create("empty", kind, "100M");
        expect_accepted("empty", kind);
    }
}

TEST_F(GateTest, accepts_disks_with_data_of_every_kind) {
    for (const Kind& kind : accepted_kinds()) {
        SCOPED_TRACE(kind.qemu + " " + kind.options);
        convert("full", kind);
        expect_accepted("full", kind);
    }
}

TEST_F(GateTest, accepts_compressed_disks) {
    const Kind zlib{"qcow2", DiskFormat::qcow2, ""};
    const Kind zstd{"qcow2", DiskFormat::qcow2, "compression_type=zstd"};
    for (const Kind& kind : {zlib, zstd}) {
        SCOPED_TRACE(kind.options);
        convert("compressed", kind, true);
        expect_accepted("compressed", kind);
    }
}

TEST_F(GateTest, accepts_what_qemu_wrote_after_a_snapshot_and_a_bitmap) {
    const Kind kind{"qcow2", DiskFormat::qcow2, ""};
    convert("disk", kind);
    qemu_img({"snapshot", "-c", "before", file("disk")});
    qemu_img({"bitmap", "--add", "-f", "qcow2", file("disk"), "changes"});
    run_checked({.arguments = {"qemu-io", "-f", "qcow2", "-c", "write -P 7 0 3M", "-c",
                               "write -z 5M 1M", "-c", "discard 20M 1M", file("disk")}});
    qemu_img({"snapshot", "-c", "after", file("disk")});

    expect_accepted("disk", kind);
    EXPECT_TRUE(ask("disk"));
}

TEST_F(GateTest, accepts_disks_that_were_made_larger) {
    const Kind kind{"qcow2", DiskFormat::qcow2, "cluster_size=4k"};
    convert("disk", kind);
    qemu_img({"resize", "-q", "-f", "qcow2", file("disk"), "3G"});

    expect_accepted("disk", kind);
}

TEST_F(GateTest, refuses_what_qemu_makes_of_several_files_or_in_other_formats) {
    convert("flat.vmdk", {"vmdk", DiskFormat::vmdk, "subformat=monolithicFlat"});
    convert("split.vmdk", {"vmdk", DiskFormat::vmdk, "subformat=twoGbMaxExtentSparse"});
    convert("disk.vdi", {"vdi", DiskFormat::raw, ""});
    convert("disk.qed", {"qed", DiskFormat::raw, ""});
    convert("disk.qcow", {"qcow", DiskFormat::raw, ""});
    qemu_img({"create", "-q", "-f", "qcow2", "-F", "raw", "-b", file("source.raw"),
              file("overlay.qcow2")});
    convert("external.qcow2",
            {"qcow2", DiskFormat::qcow2, "data_file=" + file("data.raw") + ",data_file_raw=on"});

    expect_refused("flat.vmdk", "VMDK descriptor");
    expect_refused("split.vmdk", "VMDK descriptor");
    expect_refused("split-s001.vmdk", "its descriptor is not of version 1");
    expect_refused("disk.vdi", "VDI");
    expect_refused("disk.qed", "QED");
    expect_refused("disk.qcow", "QCOW1");
    expect_refused("overlay.qcow2", "backing file");
    expect_refused("external.qcow2", "external data file");
}

TEST_F(GateTest, agrees_with_libqcow_wherever_that_can_read) {
    for (const Kind& kind : accepted_kinds()) {
        if (kind.qemu != "qcow2") continue;
        SCOPED_TRACE(kind.options);
        convert("disk", kind);
        const bool is_supported = kind.options.find("zstd") == std::string::npos &&
                                  kind.options.find("extended_l2") == std::string::npos;
        EXPECT_EQ(ask("disk"), is_supported);
    }
}

TEST_F(GateTest, refuses_a_disk_in_which_libqcow_sees_another_size) {
    convert("disk", {"qcow2", DiskFormat::qcow2, ""});
    const Fd fd = open("disk");
    InspectedDisk disk = inspect(fd.get(), std::nullopt).disks.at(0);
    disk.virtual_size = Bytes::mebibytes(41);

    try {
        ask_for_second_opinion(fd.get(), disk);
        FAIL() << "it agreed";
    } catch (const Error& error) {
        EXPECT_NE(error.message().find("41943040 bytes, not 42991616"), std::string::npos)
            << error.message();
    }
}

TEST_F(GateTest, refuses_a_disk_in_which_libqcow_sees_a_backing_file_or_nothing) {
    qemu_img({"create", "-q", "-f", "qcow2", "-F", "raw", "-b", file("source.raw"),
              file("overlay.qcow2")});
    const InspectedDisk claimed{DiskFormat::qcow2, Bytes::mebibytes(40), {}, {}};

    EXPECT_THROW(ask_for_second_opinion(open("overlay.qcow2").get(), claimed), Error);
    EXPECT_THROW(ask_for_second_opinion(open("source.raw").get(), claimed), Error);
}

TEST_F(GateTest, is_not_asked_about_other_formats) {
    convert("disk", {"vmdk", DiskFormat::vmdk, ""});

    EXPECT_FALSE(ask("source.raw"));
    EXPECT_FALSE(ask("disk"));
}

/// Qemu-img finds the images whole which the tests of each check begin with.
TEST_F(GateTest, has_makers_whose_images_qemu_can_read) {
    const auto check = [&](const tests::DiskFile& image, const Kind& kind) {
        SCOPED_TRACE(kind.qemu);
        tests::write_disk_file(image, file("made"));
        expect_accepted("made", kind);
        qemu_img({"convert", "-q", "-f", kind.qemu, "-O", "raw", file("made"), file("out.raw")});
        if (kind.qemu == "qcow2") qemu_img({"check", "-q", "-f", "qcow2", file("made")});
        return read_file(file("out.raw")).substr(0, 10);
    };
    const Kind qcow2{"qcow2", DiskFormat::qcow2, ""};
    const Kind vmdk{"vmdk", DiskFormat::vmdk, ""};
    const Kind vhd{"vpc", DiskFormat::vhd, ""};
    EXPECT_EQ(check(tests::make_qcow2(), qcow2), "guest data");
    EXPECT_EQ(check(tests::make_qcow2({.version = 2, .cluster_bits = 9}), qcow2), "guest data");
    EXPECT_EQ(check(tests::make_qcow2({.has_extended_l2 = true}), qcow2), "guest data");
    EXPECT_EQ(check(tests::make_vmdk(tests::VmdkKind::monolithic_sparse), vmdk), "guest data");
    check(tests::make_vmdk(tests::VmdkKind::stream_optimized), vmdk);
    EXPECT_EQ(check(tests::make_fixed_vhd(1 << 20), vhd), "guest data");
    EXPECT_EQ(check(tests::make_dynamic_vhd(), vhd), "guest data");
    EXPECT_EQ(check(tests::make_vhdx(), {"vhdx", DiskFormat::vhdx, ""}), "guest data");
}

TEST_F(GateTest, reads_the_size_of_a_vhd_as_qemu_does_whoever_made_it) {
    constexpr std::size_t footer = 1 << 20;
    for (const std::string& creator :
         {std::string("win "), std::string("qem2"), std::string("d2v "), std::string("tap\0", 4),
          std::string("CTXS"), std::string("wa\0\0", 4), std::string("vpc "), std::string("qemu"),
          std::string("vbox"), std::string("vs  ")}) {
        SCOPED_TRACE(creator);
        std::string bytes = tests::make_fixed_vhd(footer);
        tests::put_text(bytes, footer + 28, creator);
        tests::put_big_endian<std::uint16_t>(bytes, footer + 56, 20);
        tests::put_big_endian<std::uint16_t>(bytes, footer + 58, 0x0410);
        tests::seal_vhd(bytes);
        tests::write_disk_file(bytes, file("made.vhd"));
        expect_accepted("made.vhd", {"vpc", DiskFormat::vhd, ""});
    }
}

TEST_F(GateTest, lets_images_pass_that_qemu_makes_plain) {
    for (const tests::HostileImage& image : tests::hostile_images()) {
        if (image.outcome == tests::Outcome::refused) continue;
        SCOPED_TRACE(image.name);
        tests::write_disk_file(image.make(), file("odd"));
        EXPECT_NO_THROW(inspect(open("odd").get(), image.declared));
        qemu_img({"convert", "-q", "-f", "qcow2", "-O", "qcow2", file("odd"), file("plain")});
        expect_accepted("plain", {"qcow2", DiskFormat::qcow2, ""});
    }
}

TEST_F(GateTest, reads_an_archive_that_tar_packed) {
    convert("disk.vmdk", {"vmdk", DiskFormat::vmdk, "subformat=streamOptimized"});
    write_file_atomically(file("machine.ovf"), tests::make_ovf({"disk.vmdk"}), 0600);
    for (const char* format : {"ustar", "gnu"}) {
        run_checked(
            {.arguments = {"tar", std::string("--format=") + format, "-C", directory_.path(), "-cf",
                           file("machine.ova"), "machine.ovf", "disk.vmdk"}});

        const InspectedFile found = inspect(open("machine.ova").get(), DiskFormat::ova);

        ASSERT_EQ(found.disks.size(), 1);
        EXPECT_EQ(found.disks[0].virtual_size, Bytes::mebibytes(40));
    }
}

}  // namespace

}  // namespace kiln::builder::gate
