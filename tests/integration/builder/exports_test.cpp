#include <algorithm>

#include "base/file.hpp"
#include "base/text.hpp"
#include "images/catalog/encryption_key.hpp"
#include "images/catalog/permission.hpp"
#include "images/catalog/quota.hpp"
#include "images/catalog/region.hpp"
#include "images/catalog/usage.hpp"
#include "images/layers/collection.hpp"
#include "images/layers/qcow2_header.hpp"
#include "images/market/product.hpp"
#include "images/market/product_code.hpp"
#include "tests/integration/builder/exports_fixture.hpp"

namespace kiln::builder {

namespace {

namespace fs = std::filesystem;
using images::DiskImageFormat;
using images::ExportTaskId;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// Files

class ExportsTest : public ExportsFixture {};

struct DiskCase {
    DiskImageFormat format;
    const char* driver;
};
class EveryDiskFormat : public ExportsFixture, public ::testing::WithParamInterface<DiskCase> {};

TEST_P(EveryDiskFormat, is_fetched_as_it_was_made_and_holds_what_the_image_holds) {
    start_tasks();
    const ExportTaskId id = done({.image = image(), .format = GetParam().format});
    const fs::path file = fetched_file(id);
    EXPECT_EQ(task_now(id).file_size, Bytes{fs::file_size(file)});
    EXPECT_EQ(task_now(id).sha256, sha256_hex(read_file(file, Bytes::gibibytes(1))));
    expect_same(GetParam().driver, file, image());
    EXPECT_EQ(open_operation_count(), 0U);
}

INSTANTIATE_TEST_SUITE_P(table, EveryDiskFormat,
                         ::testing::Values(DiskCase{DiskImageFormat::qcow2, "qcow2"},
                                           DiskCase{DiskImageFormat::raw, "raw"},
                                           DiskCase{DiskImageFormat::vmdk, "vmdk"},
                                           DiskCase{DiskImageFormat::vhd, "vpc"},
                                           DiskCase{DiskImageFormat::vhdx, "vhdx"}),
                         [](const auto& test) { return std::string(test.param.driver); });

TEST_F(ExportsTest, a_delta_stands_on_the_exported_base_beside_it) {
    start_tasks();
    const ExportTaskId whole = done({.image = base(), .format = qcow2});
    const ExportTaskId delta = done({.image = image(), .format = qcow2, .base = base()});
    fetched_file(whole);
    const fs::path file = fetched_file(delta);
    EXPECT_EQ(images::backing_file_of(file), base().str() + ".qcow2");
    EXPECT_LT(task_now(delta).file_size, task_now(whole).file_size);
    expect_same("qcow2", file, image());
}

TEST_F(ExportsTest, an_ova_is_a_descriptor_a_disk_and_a_manifest_of_both) {
    start_tasks();
    const ExportTaskId id = done({.image = image(), .format = DiskImageFormat::ova});
    const fs::path file = fetched_file(id);
    const std::string name = image().str();
    EXPECT_EQ(run_checked({.arguments = {"tar", "--list", "--file", file}}),
              name + ".ovf\n" + name + "-disk1.vmdk\n" + name + ".mf\n")
        << "in the order in which OVF has them";
    run_checked({.arguments = {"tar", "--extract", "--file", file, "--directory", directory()}});
    const fs::path disk = directory() / (name + "-disk1.vmdk");
    expect_same("vmdk", disk, image());
    EXPECT_EQ(read_file(directory() / (name + ".mf")),
              "SHA256(" + name + ".ovf)= " + sha256_hex(read_file(directory() / (name + ".ovf"))) +
                  "\nSHA256(" + name + "-disk1.vmdk)= " + sha256_hex(read_file(disk)) + "\n");
    const std::string descriptor = read_file(directory() / (name + ".ovf"));
    EXPECT_THAT(descriptor, HasSubstr("ovf:size=\"" + std::to_string(fs::file_size(disk)) + "\""));
    EXPECT_THAT(descriptor, HasSubstr("ovf:capacity=\"67108864\""));
    EXPECT_THAT(read_file(file, Bytes::gibibytes(1)), Not(HasSubstr(pool().directory().string())));
}

TEST_F(ExportsTest, a_disk_without_a_system_becomes_no_box) {
    start_tasks();
    const ExportTaskId id = begin({.image = image(), .format = DiskImageFormat::vagrant_libvirt});
    settle_tasks();
    EXPECT_EQ(state_of(id), "deleted");
    EXPECT_THAT(task_now(id).status_message, HasSubstr("no operating system"));
    EXPECT_TRUE(nothing_is_kept());
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(ExportsTest, files_are_private_to_the_service) {
    start_tasks();
    const ExportTaskId id = done({.image = image(), .format = qcow2});
    EXPECT_EQ(fs::status(exports_directory()).permissions(), fs::perms(0700));
    const fs::path directory = exports_directory() / id.str();
    EXPECT_EQ(fs::status(directory).permissions(), fs::perms(0700));
    EXPECT_THAT(std::vector<fs::path>(fs::directory_iterator(directory), {}), SizeIs(1))
        << "nothing of the work is left";
}

// Buckets

TEST_F(ExportsTest, a_file_for_a_bucket_is_an_object_there_and_charged) {
    start_tasks();
    const ExportTaskId id =
        done({.image = image(),
              .format = DiskImageFormat::vmdk,
              .location = images::ObjectPrefix{.bucket = "exports", .prefix = "web/"}});
    const images::ObjectName object{.bucket = "exports", .key = "web/" + id.str() + ".vmdk"};
    EXPECT_EQ(store().size(object), task_now(id).file_size);
    EXPECT_EQ(sha256_hex(fetched(id)), task_now(id).sha256) << "it can be fetched from there, too";
    EXPECT_TRUE(nothing_is_kept());
    const auto charged = [&] {
        return read([&](Session& session) {
            return images::list_usage(
                session, caller().account,
                {.since = Time{}, .until = clock().now() + std::chrono::hours(1)});
        });
    };
    const auto is_of_object = [&](const images::UsageRecord& record) {
        return record.usage.resource_id == to_text(object);
    };
    ASSERT_EQ(std::ranges::count_if(charged(), is_of_object), 1);
    clock().advance(std::chrono::hours(48));
    exports().remove_expired();
    settle_tasks();
    EXPECT_EQ(state_of(id), "completed") << "an object stays until somebody removes it";

    exports().delete_exported_image(caller(), id);
    settle_tasks();
    EXPECT_EQ(state_of(id), "deleted");
    EXPECT_THROW(store().size(object), Error);
    const auto records = charged();
    EXPECT_TRUE(std::ranges::find_if(records, is_of_object)->ended);
}

TEST_F(ExportsTest, a_bucket_of_another_account_is_refused) {
    write([&](Session& session) {
        images::claim_bucket(session, stranger().owner, "theirs", clock().now());
    });
    const ExportRequest request{.image = image(),
                                .format = qcow2,
                                .location = images::ObjectPrefix{.bucket = "theirs", .prefix = ""}};
    EXPECT_EQ(tests::error_code_of([&] { begin(request); }), "BucketAlreadyExists");
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(ExportsTest, an_object_that_the_store_cannot_have_is_refused_at_once) {
    for (const char* prefix : {"/web/", "a//b", "../"}) {
        const ExportRequest request{
            .image = image(),
            .format = qcow2,
            .location = images::ObjectPrefix{.bucket = "exports", .prefix = prefix}};
        EXPECT_EQ(tests::error_code_of([&] { begin(request); }), "InvalidParameterValue") << prefix;
    }
    EXPECT_EQ(open_operation_count(), 0U);
}

// The life of a task

TEST_F(ExportsTest, a_task_that_a_crash_cut_off_is_begun_again) {
    const ExportTaskId id = begin();
    const fs::path left = exports_directory() / id.str();
    fs::create_directories(left);
    write_file_atomically(left / (image().str() + ".qcow2"), "half of a file", 0600);
    write_file_atomically(left / "overlay.qcow2", "scratch", 0600);
    stop_exports();
    EXPECT_EQ(state_of(id), "active");

    start_exports();
    start_tasks();
    settle_tasks();
    EXPECT_EQ(state_of(id), "completed");
    expect_same("qcow2", fetched_file(id), image());
    EXPECT_FALSE(fs::exists(left / "overlay.qcow2"));
}

TEST_F(ExportsTest, a_service_that_stops_leaves_its_tasks_for_the_next_start) {
    std::vector<ExportTaskId> ids;
    for (int i = 0; i < 3; ++i)
        ids.push_back(begin());
    start_tasks();
    stop_exports();  // whatever it was doing
    start_exports();
    start_tasks();
    settle_tasks();
    for (const ExportTaskId& id : ids)
        EXPECT_EQ(state_of(id), "completed") << task_now(id).status_message;
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(ExportsTest, a_canceled_task_leaves_nothing) {
    const ExportTaskId waiting = begin();
    const fs::path left = exports_directory() / waiting.str();
    fs::create_directories(left);
    exports().cancel_export_task(caller(), waiting);
    EXPECT_EQ(state_of(waiting), "deleting");
    start_tasks();
    settle_tasks();
    EXPECT_EQ(state_of(waiting), "deleted");
    EXPECT_EQ(task_now(waiting).status_message, "canceled by the user");
    EXPECT_TRUE(nothing_is_kept());
    EXPECT_EQ(open_operation_count(), 0U);

    const ExportTaskId running = begin({.image = image(), .format = DiskImageFormat::ova});
    const std::string code =
        tests::error_code_of([&] { exports().cancel_export_task(caller(), running); });
    settle_tasks();
    if (code.empty()) {
        EXPECT_EQ(state_of(running), "deleted");
        EXPECT_TRUE(nothing_is_kept());
    } else {
        EXPECT_EQ(code, "IncorrectState") << "it was quicker";
    }
    EXPECT_EQ(tests::error_code_of([&] { exports().cancel_export_task(caller(), waiting); }),
              "IncorrectState");
}

TEST_F(ExportsTest, a_failure_is_told_and_leaves_nothing) {
    const ExportTaskId id = begin();
    const fs::path layer = pool().path_of(layer_of(image()));
    fs::permissions(layer, fs::perms::owner_write, fs::perm_options::add);
    fs::resize_file(layer, 0);
    start_tasks();
    settle_tasks();
    EXPECT_EQ(state_of(id), "deleted");
    EXPECT_THAT(task_now(id).status_message, Not(IsEmpty()));
    EXPECT_TRUE(nothing_is_kept());
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(ExportsTest, an_image_that_is_deregistered_meanwhile_is_exported_all_the_same) {
    const ExportTaskId id = begin();
    const auto snapshot = image_now(image()).block_devices.at(0).snapshot.value();
    const LayerId layer = layer_of(image());
    write([&](Session& session) {
        images::set_image_state(session, image(), images::ImageState::deregistered);
        images::delete_snapshot(session, snapshot, clock().now());
    });
    images::collect_layers(database(), pool(), caller().region);
    EXPECT_TRUE(pool().exists(layer));
    start_tasks();
    settle_tasks();
    EXPECT_EQ(state_of(id), "completed") << task_now(id).status_message;
    EXPECT_FALSE(pool().exists(layer)) << "nobody needs it now";
}

TEST_F(ExportsTest, a_file_goes_a_day_after_it_was_made_and_its_task_a_week_later) {
    start_tasks();
    const ExportTaskId id = done({.image = image(), .format = qcow2});
    clock().advance(std::chrono::hours(23));
    exports().remove_expired();
    settle_tasks();
    EXPECT_EQ(state_of(id), "completed");
    clock().advance(std::chrono::hours(1));
    exports().remove_expired();
    settle_tasks();
    EXPECT_EQ(state_of(id), "deleted");
    EXPECT_THAT(task_now(id).status_message, HasSubstr("not fetched within a day"));
    EXPECT_TRUE(nothing_is_kept());
    clock().advance(std::chrono::hours(7 * 24 + 1));
    exports().remove_expired();
    EXPECT_FALSE(read([&](Session& session) { return images::find_export_task(session, id); }));
}

TEST_F(ExportsTest, what_was_fetched_is_removed_by_whoever_fetched_it) {
    start_tasks();
    const ExportTaskId id = done({.image = image(), .format = qcow2});
    exports().delete_exported_image(caller(), id);
    settle_tasks();
    EXPECT_TRUE(nothing_is_kept());
    EXPECT_EQ(tests::error_code_of([&] { fetched(id); }), "IncorrectState");
    EXPECT_EQ(tests::error_code_of([&] { exports().delete_exported_image(caller(), id); }),
              "IncorrectState");
}

TEST_F(ExportsTest, a_file_that_is_kept_keeps_its_region) {
    start_tasks();
    const ExportTaskId id = done({.image = image(), .format = qcow2});
    const auto holdings = [&] {
        return read(
            [&](Session& session) { return images::describe_holdings(session, caller().region); });
    };
    EXPECT_THAT(holdings(), HasSubstr("1 export"));
    exports().delete_exported_image(caller(), id);
    settle_tasks();
    EXPECT_THAT(holdings(), Not(HasSubstr("export")));
}

TEST_F(ExportsTest, the_same_client_token_begins_it_once) {
    ExportRequest request{.image = image(), .format = qcow2, .client_token = "t"};
    const ExportTaskId id = begin(request);
    EXPECT_EQ(begin(request), id);
    request.format = DiskImageFormat::raw;
    EXPECT_EQ(tests::error_code_of([&] { begin(request); }), "IdempotentParameterMismatch");
    EXPECT_EQ(open_operation_count(), 1U);
}

TEST_F(ExportsTest, a_dry_run_does_nothing) {
    images::Caller asker = caller();
    asker.dry_run = true;
    const auto code = tests::error_code_of(
        [&] { exports().export_image(asker, {.image = image(), .format = qcow2}); });
    EXPECT_EQ(code, "DryRunOperation");
    EXPECT_EQ(open_operation_count(), 0U);
}

// Reading

TEST_F(ExportsTest, a_range_is_read_within_the_file) {
    start_tasks();
    const ExportTaskId id = done({.image = image(), .format = DiskImageFormat::raw});
    const auto read_range = [&](std::uint64_t offset, std::uint64_t length) {
        return exports().read(caller(), id, {.offset = {offset}, .length = {length}});
    };
    EXPECT_EQ(read_range(1U << 20U, 3), "\2\2\2");
    EXPECT_EQ(read_range((1U << 20U) - 1, 2), "\1\2");
    EXPECT_EQ(read_range(0, Bytes::gibibytes(1).value).size(), max_export_piece.value);
    EXPECT_EQ(read_range(Bytes::mebibytes(64).value - 5, 100).size(), 5U);
    EXPECT_EQ(read_range(Bytes::mebibytes(64).value, 100), "");
    EXPECT_EQ(tests::error_code_of([&] { read_range(Bytes::mebibytes(64).value + 1, 1); }),
              "InvalidParameterValue");
}

TEST_F(ExportsTest, a_task_is_its_owners_alone) {
    start_tasks();
    const ExportTaskId id = done({.image = image(), .format = qcow2});
    const images::Caller stranger = stranger_caller();
    const images::Caller elsewhere{.account = caller().account, .region = "local-2"};
    for (const images::Caller& asker : {stranger, elsewhere}) {
        const auto expect_unknown = [&](const std::function<void()>& work) {
            EXPECT_EQ(tests::error_code_of(work), "InvalidExportTaskID.NotFound");
        };
        expect_unknown([&] { exports().read(asker, id, {.offset = {0}, .length = {1}}); });
        expect_unknown([&] { exports().cancel_export_task(asker, id); });
        expect_unknown([&] { exports().delete_exported_image(asker, id); });
    }
}

TEST_F(ExportsTest, nothing_is_read_of_what_is_not_completed) {
    const ExportTaskId id = begin();
    EXPECT_EQ(tests::error_code_of([&] { fetched(id); }), "IncorrectState");
}

// Who may export what

class ExportRefusals : public ExportsFixture {
  protected:
    std::string refusal(const images::Caller& asker, const ExportRequest& request) {
        const std::string code =
            tests::error_code_of([&] { exports().export_image(asker, request); });
        EXPECT_EQ(open_operation_count(), 0U);
        return code;
    }
    std::string refusal(const ExportRequest& request) { return refusal(caller(), request); }
    std::string refusal() { return refusal({.image = image(), .format = qcow2}); }
};

TEST_F(ExportRefusals, only_an_images_owner_exports_it) {
    const ExportRequest request{.image = image(), .format = qcow2};
    make_account_of_stranger();
    EXPECT_EQ(refusal(stranger_caller(), request), "InvalidAMIID.NotFound");
    make_public(image());
    write([&](Session& session) {
        images::grant(session, *image_now(image()).block_devices.at(0).snapshot,
                      stranger().owner.str());
    });
    EXPECT_EQ(refusal(stranger_caller(), request), "AuthFailure")
        << "whoever may launch it, and make volumes of its snapshot, may still not export it";
}

TEST_F(ExportRefusals, a_snapshot_that_is_not_the_owners_is_not_exported) {
    make_account_of_stranger();
    write([&](Session& session) {
        run_sql(session, "update snapshots set owner = :owner where snapshot_id = :id",
                {{"owner", stranger().owner.str()},
                 {"id", image_now(image()).block_devices.at(0).snapshot->str()}});
    });
    EXPECT_EQ(refusal(), "InvalidSnapshot.NotFound");
}

TEST_F(ExportRefusals, what_is_encrypted_would_be_in_clear) {
    const auto snapshot = *image_now(image()).block_devices.at(0).snapshot;
    write([&](Session& session) {
        images::insert_encryption_key(
            session,
            {.id = "k", .owner = caller().account, .region = caller().region, .created = now()});
        run_sql(session, "update snapshots set key_id = 'k' where snapshot_id = :id",
                {{"id", snapshot.str()}});
    });
    const std::string message = tests::error_message_of([&] { begin(); });
    EXPECT_THAT(message, HasSubstr("encrypted"));
    EXPECT_THAT(message, HasSubstr("copy what may leave"));
    EXPECT_EQ(refusal(), "UnsupportedOperation");
}

TEST_F(ExportRefusals, what_is_sold_is_not_exported) {
    const std::string snapshot = image_now(image()).block_devices.at(0).snapshot->str();
    const std::string code = images::new_product_code();
    make_account_of_stranger();
    write([&](Session& session) {
        images::insert_product(session,
                               {.code = code,
                                .seller = stranger().owner,
                                .name = "Web server",
                                .created = clock().now()},
                               Decimal::parse("0.5").value());
        images::add_product_codes(session, snapshot, {code});
    });
    EXPECT_EQ(refusal(), "NotExportable");
    write([&](Session& session) { images::add_product_codes(session, image().str(), {code}); });
    EXPECT_EQ(refusal(), "NotExportable");
}

TEST_F(ExportRefusals, an_image_must_be_available_with_one_disk) {
    change_image(image(), [](images::Image& image) {
        image.block_devices.push_back({.device_name = "/dev/sdb",
                                       .snapshot = image.block_devices.at(0).snapshot,
                                       .volume_size = Bytes::gibibytes(1)});
    });
    EXPECT_EQ(refusal(), "UnsupportedOperation");
    change_image(image(), [](images::Image& image) {
        image.block_devices.at(1).snapshot.reset();  // an empty volume is nothing to export
    });
    EXPECT_EQ(tests::error_code_of([&] {
                  images::Caller asker = caller();
                  asker.dry_run = true;
                  exports().export_image(asker, {.image = image(), .format = qcow2});
              }),
              "DryRunOperation");
    change_image(image(), [](images::Image& image) {
        image.root_device_type = images::DeviceType::instance_store;
    });
    EXPECT_EQ(refusal(), "UnsupportedOperation");
    change_image(image(), [](images::Image& image) { image.state = images::ImageState::pending; });
    EXPECT_EQ(refusal(), "InvalidAMIID.Unavailable");
}

TEST_F(ExportRefusals, a_format_must_fit_the_image) {
    const ExportRequest box{.image = image(), .format = DiskImageFormat::vagrant_libvirt};
    change_image(image(),
                 [](images::Image& image) { image.architecture = images::Architecture::arm64; });
    EXPECT_EQ(refusal(box), "UnsupportedOperation");
    change_image(image(), [](images::Image& image) {
        image.architecture = images::Architecture::x86_64;
        image.platform = images::windows_platform;
    });
    EXPECT_EQ(refusal(box), "UnsupportedOperation");
    change_image(image(), [](images::Image& image) {
        image.platform = "";
        image.virtualization_type = images::VirtualizationType::paravirtual;
    });
    EXPECT_EQ(refusal(box), "UnsupportedOperation");
    EXPECT_EQ(refusal({.image = image(), .format = DiskImageFormat::ova}), "UnsupportedOperation");
}

TEST_F(ExportRefusals, a_base_goes_with_qcow2_and_is_one_that_the_caller_may_launch) {
    EXPECT_EQ(refusal({.image = image(), .format = DiskImageFormat::vmdk, .base = base()}),
              "InvalidParameterCombination");
    EXPECT_EQ(refusal({.image = image(), .format = qcow2, .base = image()}),
              "InvalidParameterCombination");
    make_account_of_stranger();
    change_image(base(), [&](images::Image& image) { image.owner = stranger().owner; });
    EXPECT_EQ(refusal({.image = image(), .format = qcow2, .base = base()}), "AuthFailure");
    make_public(base());
    begin({.image = image(), .format = qcow2, .base = base()});
}

TEST_F(ExportsTest, an_account_has_five_exports_at_once) {
    for (int i = 0; i < 5; ++i)
        begin();
    EXPECT_EQ(tests::error_code_of([&] { begin(); }), "ResourceLimitExceeded");
    start_tasks();
    settle_tasks();
    begin();
}

TEST_F(ExportsTest, the_volume_quota_counts_what_is_kept) {
    write([&](Session& session) {
        images::insert_account(
            session, {.id = caller().account, .name = "somebody", .created = clock().now()});
        images::set_quota(session, caller().account, images::Quota::volume_gib, 2);
    });
    const ExportTaskId first = begin();
    begin();
    EXPECT_EQ(tests::error_code_of([&] { begin(); }), "VolumeLimitExceeded");
    start_tasks();
    settle_tasks();
    EXPECT_EQ(tests::error_code_of([&] { begin(); }), "VolumeLimitExceeded");
    exports().delete_exported_image(caller(), first);
    settle_tasks();
    begin();
}

TEST_F(ExportsTest, a_full_pool_refuses_the_request) {
    stop_exports();
    TaskThreads threads;
    hypervisor::Accelerators accelerators = tests::emulating_all();
    Exports full({.database = database(),
                  .regions = regions(),
                  .store = store(),
                  .accelerators = accelerators,
                  .clock = clock(),
                  .threads = threads,
                  .free_space_reserve = {free_space(pool().directory()).value * 2}});
    EXPECT_EQ(tests::error_code_of(
                  [&] { full.export_image(caller(), {.image = image(), .format = qcow2}); }),
              "InsufficientInstanceCapacity");
    EXPECT_EQ(open_operation_count(), 0U);
}

}  // namespace

}  // namespace kiln::builder
