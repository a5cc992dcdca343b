#include <fmt/format.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "hypervisor/domain/domain_xml.hpp"
#include "hypervisor/firmware/firmware.hpp"
#include "images/catalog/uefi_variables.hpp"
#include "images/firmware/uefi_data.hpp"
#include "launcher/bundles/image_document.hpp"
#include "tests/golden.hpp"
#include "tests/integration/launcher/launcher_fixture.hpp"

namespace kiln::tests {

namespace {

using hypervisor::GuestArchitecture;
using images::Architecture;
using images::BootMode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// What images ask of the machine, as it comes out in the domains of their instances.
class GuestKindsTest : public LauncherFixture {
  protected:
    /// The root of the golden image, registered anew.
    launcher::RegisterImageRequest machine(const std::string& name, Architecture architecture,
                                           BootMode boot_mode) {
        return {.name = name,
                .architecture = architecture,
                .boot_mode = boot_mode,
                .root_device_name = "/dev/sda1",
                .block_devices = {{.device_name = "/dev/sda1",
                                   .snapshot = image_now(golden()).block_devices.at(0).snapshot}}};
    }
    InstanceId run(const launcher::RegisterImageRequest& wanted, const std::string& type) {
        return run_image(launcher().register_image(caller(), wanted), type);
    }
    InstanceId run_image(const ImageId& image, const std::string& type) {
        auto launch = request();
        launch.image = image;
        launch.instance_type = type;
        return run_one(launch);
    }
    hypervisor::DomainSpec domain(const InstanceId& id) { return host().spec(id.str()); }
    std::string variables(const InstanceId& id) {
        return read_file(domain(id).uefi->variables, Bytes::mebibytes(64));
    }
    /// A store of the size that the firmware has, which begins with the words.
    static std::string store(std::string words) {
        const auto firmware = hypervisor::find_uefi_firmware(GuestArchitecture::x86_64).value();
        words.resize(std::filesystem::file_size(firmware.variables_template));
        return words;
    }
    std::string uefi_data(const ImageId& image) {
        return read([&](Session& session) { return images::uefi_data_of(session, image); });
    }
    /// With fixed words for what differs from run to run and from host to host.
    static hypervisor::DomainSpec without_ids(hypervisor::DomainSpec spec) {
        spec.name = "i-0123456789abcdef0";
        spec.uuid = "ec2a4b1c-0d9e-4f00-8abc-0123456789ab";
        spec.console_log = "/state/console.log";
        if (spec.uefi) spec.uefi->variables = "/state/variables.fd";
        if (spec.uefi) spec.uefi->code = "/firmware/" + spec.uefi->code.filename().string();
        for (hypervisor::InterfaceSpec& interface : spec.interfaces)
            interface.mac_address = "52:54:00:00:00:01";
        for (hypervisor::DiskSpec& disk : spec.disks) {
            if (disk.serial.starts_with("vol")) disk.serial = "vol0123456789abcdef0";
            for (std::size_t i = 0; i < disk.chain.size(); ++i)
                disk.chain[i].path = fmt::format("/{}/{}", disk.target, i);
        }
        return spec;
    }
    InstanceId run_secure() {
        auto wanted = machine("secure", Architecture::x86_64, BootMode::uefi);
        wanted.secure_boot = true;
        wanted.tpm_support = images::tpm_2_0;
        return run(wanted, "t3.micro");
    }
};

TEST_F(GuestKindsTest, a_bios_guest_has_no_variables) {
    const InstanceId id = run_one();
    EXPECT_FALSE(domain(id).uefi);
    EXPECT_FALSE(domain(id).has_tpm);
    EXPECT_EQ(error_code_of([&] { launcher().instance_uefi_data(caller(), id); }),
              "UnsupportedOperation");
}

TEST_F(GuestKindsTest, a_uefi_guest_has_variables_of_its_own_that_it_keeps) {
    const InstanceId id = run(machine("uefi", Architecture::x86_64, BootMode::uefi), "t3.micro");
    const auto firmware = hypervisor::find_uefi_firmware(GuestArchitecture::x86_64).value();
    EXPECT_EQ(domain(id).uefi->code, firmware.code);
    EXPECT_EQ(variables(id), read_file(firmware.variables_template));

    write_file_atomically(domain(id).uefi->variables, store("changed by the guest"), 0600);
    launcher().stop_instances(caller(), {id}, false);
    settle();
    launcher().start_instances(caller(), {id});
    settle();
    EXPECT_EQ(variables(id), store("changed by the guest"));
}

TEST_F(GuestKindsTest, an_image_of_a_uefi_guest_has_its_variables) {
    const InstanceId id = run(machine("uefi", Architecture::x86_64, BootMode::uefi), "t3.micro");
    write_file_atomically(domain(id).uefi->variables, store("changed by the guest"), 0600);
    const ImageId captured =
        launcher().create_image(caller(), {.instance = id, .name = "two", .no_reboot = true});
    settle();
    EXPECT_EQ(images::unpack_uefi_data(uefi_data(captured)).variables,
              store("changed by the guest"));
    EXPECT_EQ(uefi_data(captured), launcher().instance_uefi_data(caller(), id));
    EXPECT_EQ(variables(run_image(captured, "t3.micro")), store("changed by the guest"));

    launcher().deregister_image(caller(), captured, false);
    EXPECT_THAT(uefi_data(captured), IsEmpty());
}

TEST_F(GuestKindsTest, an_image_is_registered_with_variables) {
    auto wanted = machine("uefi", Architecture::x86_64, BootMode::uefi);
    wanted.uefi_data =
        images::pack_uefi_data({Architecture::x86_64, false, store("brought along")});
    EXPECT_EQ(variables(run(wanted, "t3.micro")), store("brought along"));

    wanted.name = "too small";
    wanted.uefi_data = images::pack_uefi_data({Architecture::x86_64, false, "brought along"});
    const InstanceId id = run(wanted, "t3.micro");
    EXPECT_EQ(state(id), images::InstanceState::terminated);
    EXPECT_THAT(instance_now(id).state_reason.message, HasSubstr("13 bytes"));
}

TEST_F(GuestKindsTest, variables_outlive_their_image_until_its_instances_have_begun) {
    auto wanted = machine("uefi", Architecture::x86_64, BootMode::uefi);
    wanted.uefi_data =
        images::pack_uefi_data({Architecture::x86_64, false, store("brought along")});
    const ImageId image = launcher().register_image(caller(), wanted);
    images::Instance pending = instance_now(run_image(image, "t3.micro"));
    pending.state = images::InstanceState::pending;
    write([&](Session& session) { images::update_instance(session, pending, now()); });
    launcher().deregister_image(caller(), image, false);
    EXPECT_EQ(uefi_data(image), wanted.uefi_data);

    pending.state = images::InstanceState::running;
    write([&](Session& session) {
        images::update_instance(session, pending, now());
        images::forget_unused_uefi_data(session);
    });
    EXPECT_THAT(uefi_data(image), IsEmpty());
}

TEST_F(GuestKindsTest, secure_boot_has_the_firmware_and_the_keys_for_it) {
    const InstanceId id = run_secure();
    const auto firmware = hypervisor::find_uefi_firmware(GuestArchitecture::x86_64, true).value();
    EXPECT_EQ(domain(id).uefi->code, firmware.code);
    EXPECT_TRUE(domain(id).uefi->protects_variables);
    EXPECT_EQ(variables(id), read_file(firmware.variables_template));

    const ImageId captured =
        launcher().create_image(caller(), {.instance = id, .name = "two", .no_reboot = true});
    settle();
    EXPECT_TRUE(image_now(captured).secure_boot);
    EXPECT_EQ(image_now(captured).tpm_support, images::tpm_2_0);
    EXPECT_TRUE(domain(run_image(captured, "t3.micro")).uefi->protects_variables);
}

TEST_F(GuestKindsTest, a_tpm_lives_as_long_as_its_instance) {
    const InstanceId id = run_secure();
    EXPECT_TRUE(domain(id).has_tpm);
    const std::string uuid = domain(id).uuid;
    launcher().stop_instances(caller(), {id}, false);
    settle();
    EXPECT_THAT(host().removed_tpms(), IsEmpty());
    launcher().terminate_instances(caller(), {id});
    settle();
    EXPECT_THAT(host().removed_tpms(), ElementsAre(uuid));
}

TEST_F(GuestKindsTest, a_tpm_whose_libvirt_was_away_goes_later) {
    const InstanceId id = run_secure();
    const std::string uuid = domain(id).uuid;
    host().fail_next("remove_tpm", Error("Unavailable", "", "libvirtd is being restarted"));
    launcher().terminate_instances(caller(), {id});
    settle();
    EXPECT_EQ(state(id), images::InstanceState::shutting_down);
    stop_service();
    start_service();
    EXPECT_EQ(state(id), images::InstanceState::terminated);
    EXPECT_THAT(host().removed_tpms(), ElementsAre(uuid));
}

TEST_F(GuestKindsTest, a_guest_of_another_architecture_has_its_firmware) {
    const InstanceId id = run(machine("arm", Architecture::arm64, BootMode::uefi), "t4g.micro");
    EXPECT_EQ(domain(id).architecture, GuestArchitecture::aarch64);
    EXPECT_THAT(domain(id).uefi->code.string(), HasSubstr("AAVMF"));
    EXPECT_LT(allocated_size(domain(id).uefi->variables), Bytes::mebibytes(2))
        << "of 64 MiB nearly all are zeros";

    const InstanceId narrow =
        run(machine("narrow", Architecture::i386, BootMode::legacy_bios), "t2.micro");
    EXPECT_EQ(domain(narrow).architecture, GuestArchitecture::i386);
}

TEST_F(GuestKindsTest, windows_gets_what_it_has_drivers_for) {
    images::Image image = image_now(golden());
    image.platform = images::windows_platform;
    image.os_id = "win11";
    write([&](Session& session) { images::update_image(session, image); });
    auto launch = request();
    EXPECT_EQ(error_code_of([&] { launcher().run_instances(caller(), launch); }),
              "InvalidParameterCombination")
        << "1 GiB is too little";
    launch.instance_type = "t3.medium";
    const InstanceId id = run_one(launch);
    EXPECT_EQ(domain(id).disks.at(0).bus, hypervisor::DiskBus::sata);
    EXPECT_EQ(domain(id).disks.at(0).target, "sda");
    EXPECT_EQ(domain(id).disks.back().serial, "kiln-seed");
    EXPECT_EQ(domain(id).disks.back().bus, hypervisor::DiskBus::sata) << "it can read its seed";
    EXPECT_EQ(domain(id).disks.back().target, "sdb");
    EXPECT_EQ(domain(id).interfaces.at(0).model, hypervisor::CardModel::e1000e);
    EXPECT_TRUE(domain(id).profile.local_time);
    const auto volume =
        launcher().create_volume(caller(), {.zone = "local-1a", .size = Bytes::gibibytes(1)});
    settle();
    EXPECT_EQ(error_code_of([&] {
                  launcher().attach_volume(
                      caller(), {.volume = volume.id, .instance = id, .device_name = "/dev/sdf"});
              }),
              "UnsupportedOperation");

    image.drivers = "virtio-disk virtio-network";
    write([&](Session& session) { images::update_image(session, image); });
    EXPECT_EQ(domain(run_one(launch)).disks.at(0).target, "vda");
}

TEST_F(GuestKindsTest, the_domain_of_windows_11) {
    auto wanted = machine("Windows 11", Architecture::x86_64, BootMode::uefi);
    wanted.secure_boot = true;
    wanted.tpm_support = images::tpm_2_0;
    images::Image image = image_now(launcher().register_image(caller(), wanted));
    image.platform = images::windows_platform;
    image.os_id = "win11";
    write([&](Session& session) { images::update_image(session, image); });
    expect_golden("windows_11.xml",
                  hypervisor::domain_xml(without_ids(domain(run_image(image.id, "t3.medium")))));
}

TEST_F(GuestKindsTest, the_domain_of_macos_on_apples_hardware) {
    const ImageId image = launcher().register_image(
        caller(), machine("macOS", Architecture::x86_64_mac, BootMode::uefi));
    EXPECT_EQ(error_code_of([&] { run_image(image, "mac1.metal"); }), "Unsupported");
    stop_service();
    set_system_vendor("Apple Inc.");
    settings().macos_boot_disk = directory() / "opencore.raw";
    settings().macos_smc_key = "words of the host, with a comma";
    write_file_atomically(settings().macos_boot_disk, "", 0644);
    host().set_memory(Bytes::gibibytes(64));
    start_service();
    const InstanceId id = run_image(image, "mac1.metal");
    EXPECT_EQ(domain(id).disks.at(0).chain.at(0).path, settings().macos_boot_disk);
    expect_golden("macos.xml", hypervisor::domain_xml(without_ids(domain(id))));
}

TEST_F(GuestKindsTest, what_an_image_asks_of_its_machines_goes_along_into_copies) {
    auto wanted = machine("secure", Architecture::x86_64, BootMode::uefi);
    wanted.tpm_support = images::tpm_2_0;
    wanted.uefi_data = images::pack_uefi_data({Architecture::x86_64, true, store("keys")});
    images::Image image = image_now(launcher().register_image(caller(), wanted));
    EXPECT_TRUE(image.secure_boot) << "the variables are of such a guest";
    image.platform = images::windows_platform;
    image.os_id = "win11";
    image.drivers = images::virtio_disk_driver;
    write([&](Session& session) { images::update_image(session, image); });

    const ImageId copy = launcher().copy_image(
        caller(), {.source_region = caller().region, .source = image.id, .name = "copy"});
    settle();
    const auto stored =
        launcher::parse_document(launcher::to_document(image, {}, uefi_data(image.id)), 1);
    EXPECT_EQ(stored.uefi_data, uefi_data(image.id));
    EXPECT_EQ(uefi_data(copy), uefi_data(image.id));
    for (const images::Image& made : {image_now(copy), stored.image}) {
        EXPECT_EQ(made.tpm_support, images::tpm_2_0);
        EXPECT_TRUE(made.secure_boot);
        EXPECT_EQ(made.platform, images::windows_platform);
        EXPECT_EQ(made.os_id, "win11");
        EXPECT_EQ(made.drivers, images::virtio_disk_driver);
    }
}

TEST_F(GuestKindsTest, a_captured_image_that_prefers_uefi_is_stored_with_its_variables) {
    const InstanceId id =
        run(machine("either", Architecture::x86_64, BootMode::uefi_preferred), "t3.micro");
    ASSERT_TRUE(domain(id).uefi);
    const ImageId captured =
        launcher().create_image(caller(), {.instance = id, .name = "two", .no_reboot = true});
    settle();
    const std::string document =
        launcher::to_document(image_now(captured), {}, uefi_data(captured));
    EXPECT_THAT(launcher::parse_document(document, 1).uefi_data, Not(IsEmpty()));
}

TEST_F(GuestKindsTest, a_stored_document_of_before_loses_what_made_no_difference_then) {
    images::Image image = image_now(golden());
    image.architecture = Architecture::arm64;
    image.kernel_id = "aki-11111111";
    auto document = nlohmann::json::parse(launcher::to_document(image, {}, ""));
    const auto read_document = [&] { return launcher::parse_document(document.dump(), 1); };
    EXPECT_EQ(error_code_of(read_document), "InvalidImageFile");
    for (const char* name : {"tpm_support", "secure_boot", "uefi_data", "os_id", "drivers"})
        document.erase(name);
    EXPECT_EQ(read_document().image.boot_mode, BootMode::uefi);
    EXPECT_EQ(read_document().image.kernel_id, "");
}

TEST_F(GuestKindsTest, a_password_that_the_guest_said_is_told) {
    const InstanceId id = run_one();
    EXPECT_THAT(launcher().password_data(caller(), id), IsEmpty());
    const std::filesystem::path log = domain(id).console_log;
    write_file_atomically(log, "<Password>\r\nc2VjcmV0\r\n</Password>\r\n", 0600);
    EXPECT_EQ(launcher().password_data(caller(), id), "c2VjcmV0");
    // libvirt begins a new part of the log wherever the guest is.
    write_file_atomically(log.string() + ".2", "<Pass", 0600);
    write_file_atomically(log.string() + ".1", "word>\r\nb3Ro", 0600);
    write_file_atomically(log.string() + ".0", "ZXI=\r\n", 0600);
    write_file_atomically(log, "</Password>\r\n", 0600);
    EXPECT_EQ(launcher().password_data(caller(), id), "b3RoZXI=");
}

TEST_F(GuestKindsTest, a_type_and_an_image_that_do_not_match_are_refused) {
    const ImageId arm =
        launcher().register_image(caller(), machine("arm", Architecture::arm64, BootMode::uefi));
    auto launch = request();
    launch.image = arm;
    for (const char* type : {"t3.micro", "t2.micro", "m1.small"}) {
        launch.instance_type = type;
        EXPECT_EQ(error_code_of([&] { launcher().run_instances(caller(), launch); }),
                  "InvalidParameterCombination");
    }
    EXPECT_EQ(error_message_of([&] { launcher().run_instances(caller(), launch); }),
              "The architecture 'i386,x86_64' of the specified instance type does not match the "
              "architecture 'arm64' of the specified AMI. Specify an instance type and an AMI that "
              "have matching architectures, and try again. You can use 'describe-instance-types' "
              "or 'describe-images' to discover the architecture of the instance type or AMI.");
    launch.image = golden();
    launch.instance_type = "t4g.micro";
    EXPECT_EQ(error_code_of([&] { launcher().run_instances(caller(), launch); }),
              "InvalidParameterCombination");
}

TEST_F(GuestKindsTest, guests_get_a_share_of_the_processors_by_their_type) {
    EXPECT_EQ(domain(run_one()).cpu_weight, 20U) << "2 vCPUs, 10 % of each";
    auto launch = request();
    launch.instance_type = "m5.large";
    EXPECT_EQ(domain(run_one(launch)).cpu_weight, 200U);
}

TEST_F(GuestKindsTest, types_of_the_configuration_are_launched) {
    stop_service();
    settings().instance_types = {
        {"lab.small", {.vcpus = 3, .memory = Bytes::mebibytes(96), .baseline_percent = 50}}};
    start_service();
    auto launch = request();
    launch.instance_type = "lab.small";
    const InstanceId id = run_one(launch);
    EXPECT_EQ(domain(id).vcpus, 3U);
    EXPECT_EQ(domain(id).memory, Bytes::mebibytes(96));

    stop_service();
    settings().instance_types.clear();
    start_service();
    launcher().stop_instances(caller(), {id}, false);
    settle();
    EXPECT_EQ(state(id), images::InstanceState::stopped) << "its type is gone, it is not";
    EXPECT_EQ(error_code_of([&] { launcher().start_instances(caller(), {id}); }),
              "InvalidParameterValue");
    launcher().terminate_instances(caller(), {id});
    settle();
    EXPECT_EQ(state(id), images::InstanceState::terminated);
}

}  // namespace

}  // namespace kiln::tests
