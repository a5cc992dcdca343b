#include "launcher/paravirtual/pv_plan.hpp"

#include <gmock/gmock.h>

#include "images/catalog/pv_kernels.hpp"
#include "launcher/instances/launch_plan.hpp"
#include "tests/catalog_fixture.hpp"

namespace kiln::tests {

namespace {

using ::testing::ElementsAre;

class PvPlanTest : public CatalogFixture {
  protected:
    const launcher::InstanceTypes types_;
    const launcher::InstanceType& type_ = types_.get("t1.micro");
};

TEST_F(PvPlanTest, the_machine_holds_the_guest_and_what_runs_it) {
    const hypervisor::DomainSpec machine =
        launcher::appliance_machine(type_, hypervisor::Accelerator::tcg);
    EXPECT_EQ(machine.vcpus, type_.vcpus + 1) << "Linux has its own";
    EXPECT_GT(machine.memory, type_.memory);
    EXPECT_EQ(machine.memory,
              launcher::memory_of_machine(type_, images::VirtualizationType::paravirtual));
    EXPECT_EQ(launcher::memory_of_machine(type_, images::VirtualizationType::hvm), type_.memory);
    EXPECT_THAT(machine.processor_without, ElementsAre("smap", "smep"));
    EXPECT_GE(machine.spare_disk_slots, launcher::max_disks + 2) << "all disks, a seed and a card";
}

TEST_F(PvPlanTest, xens_own_memory_grows_with_the_guests) {
    const auto own = [&](const char* name) {
        const launcher::InstanceType& type = types_.get(name);
        return launcher::memory_of_machine(type, images::VirtualizationType::paravirtual).value -
               type.memory.value;
    };
    EXPECT_GT(own("m3.2xlarge"), own("t1.micro") + Bytes::mebibytes(300).value);
}

TEST_F(PvPlanTest, disks_are_named_as_they_are_mapped) {
    const auto names = [&](const std::vector<std::string>& devices) {
        launcher::InstanceWithVolumes described{.instance = instance(ImageId::generate()),
                                                .volumes = {}};
        described.instance.root_device_name = devices.front();
        for (const std::string& device : devices) {
            images::Volume volume{.id = VolumeId::generate(), .owner = caller().account};
            volume.attachment =
                images::VolumeAttachment{.instance = described.instance.id, .device_name = device};
            described.volumes.push_back(volume);
        }
        std::vector<std::string> made;
        for (const launcher::PvDisk& disk : launcher::pv_disks(described))
            made.push_back(disk.name);
        return made;
    };
    EXPECT_THAT(names({"/dev/sda1", "/dev/sdf", "/dev/xvdk"}), ElementsAre("xvda", "xvdf", "xvdk"));
    EXPECT_THAT(names({"/dev/xvda", "/dev/sdb", "xvdc"}), ElementsAre("xvda", "xvdb", "xvdc"));
    // A partition's name, one that is taken, and the seed's.
    EXPECT_THAT(names({"/dev/sdb", "/dev/sda", "/dev/sdc1", "/dev/sdz"}),
                ElementsAre("xvda", "xvdb", "xvdc", "xvdd"));
}

TEST_F(PvPlanTest, the_guest_is_described_for_the_appliance) {
    images::Instance guest = instance(ImageId::generate());
    guest.kernel_id = images::pv_kernel_id("hd00", images::Architecture::i386);
    guest.domain_uuid = "ec2a4b1c-0d9e-4f00-8abc-0123456789ab";
    const auto description = [&] {
        return launcher::describe(
            {.instance = guest,
             .type = type_,
             .disks = {{.serial = "vol1", .name = "xvda"}, launcher::pv_seed("kiln-seed")},
             .mac_address = "02:00:00:00:00:01",
             .now = from_epoch_ms(1'700'000'000'999)});
    };
    EXPECT_EQ(description(),
              "kernel=pv-grub-hd00-i386\n"
              "memory=627\n"
              "vcpus=1\n"
              "uuid=ec2a4b1c-0d9e-4f00-8abc-0123456789ab\n"
              "mac=02:00:00:00:00:01\n"
              "time=1700000000\n"
              "disk=vol1,xvda,w\n"
              "disk=kiln-seed,xvdz,r\n");
    guest.kernel_id = "aki-00000000";
    EXPECT_EQ(error_code_of(description), "UnsupportedOperation");
}

}  // namespace

}  // namespace kiln::tests
