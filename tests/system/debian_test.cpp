#include <gtest/gtest.h>

#include <string>

#include "tests/system/kiln_host.hpp"

namespace kiln::tests {

namespace {

/// Private hosts have no way out, so the package is made in the guest.
constexpr const char* install_a_package =
    "mkdir -p p/DEBIAN p/usr/bin && printf '#!/bin/sh\\necho Hello\\n' > p/usr/bin/hello-kiln && "
    "chmod 755 p/usr/bin/hello-kiln && "
    "printf 'Package: hello-kiln\\nVersion: 1\\nArchitecture: all\\nMaintainer: t <t@t.invalid>\\n"
    "Description: says hello\\n' > p/DEBIAN/control && "
    "dpkg-deb --root-owner-group --build p p.deb && sudo dpkg -i p.deb";

/// The real thing once: a full Debian with systemd and cloud-init.
TEST(DebianTest, a_debian_guest_is_changed_captured_while_it_runs_and_launched_again) {
    const KilnHost host("debian-12");
    host.kiln_json({"create-key-pair", "--key-name", "k"});
    const Arguments options{"--key-name", "k", "--instance-type", "t3.small"};
    const std::string original = host.run_instance(host.image_id(), options);
    host.kiln_json({"describe-instance-status", "--instance-ids", original, "--wait"});
    host.ssh(original, "cloud-init status --wait");
    EXPECT_EQ(host.ssh(original, "cloud-id"), "aws") << "cloud-init did not find its Ec2 source";
    EXPECT_EQ(host.ssh(original, "hostname"), host.host_name(original));
    host.ssh(original, install_a_package);
    host.ssh(original, "echo made | sudo tee /etc/made && sudo sync");
    const std::string boot = host.ssh(original, "cat /proc/sys/kernel/random/boot_id");
    const std::string image = host.kiln_json({"create-image", "--instance-id", original, "--name",
                                              "golden-2", "--no-reboot", "--wait"})
                                  .at("ImageId");
    EXPECT_EQ(host.ssh(original, "cat /proc/sys/kernel/random/boot_id"), boot);

    const std::string copy = host.run_instance(image, options);
    host.kiln_json({"describe-instance-status", "--instance-ids", copy, "--wait"});
    host.ssh(copy, "cloud-init status --wait");
    EXPECT_EQ(host.ssh(copy, "hello-kiln"), "Hello");
    EXPECT_EQ(host.ssh(copy, "cat /etc/made"), "made");
    for (const char* identity : {"/etc/machine-id", "/etc/ssh/ssh_host_ed25519_key.pub"}) {
        const std::string command = std::string("cat ") + identity;
        EXPECT_NE(host.ssh(copy, command), host.ssh(original, command)) << identity;
    }
}

}  // namespace

}  // namespace kiln::tests
