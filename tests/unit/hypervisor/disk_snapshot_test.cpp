#include "hypervisor/libvirt/disk_snapshot.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "tests/golden.hpp"

namespace kiln::hypervisor {
namespace {

TEST(DiskSnapshotXml, names_every_disk_and_switches_only_the_chosen_ones) {
    tests::expect_golden("disk_snapshot.xml",
                         disk_snapshot_xml({{.serial = "one", .overlay = "/pool/new.qcow2"},
                                            {.serial = "three", .overlay = "/pool/a&b.qcow2"}},
                                           {{.target = "vda", .serial = "one"},
                                            {.target = "vdb", .serial = "two"},
                                            {.target = "vdc", .serial = "three"},
                                            {.target = "vdd"}}));
}

TEST(DiskSnapshotXml, names_the_key_of_an_encrypted_overlay) {
    tests::expect_golden("encrypted_disk_snapshot.xml",
                         disk_snapshot_xml({{.serial = "one",
                                             .overlay = "/pool/new.qcow2",
                                             .key_id = "5f0e1d2c-3b4a-4968-8776-655443322110"}},
                                           {{.target = "vda", .serial = "one"}}));
}

TEST(DiskSnapshotXml, refuses_a_disk_that_the_domain_lacks) {
    EXPECT_THROW(disk_snapshot_xml({{.serial = "nine", .overlay = "/pool/new.qcow2"}},
                                   {{.target = "vda", .serial = "one"}}),
                 Error);
}

}  // namespace
}  // namespace kiln::hypervisor
