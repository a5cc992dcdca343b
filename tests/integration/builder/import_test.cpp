#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

#include "base/error.hpp"
#include "base/text.hpp"
#include "images/accounts/account.hpp"
#include "images/bundles/object_store.hpp"
#include "images/catalog/bucket.hpp"
#include "images/catalog/permission.hpp"
#include "images/catalog/quota.hpp"
#include "images/catalog/tag.hpp"
#include "images/layers/qcow2_header.hpp"
#include "tests/disk_image_makers.hpp"
#include "tests/integration/builder/import_fixture.hpp"
#include "tests/integration/builder/silent_mirror.hpp"

namespace kiln::builder {

namespace {

namespace fs = std::filesystem;
using images::ImportTask;
using images::TaskState;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using tests::error_code_of;
using tests::error_message_of;

constexpr const char* mark = "what a guest once wrote";
constexpr std::size_t mebibyte = 1U << 20U;

class ImportTest : public tests::ImportFixture {
  protected:
    /// 3 MiB with something in the middle of it.
    fs::path raw_disk(const std::string& name = "disk.raw") {
        std::string bytes(3 * mebibyte, '\0');
        bytes.replace(mebibyte, std::string_view(mark).size(), mark);
        std::ofstream(file(name), std::ios::binary) << bytes;
        return file(name);
    }
    fs::path converted(const std::string& format, const std::string& options = "") {
        fs::path target = file("disk." + format);
        std::vector<std::string> arguments{"convert", "-f", "raw", "-O", format};
        if (!options.empty()) arguments.insert(arguments.end(), {"-o", options});
        arguments.insert(arguments.end(), {raw_disk().string(), target.string()});
        qemu_img(arguments);
        return target;
    }
    void expect_same_content(const fs::path& layer, const fs::path& raw) {
        qemu_img({"compare", "-f", "qcow2", "-F", "raw", layer.string(), raw.string()});
    }
    void expect_nothing_left() { EXPECT_TRUE(!fs::exists(imports()) || fs::is_empty(imports())); }
    void expect_refused(const ImportTask& task, const std::string& words) {
        EXPECT_EQ(task.state, TaskState::deleted);
        EXPECT_THAT(task.message, HasSubstr(words));
        EXPECT_EQ(layer_count(), 1U) << "that of the fixture's image";
        expect_nothing_left();
    }
    static void expect_refused_snapshot(const ImportTask& task) {
        EXPECT_EQ(task.state, TaskState::deleted);
        EXPECT_THAT(task.message, HasSubstr("the archive has 2 disks"));
    }
    /// A task as a service leaves it that was killed right after it had answered. The request's
    /// disks are uploads.
    ImportTask begun_by_a_service_that_was_killed(const std::string& id,
                                                  const ImportImageRequest& request) {
        const ImportTask task{.id = id,
                              .owner = caller().account,
                              .region = caller().region,
                              .state = TaskState::active,
                              .request = to_json({.request = request}),
                              .created = now()};
        write([&](Session& session) {
            for (const DiskContainer& disk : request.disks)
                images::delete_upload(session, std::get<images::UploadId>(disk.source));
            images::insert_import_task(session, task);
        });
        return task;
    }
    DiskContainer container(const fs::path& disk) { return {.source = upload(disk)}; }
};

TEST_F(ImportTest, a_disk_of_each_format_becomes_a_snapshot_with_its_content) {
    struct Case {
        std::string format;
        std::string options;
    };
    for (const auto& [format, options] :
         {Case{"raw", ""}, Case{"qcow2", ""}, Case{"qcow2", "compression_type=zstd"},
          Case{"vmdk", "subformat=monolithicSparse"}, Case{"vmdk", "subformat=streamOptimized"},
          Case{"vpc", "subformat=dynamic,force_size=on"},
          Case{"vpc", "subformat=fixed,force_size=on"}, Case{"vhdx", "subformat=dynamic"}}) {
        SCOPED_TRACE(format + " " + options);
        const fs::path disk = format == "raw" ? raw_disk() : converted(format, options);

        const ImportTask task = import_file(disk);

        ASSERT_EQ(task.state, TaskState::completed) << task.message;
        const fs::path layer = layer_of(task);
        expect_same_content(layer, raw_disk());
        EXPECT_FALSE(images::backing_file_of(layer));
        struct stat status {};
        ASSERT_EQ(::stat(layer.c_str(), &status), 0);
        EXPECT_EQ(status.st_uid, ::geteuid()) << "nobody else's any more";
        EXPECT_EQ(imported_snapshots(task).at(0).size, Bytes::mebibytes(3));
        expect_nothing_left();
    }
}

TEST_F(ImportTest, snapshots_and_bitmaps_within_a_qcow2_file_are_left_behind) {
    const fs::path disk = converted("qcow2");
    qemu_img({"snapshot", "-c", "inner", disk.string()});
    qemu_img({"bitmap", "--add", "-f", "qcow2", disk.string(), "changes"});

    const ImportTask task = import_file(disk);

    ASSERT_EQ(task.state, TaskState::completed) << task.message;
    const std::string information =
        run_checked({.arguments = {"qemu-img", "info", "-f", "qcow2", layer_of(task).string()}});
    EXPECT_THAT(information, Not(HasSubstr("inner")));
    EXPECT_THAT(information, Not(HasSubstr("changes")));
}

TEST_F(ImportTest, an_image_has_the_disks_of_the_request_in_their_order) {
    const ImportTask task = finish(importer().import_image(
        caller(), {.disks = {container(raw_disk("root")), container(raw_disk("data"))},
                   .name = "imported",
                   .description = "from elsewhere",
                   .architecture = images::Architecture::arm64,
                   .login_user = "anna",
                   .image_tags = {{.key = "k", .value = "v"}}}));

    ASSERT_EQ(task.state, TaskState::completed) << task.message;
    const images::Image image = image_now(task.image.value());
    EXPECT_EQ(image.state, images::ImageState::available);
    EXPECT_EQ(image.name, "imported");
    EXPECT_EQ(image.description, "from elsewhere");
    EXPECT_EQ(image.architecture, images::Architecture::arm64);
    EXPECT_EQ(image.boot_mode, images::BootMode::uefi) << "there is no other for arm64";
    EXPECT_EQ(image.login_user, "anna");
    ASSERT_THAT(image.block_devices, SizeIs(2));
    EXPECT_EQ(image.block_devices[0].device_name, "/dev/xvda");
    EXPECT_EQ(image.block_devices[1].device_name, "/dev/xvdb");
    EXPECT_EQ(image.root_device_name, "/dev/xvda");
    const auto tags =
        read([&](Session& s) { return images::tags_of(s, caller().scope(), image.id.str()); });
    EXPECT_THAT(tags, SizeIs(1));
    EXPECT_THAT(task.message, HasSubstr("no operating system was found"))
        << "which is no reason to refuse it";
}

TEST_F(ImportTest, without_a_name_the_image_has_the_tasks) {
    const ImportTask task =
        finish(importer().import_image(caller(), {.disks = {container(raw_disk())}}));
    EXPECT_EQ(image_now(task.image.value()).name, task.id);
}

TEST_F(ImportTest, the_checksum_is_compared_before_anything_is_read_of_the_disk) {
    const fs::path disk = raw_disk();
    const std::string right = sha256_hex(read_file(disk));
    EXPECT_EQ(import_file(disk, "", right).state, TaskState::completed);
    const ImportTask task = import_file(disk, "", std::string(64, '0'));
    EXPECT_EQ(task.state, TaskState::deleted);
    EXPECT_THAT(task.message, HasSubstr("the file has the SHA-256 " + right));
    expect_nothing_left();
}

TEST_F(ImportTest, a_file_that_is_not_what_is_said_of_it_is_refused) {
    expect_refused(import_file(converted("qcow2"), "vmdk"), "ClientError");
    expect_refused(import_file(converted("qcow2"), "raw"), "ClientError");
}

TEST_F(ImportTest, a_disk_larger_than_the_account_may_have_is_refused) {
    write([&](Session& session) {
        images::insert_account(session,
                               {.id = caller().account, .name = "owner", .created = now()});
        images::set_quota(session, caller().account, images::Quota::volume_gib, 2);
    });
    const fs::path disk = file("large.qcow2");
    qemu_img({"create", "-q", "-f", "qcow2", disk.string(), "3G"});
    expect_refused(import_file(disk), "volume");
}

TEST_F(ImportTest, an_upload_is_taken_piece_by_piece_in_order_and_used_once) {
    Uploads& uploads = importer().uploads();
    const images::Upload begun = uploads.create(caller(), {6});
    EXPECT_EQ(uploads.append(caller(), begun.id, {0}, "abc"), Bytes{3});
    EXPECT_EQ(error_code_of([&] { uploads.append(caller(), begun.id, {0}, "abc"); }),
              "IncorrectOffset");
    EXPECT_THAT(error_message_of([&] { uploads.append(caller(), begun.id, {9}, "abc"); }),
                HasSubstr("3 bytes of"));
    const ImportSnapshotRequest request{.disk = {.source = begun.id}};
    EXPECT_EQ(error_code_of([&] { importer().import_snapshot(caller(), request); }),
              "IncompleteUpload");
    EXPECT_EQ(error_code_of([&] { uploads.append(caller(), begun.id, {3}, "defg"); }),
              "InvalidParameterValue")
        << "more than was declared";
    EXPECT_EQ(error_code_of([&] {
                  uploads.append({.account = stranger().owner, .region = caller().region}, begun.id,
                                 {3}, "def");
              }),
              "InvalidUploadId.NotFound");
    EXPECT_EQ(uploads.append(caller(), begun.id, {3}, "def"), Bytes{6});
    finish(importer().import_snapshot(caller(), request));
    EXPECT_EQ(error_code_of([&] { importer().import_snapshot(caller(), request); }),
              "InvalidUploadId.NotFound");
}

TEST_F(ImportTest, a_deleted_upload_leaves_nothing) {
    const images::UploadId id = upload(raw_disk());
    importer().uploads().remove(caller(), id);
    expect_nothing_left();
    EXPECT_EQ(error_code_of([&] { importer().uploads().remove(caller(), id); }),
              "InvalidUploadId.NotFound");
}

TEST_F(ImportTest, what_is_sent_to_be_imported_is_nobody_elses_to_read) {
    const images::UploadId id = upload(raw_disk());
    struct stat status {};
    ASSERT_EQ(::stat((imports() / id.str()).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0600U);
}

TEST_F(ImportTest, an_object_of_a_bucket_of_ones_own_is_imported) {
    const images::ObjectName object{.bucket = "disks", .key = "a/disk.raw"};
    const auto writer = store().put(object);
    writer->write(read_file(raw_disk()));
    writer->commit();
    const ImportSnapshotRequest request{.disk = {.source = object}};
    EXPECT_EQ(error_code_of([&] { importer().import_snapshot(caller(), request); }), "NoSuchBucket")
        << "it is nobody's yet";
    write([&](Session& s) { images::claim_bucket(s, caller().account, "disks", now()); });
    const ImportTask task = finish(importer().import_snapshot(caller(), request));
    ASSERT_EQ(task.state, TaskState::completed) << task.message;
    expect_same_content(layer_of(task), raw_disk());
}

TEST_F(ImportTest, an_import_that_is_cut_off_begins_again_and_ends) {
    const images::UploadId id = upload(raw_disk());
    stop_importer();
    const ImportTask cut_off = begun_by_a_service_that_was_killed(
        images::ImportSnapshotTaskId::generate().str(), {.disks = {{.source = id}}});
    fs::create_directories(imports() / cut_off.id / "0");
    std::ofstream(imports() / cut_off.id / "0" / "disk-0.qcow2") << "the beginning of a disk";

    start_importer();

    const ImportTask task = finish(cut_off);
    ASSERT_EQ(task.state, TaskState::completed) << task.message;
    expect_same_content(layer_of(task), raw_disk());
    expect_nothing_left();
}

TEST_F(ImportTest, an_import_that_is_cut_off_right_before_its_end_has_its_file_still) {
    const images::UploadId id = upload(raw_disk());
    stop_importer();
    const ImportTask cut_off = begun_by_a_service_that_was_killed(
        images::ImportSnapshotTaskId::generate().str(), {.disks = {{.source = id}}});
    const fs::path place = imports() / cut_off.id / "0";
    fs::create_directories(place);
    fs::rename(imports() / id.str(), place / "file");
    qemu_img({"create", "-q", "-f", "qcow2", (place / "disk-0.qcow2").string(), "3M"});

    start_importer();

    const ImportTask task = finish(cut_off);
    ASSERT_EQ(task.state, TaskState::completed) << task.message;
    expect_same_content(layer_of(task), raw_disk());
    expect_nothing_left();
}

TEST_F(ImportTest, a_snapshot_that_another_account_shares_is_not_taken) {
    const ImportTask own = import_file(raw_disk());
    const SnapshotId snapshot = imported_snapshots(own).at(0).id;
    const ImportImageRequest request{.disks = {{.source = snapshot}}};
    const ImportTask task = finish(importer().import_image(caller(), request));
    ASSERT_EQ(task.state, TaskState::completed) << task.message;
    EXPECT_EQ(image_now(task.image.value()).block_devices.at(0).snapshot, snapshot);

    write([&](Session& session) {
        images::insert_account(session,
                               {.id = stranger().owner, .name = "stranger", .created = now()});
        images::grant(session, snapshot, stranger().owner.str());
    });
    const images::Caller stranger_calls{.account = stranger().owner, .region = caller().region};
    EXPECT_EQ(error_code_of([&] { importer().import_image(stranger_calls, request); }),
              "UnsupportedOperation");
}

TEST_F(ImportTest, each_disk_of_an_archive_and_of_others_has_a_device_of_its_own) {
    const auto write_ova = [&] {
        std::ofstream(file("two.ova"), std::ios::binary)
            << tests::make_tar({{"machine.ovf", tests::make_ovf({"a.vmdk", "b.vmdk"})},
                                {"a.vmdk", tests::make_vmdk(tests::VmdkKind::stream_optimized)},
                                {"b.vmdk", tests::make_vmdk(tests::VmdkKind::stream_optimized)}});
        return file("two.ova");
    };
    const ImportTask task = finish(importer().import_image(
        caller(), {.disks = {{.source = upload(write_ova())},
                             {.source = upload(raw_disk()), .device_name = "/dev/xvdb"}}}));
    ASSERT_EQ(task.state, TaskState::completed) << task.message;
    std::vector<std::string> names;
    for (const auto& device : image_now(task.image.value()).block_devices)
        names.push_back(device.device_name);
    EXPECT_THAT(names, testing::ElementsAre("/dev/xvda", "/dev/xvdb", "/dev/xvdc"));
    EXPECT_EQ(imported_snapshots(task).at(2).device_name, "/dev/xvdb") << "of the second file";

    expect_refused_snapshot(
        finish(importer().import_snapshot(caller(), {.disk = {.source = upload(write_ova())}})));
}

TEST_F(ImportTest, what_no_task_knows_is_removed_at_the_start) {
    stop_importer();
    fs::create_directories(imports() / "import-ami-0123456789abcdef0/0");
    std::ofstream(imports() / "upload-0123456789abcdef0") << "forgotten";
    start_importer();
    expect_nothing_left();
}

TEST_F(ImportTest, a_canceled_import_leaves_nothing_and_cannot_be_canceled_again) {
    tests::SilentMirror silent;
    images::Caller administrator = caller();
    administrator.administrator = true;
    const ImportTask task = importer().import_snapshot(
        administrator, {.disk = {.source = DiskUrl{silent.address() + "/disk"}}});
    silent.wait_for_caller();

    importer().cancel_import_task(caller(), task.id, "not wanted");

    EXPECT_EQ(task_now(task.id).state, TaskState::deleted);
    EXPECT_EQ(task_now(task.id).message, "canceled: not wanted");
    expect_nothing_left();
    EXPECT_EQ(error_code_of([&] { importer().cancel_import_task(caller(), task.id, ""); }),
              "IncorrectState");
    EXPECT_EQ(error_code_of([&] { importer().cancel_import_task(caller(), "import-ami-x", ""); }),
              "InvalidConversionTaskId");
}

TEST_F(ImportTest, urls_lead_neither_to_link_local_addresses_nor_for_most_to_this_host) {
    const auto message_of = [&](const std::string& url) {
        return finish(importer().import_snapshot(caller(), {.disk = {.source = DiskUrl{url}}}))
            .message;
    };
    EXPECT_THAT(message_of("http://169.254.169.254/latest/user-data"), HasSubstr("link-local"));
    EXPECT_THAT(message_of("http://[::ffff:169.254.169.254]/"), HasSubstr("link-local"));
    EXPECT_THAT(message_of("http://127.0.0.1:1/disk"), HasSubstr("this host itself"));
    EXPECT_THAT(message_of("http://localhost:1/disk"), HasSubstr("this host itself"));
    EXPECT_THAT(message_of("http://0.0.0.0:1/disk"), HasSubstr("this host itself"));
    EXPECT_THAT(message_of("http://[::1]:1/disk"), HasSubstr("this host itself"));
    expect_nothing_left();
}

TEST_F(ImportTest, bad_requests_are_refused_at_once) {
    const auto code = [&](const ImportImageRequest& request) {
        return error_code_of([&] { importer().import_image(caller(), request); });
    };
    const DiskContainer url{.source = DiskUrl{"https://example.com/disk"}};
    EXPECT_EQ(code({}), "InvalidParameterValue") << "no disk";
    for (const char* bad : {"ftp://example.com/d", "file:///etc/passwd", "/etc/passwd", "", "a b"})
        EXPECT_EQ(code({.disks = {{.source = DiskUrl{bad}}}}), "InvalidParameterValue") << bad;
    EXPECT_EQ(code({.disks = {{.source = url.source, .format = "qed"}}}), "InvalidParameterValue");
    EXPECT_EQ(code({.disks = {{.source = url.source, .sha256 = "abc"}}}), "InvalidParameterValue");
    EXPECT_EQ(code({.disks = {url}, .name = "x"}), "InvalidAMIName.Malformed");
    EXPECT_EQ(code({.disks = {url}, .login_user = "a b"}), "InvalidParameterValue");
    EXPECT_EQ(code({.disks = {{.source = url.source, .device_name = "/dev/sda1"},
                              {.source = url.source, .device_name = "/dev/sda1"}}}),
              "InvalidParameterValue");
    EXPECT_EQ(code({.disks = {{.source = images::UploadId::generate()}}}),
              "InvalidUploadId.NotFound");
    EXPECT_EQ(code({.disks = {{.source = SnapshotId::generate()}}}), "InvalidSnapshot.NotFound");
}

TEST_F(ImportTest, a_request_that_is_repeated_with_its_token_is_done_once) {
    const ImportImageRequest request{.disks = {container(raw_disk())}, .client_token = "t"};
    const ImportTask first = importer().import_image(caller(), request);
    EXPECT_EQ(importer().import_image(caller(), request).id, first.id);
    ImportImageRequest other = request;
    other.description = "another";
    EXPECT_EQ(error_code_of([&] { importer().import_image(caller(), other); }),
              "IdempotentParameterMismatch");
}

TEST_F(ImportTest, a_dry_run_changes_nothing) {
    images::Caller asking = caller();
    asking.dry_run = true;
    const images::UploadId id = upload(raw_disk());
    EXPECT_EQ(error_code_of([&] { importer().import_snapshot(asking, {.disk = {.source = id}}); }),
              "DryRunOperation");
    EXPECT_EQ(error_code_of([&] { importer().uploads().create(asking, {1}); }), "DryRunOperation");
    importer().uploads().remove(caller(), id);
}

TEST_F(ImportTest, a_name_that_is_taken_is_refused_at_once_and_the_upload_stays) {
    const images::UploadId id = upload(raw_disk());
    EXPECT_EQ(error_code_of([&] {
                  importer().import_image(caller(), {.disks = {{.source = id}}, .name = "golden"});
              }),
              "InvalidAMIName.Duplicate");
    importer().uploads().remove(caller(), id);
}

TEST_F(ImportTest, a_name_that_another_image_takes_meanwhile_fails_the_task_and_leaves_nothing) {
    const images::UploadId id = upload(raw_disk());
    stop_importer();
    const ImportTask begun = begun_by_a_service_that_was_killed(
        images::ImportImageTaskId::generate().str(), {.disks = {{.source = id}}, .name = "golden"});
    start_importer();
    expect_refused(finish(begun), "AMI name golden is already in use");
}

}  // namespace

}  // namespace kiln::builder
