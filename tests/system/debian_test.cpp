#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "tests/places.hpp"
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

constexpr const char* shell_script =
    "#!/bin/sh\necho \"script as $(id -un) on $(hostname)\" >>/etc/user-data-ran\n";
constexpr const char* cloud_config =
    "#cloud-config\nwrite_files:\n- path: /etc/user-data-ran\n  content: |\n    cloud-config\n"
    "runcmd:\n- [sh, -c, 'echo runcmd >>/etc/user-data-ran']\n";

/// What curl gets in the guest, and the status code: by IMDSv1 or, with a token of its own, IMDSv2.
std::string curl_metadata(const KilnHost& host, const std::string& instance,
                          const std::string& mode, const std::string& path) {
    const std::string token = mode == "v1" ? ""
                                           : "-H \"X-aws-ec2-metadata-token: $(curl -s -X PUT "
                                             "-H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "
                                             "http://169.254.169.254/latest/api/token)\"";
    return host.ssh(
        instance,
        fmt::format("curl -s -w ' %{{http_code}}' {} http://169.254.169.254{}", token, path));
}

/// What the AWS SDK's client gets in the guest, where install_sdk() has put it.
nlohmann::json read_by_sdk(const KilnHost& host, const std::string& instance,
                           const std::string& mode, const std::string& path) {
    const std::string said =
        host.ssh(instance, fmt::format("sdk/run read-metadata.js {} {}", mode, path));
    return nlohmann::json::parse(said).at(path);
}

void install_sdk(const KilnHost& host, const std::string& instance) {
    const std::string archive = (host.home() / "sdk.tar").string();
    run_checked(
        {.arguments = {std::string(places::source_directory) + "/tests/clients/guest-archive",
                       archive}});
    std::ifstream file(archive, std::ios::binary);
    const std::string content(std::istreambuf_iterator<char>(file), {});
    const ProcessResult result =
        host.kiln({"ssh", instance, "mkdir sdk && tar -x -C sdk"}, content);
    ASSERT_EQ(result.exit_status, 0) << result.standard_error;
}

void expect_metadata_clients_work(const KilnHost& host, const std::string& instance) {
    install_sdk(host, instance);
    const std::string path = "/latest/meta-data/instance-id";
    const std::string address = "/latest/meta-data/local-ipv4";
    const nlohmann::json refused = {{"status", 401}};
    for (const char* mode : {"v1", "v2"}) {
        EXPECT_EQ(curl_metadata(host, instance, mode, path), instance + " 200") << mode;
        EXPECT_EQ(read_by_sdk(host, instance, mode, path), instance) << mode;
        EXPECT_EQ(read_by_sdk(host, instance, mode, address), host.private_address(instance));
    }
    host.kiln_json({"modify-instance-metadata-options", "--instance-id", instance, "--http-tokens",
                    "required"});
    EXPECT_TRUE(curl_metadata(host, instance, "v1", path).ends_with(" 401"));
    EXPECT_EQ(read_by_sdk(host, instance, "v1", path), refused);
    EXPECT_EQ(curl_metadata(host, instance, "v2", path), instance + " 200");
    EXPECT_EQ(read_by_sdk(host, instance, "v2", path), instance);
}

/// The real thing once: a full Debian with systemd and cloud-init.
TEST(DebianTest, a_debian_guest_is_changed_captured_while_it_runs_and_launched_again) {
    const KilnHost host("debian-12");
    host.kiln_json({"create-key-pair", "--key-name", "k"});
    const Arguments options{"--key-name", "k", "--instance-type", "t3.small"};
    Arguments with_script = options;
    with_script.insert(with_script.end(), {"--user-data", shell_script});
    Arguments with_cloud_config = options;
    with_cloud_config.insert(with_cloud_config.end(), {"--user-data", cloud_config});
    const std::string original = host.run_instance(host.image_id(), with_script);
    host.kiln_json({"describe-instance-status", "--instance-ids", original, "--wait"});
    host.ssh(original, "cloud-init status --wait");
    EXPECT_EQ(host.ssh(original, "cloud-id"), "aws") << "cloud-init did not find its Ec2 source";
    EXPECT_EQ(host.ssh(original, "hostname"), host.host_name(original));
    EXPECT_EQ(host.ssh(original, "cat /etc/user-data-ran"),
              "script as root on " + host.host_name(original));
    expect_metadata_clients_work(host, original);
    host.ssh(original, install_a_package);
    host.ssh(original, "echo made | sudo tee /etc/made && sudo sync");
    const std::string boot = host.ssh(original, "cat /proc/sys/kernel/random/boot_id");
    const std::string image = host.kiln_json({"create-image", "--instance-id", original, "--name",
                                              "golden-2", "--no-reboot", "--wait"})
                                  .at("ImageId");
    EXPECT_EQ(host.ssh(original, "cat /proc/sys/kernel/random/boot_id"), boot);

    const std::string copy = host.run_instance(image, with_cloud_config);
    host.kiln_json({"describe-instance-status", "--instance-ids", copy, "--wait"});
    host.ssh(copy, "cloud-init status --wait");
    EXPECT_EQ(host.ssh(copy, "cat /etc/user-data-ran"), "cloud-config\nruncmd");
    EXPECT_EQ(host.ssh(copy, "hello-kiln"), "Hello");
    EXPECT_EQ(host.ssh(copy, "cat /etc/made"), "made");
    for (const char* identity : {"/etc/machine-id", "/etc/ssh/ssh_host_ed25519_key.pub"}) {
        const std::string command = std::string("cat ") + identity;
        EXPECT_NE(host.ssh(copy, command), host.ssh(original, command)) << identity;
    }
}

}  // namespace

}  // namespace kiln::tests
