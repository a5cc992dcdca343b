#pragma once

#include <gmock/gmock.h>

#include <string>
#include <utility>

#include "base/file.hpp"
#include "base/process.hpp"
#include "launcher/instances/domain_plan.hpp"
#include "tests/integration/launcher/launcher_fixture.hpp"

namespace kiln::tests {

/// A launcher over a fake host, and what tests of volumes and snapshots do with it.
class VolumesFixture : public LauncherFixture {
  protected:
    images::Volume volume_now(const VolumeId& id) {
        return read([&](Session& session) { return images::find_volume(session, id).value(); });
    }
    bool is_deleted(const VolumeId& id) {
        return read([&](Session& session) { return !images::find_volume(session, id); });
    }
    images::Snapshot snapshot_now(const SnapshotId& id) {
        return read([&](Session& session) { return images::find_snapshot(session, id).value(); });
    }
    VolumeId create(launcher::CreateVolumeRequest wanted) {
        if (wanted.zone.empty()) wanted.zone = "local-1a";
        const VolumeId id = launcher().create_volume(caller(), wanted).id;
        settle();
        return id;
    }
    VolumeId create_empty() { return create({.size = Bytes::gibibytes(1)}); }
    void attach(const VolumeId& volume, const InstanceId& instance,
                const std::string& device = "/dev/sdf") {
        launcher().attach_volume(caller(),
                                 {.volume = volume, .instance = instance, .device_name = device});
        settle();
    }
    void detach(const VolumeId& volume) {
        launcher().detach_volume(caller(), {.volume = volume});
        settle();
    }
    SnapshotId snap(const VolumeId& volume) {
        const SnapshotId id = launcher().create_snapshot(caller(), {.volume = volume}).id;
        settle();
        return id;
    }
    void stop(const InstanceId& id) {
        launcher().stop_instances(caller(), {id}, false);
        settle();
    }
    bool guest_has(const InstanceId& instance, const VolumeId& volume) {
        return host().active_file(instance.str(), launcher::serial_of(volume)).has_value();
    }
    /// Writes a text at the beginning of a volume that nobody has.
    void write_to(const VolumeId& volume, const std::string& text) {
        const std::string file = directory() / "text";
        write_file_atomically(file, text + std::string(512 - text.size(), '.'), 0600);
        run_checked({.arguments = {"qemu-io", "-f", "qcow2", "-c", "write -q -s " + file + " 0 512",
                                   layer_file(volume)}});
    }
    std::string content_of(const VolumeId& volume) {
        return run_checked({.arguments = {"qemu-io", "-f", "qcow2", "-r", "-c", "read -v 0 32",
                                          layer_file(volume)}});
    }
    std::string layer_file(const VolumeId& volume) {
        return pool().path_of(volume_now(volume).layer.value()).string();
    }
    template <class Work>
    void expect_refused(const std::string& code, Work&& work) {
        const auto layers = layer_count();
        EXPECT_EQ(error_code_of(std::forward<Work>(work)), code);
        settle();
        EXPECT_EQ(open_operation_count(), 0U);
        EXPECT_EQ(layer_count(), layers);
    }
};

}  // namespace kiln::tests
