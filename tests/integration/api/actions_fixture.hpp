#pragma once

#include <string>

#include "base/file.hpp"
#include "builder/import/import_request.hpp"
#include "images/bundles/bundle.hpp"
#include "images/bundles/stored_image.hpp"
#include "images/catalog/bucket.hpp"
#include "images/catalog/bundle_task.hpp"
#include "images/catalog/export_task.hpp"
#include "images/catalog/import_task.hpp"
#include "images/catalog/permission.hpp"
#include "images/catalog/store_image_task.hpp"
#include "launcher/bundles/image_document.hpp"
#include "tests/integration/api/api_fixture.hpp"

namespace kiln::api::tests {

/// What tests of many actions do again and again.
class ActionsTest : public ApiFixture {
  protected:
    std::string launch(const WirePairs& more = {}) {
        WirePairs pairs{{"ImageId", golden().str()},
                        {"InstanceType", "t3.micro"},
                        {"MinCount", "1"},
                        {"MaxCount", "1"}};
        pairs.insert(pairs.end(), more.begin(), more.end());
        const std::string id = done("RunInstances", pairs).text("//instancesSet/item/instanceId");
        settle();
        return id;
    }
    void stop(const std::string& instance) {
        done("StopInstances", {{"InstanceId.1", instance}});
        settle();
    }
    std::string attribute(const std::string& instance, const std::string& name) {
        return done("DescribeInstanceAttribute", {{"InstanceId", instance}, {"Attribute", name}})
            .text("//" + name + "/value");
    }
    std::string root_volume() { return done("DescribeVolumes").text("//volumeId"); }
    std::string new_volume() {
        const std::string id =
            done("CreateVolume", {{"AvailabilityZone", "local-1a"}, {"Size", "1"}})
                .text("//volumeId");
        settle();
        return id;
    }
    std::string new_group(const std::string& name) {
        return done("CreateSecurityGroup", {{"GroupName", name}, {"GroupDescription", "for tests"}})
            .text("//groupId");
    }
    /// A request about one rule for a block of addresses.
    static WirePairs rule_pairs(const std::string& group, const std::string& protocol,
                                const std::string& port, const std::string& range) {
        return {{"GroupId", group},
                {"IpPermissions.1.IpProtocol", protocol},
                {"IpPermissions.1.FromPort", port},
                {"IpPermissions.1.ToPort", port},
                {"IpPermissions.1.IpRanges.1.CidrIp", range}};
    }
    /// One that goes on, and nobody works at it.
    std::string insert_import_task() {
        const images::ImportTask task{
            .id = images::ImportImageTaskId::generate().str(),
            .owner = caller().account,
            .region = caller().region,
            .state = images::TaskState::active,
            .request = builder::to_json(
                {.request = {.disks = {{.source = builder::DiskUrl{"https://example.com/d"}}}}}),
            .created = now()};
        write([&](Session& session) { images::insert_import_task(session, task); });
        return task.id;
    }
    /// One that goes on, without a job.
    std::string insert_bundle_task() {
        const images::BundleTask task{.id = images::BundleTaskId::generate(),
                                      .owner = caller().account,
                                      .region = caller().region,
                                      .instance = InstanceId::generate(),
                                      .bucket = "bundles",
                                      .prefix = "web",
                                      .state = images::BundleTaskState::storing,
                                      .started = now(),
                                      .updated = now()};
        write([&](Session& session) { images::insert_bundle_task(session, task); });
        return task.id.str();
    }
    /// One that is in that state, without a file.
    std::string insert_export_task(images::ExportTaskState state) {
        const images::ExportTask task{.id = images::ExportTaskId::generate(),
                                      .owner = caller().account,
                                      .region = caller().region,
                                      .image = golden(),
                                      .format = images::DiskImageFormat::vmdk,
                                      .state = state,
                                      .started = now(),
                                      .updated = SystemClock().now()};
        write([&](Session& session) { images::insert_export_task(session, task); });
        return task.id.str();
    }
    /// A bundle of a file in the caller's bucket "bundles".
    void write_bundle(const std::string& prefix) {
        write([&](Session& session) {
            images::claim_bucket(session, caller().account, "bundles", now());
        });
        const std::filesystem::path file = directory() / "bundled.raw";
        write_file_atomically(file, "a disk", 0600);
        images::write_bundle(
            store(), {.bucket = "bundles", .prefix = prefix}, file,
            {.name = prefix,
             .user = caller().account.str(),
             .architecture = "x86_64",
             .block_device_mapping = {{.virtual_name = "ami", .device = "sda1"},
                                      {.virtual_name = "ephemeral0", .device = "sdb"}}},
            nullptr, {});
    }
    /// The key of a stored image in the caller's bucket "bundles".
    std::string write_stored_image() {
        write_bundle("beside");
        images::Image image = this->image("stored", SnapshotId::generate());
        images::write_stored_image(store(), {.bucket = "bundles", .key = "stored.bin"},
                                   {.document = launcher::to_document(image, {}, ""),
                                    .files = {directory() / "bundled.raw"}},
                                   nullptr, {});
        return "stored.bin";
    }
    void insert_store_task() {
        const ImageId image = ImageId::generate();
        write([&](Session& session) {
            images::put_store_image_task(session, {.image = image,
                                                   .bucket = "bundles",
                                                   .object_key = image.str() + ".bin",
                                                   .owner = caller().account,
                                                   .region = caller().region,
                                                   .state = images::StoreTaskState::completed,
                                                   .started = now()});
        });
    }
    /// Another account's, which the caller may launch.
    std::string insert_shared_image() {
        images::Image image = this->image("shared");
        image.owner = stranger().owner;
        write([&](Session& session) {
            images::insert_image(session, image);
            images::grant(session, image.id, caller().account.str());
        });
        return image.id.str();
    }
    std::string root_snapshot() {
        return done("DescribeSnapshots").text("//snapshotSet/item/snapshotId");
    }
};

}  // namespace kiln::api::tests
