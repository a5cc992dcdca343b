#include "base/settings.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <optional>

#include "base/error.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln {

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// An environment in which only the test's own settings stand.
class SettingsTest : public ::testing::Test {
  protected:
    SettingsTest() {
        for (const char* name : {"KILN_CONFIG", "KILN_STATE_DIR", "KILN_SOCKET", "KILN_REGION",
                                 "KILN_LIBVIRT_URI", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "HOME"}) {
            const char* value = ::getenv(name);
            saved_[name] = value == nullptr ? std::nullopt : std::optional<std::string>(value);
            ::unsetenv(name);
        }
        set("HOME", directory_.path().string());
    }
    ~SettingsTest() override {
        for (const auto& [name, value] : saved_) {
            value ? ::setenv(name.c_str(), value->c_str(), 1) : ::unsetenv(name.c_str());
        }
    }
    SettingsTest(const SettingsTest&) = delete;
    SettingsTest& operator=(const SettingsTest&) = delete;

    static void set(const char* name, const std::string& value) {
        ::setenv(name, value.c_str(), 1);
    }
    std::string path(const std::string& name) const { return (directory_.path() / name).string(); }
    void configure(const std::string& yaml) const {
        std::ofstream(path("kiln.yaml")) << yaml;
        set("KILN_CONFIG", path("kiln.yaml"));
        set("KILN_STATE_DIR", path("state"));
    }
    /// The message of the refusal; "" when the settings load.
    static std::string refusal() {
        try {
            load_settings();
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), "InvalidConfiguration");
            return error.message();
        }
        return "";
    }

    tests::TemporaryDirectory directory_;

  private:
    std::map<std::string, std::optional<std::string>> saved_;
};

TEST_F(SettingsTest, an_empty_file_gives_the_built_in_values) {
    configure("");

    const Settings settings = load_settings();

    EXPECT_EQ(settings.region, "local-1");
    EXPECT_THAT(settings.zones, ElementsAre("local-1a"));
    EXPECT_EQ(settings.free_space_reserve, Bytes::mebibytes(1024));
    EXPECT_EQ(settings.memory_reserve, Bytes::mebibytes(512));
    EXPECT_EQ(settings.build_cache_size, Bytes::gibibytes(20));
    EXPECT_EQ(settings.state_directory, path("state"));
    EXPECT_EQ(settings.socket, path("state/kiln.sock")) << "beside a state directory of one's own";
    EXPECT_EQ(settings.libvirt_uri, ::geteuid() == 0 ? "qemu:///system" : "qemu:///session");
    EXPECT_EQ(settings.guest_users, (UserRange{.first = 2130706432, .last = 2130771967}));
}

TEST_F(SettingsTest, guests_may_all_run_as_one_user) {
    configure("guest_uids: none\n");
    EXPECT_EQ(load_settings().guest_users, std::nullopt);
}

TEST_F(SettingsTest, guests_do_not_run_as_the_system_s_users) {
    for (const char* range : {"0-100", "999-70000", "70000", "80000-70000", "some", "-1-5"}) {
        configure(fmt::format("guest_uids: {}\n", range));
        EXPECT_THAT(refusal(), HasSubstr(":1: guest_uids is a range of user ids from 1000 on"))
            << range;
    }
}

TEST_F(SettingsTest, a_file_decides_everything) {
    configure(
        "region: lab-1\n"
        "zones: [lab-1a, lab-1b]\n"
        "socket: /run/lab.sock\n"
        "socket_users: lab\n"
        "libvirt_uri: qemu+ssh://host/system\n"
        "free_space_reserve_mib: 10\n"
        "memory_reserve_mib: 20\n"
        "build_cache_mib: 30\n"
        "guest_uids: 70000-79999\n"
        "state_dir: /srv/lab\n");
    ::unsetenv("KILN_STATE_DIR");

    const Settings settings = load_settings();

    EXPECT_EQ(settings.region, "lab-1");
    EXPECT_THAT(settings.zones, ElementsAre("lab-1a", "lab-1b"));
    EXPECT_EQ(settings.socket, "/run/lab.sock");
    EXPECT_EQ(settings.build_cache_size, Bytes::mebibytes(30));
    EXPECT_EQ(settings.socket_users, "lab");
    EXPECT_EQ(settings.libvirt_uri, "qemu+ssh://host/system");
    EXPECT_EQ(settings.free_space_reserve, Bytes::mebibytes(10));
    EXPECT_EQ(settings.memory_reserve, Bytes::mebibytes(20));
    EXPECT_EQ(settings.guest_users, (UserRange{.first = 70000, .last = 79999}));
    EXPECT_EQ(settings.state_directory, "/srv/lab");
}

TEST_F(SettingsTest, nothing_costs_anything_without_rates) {
    configure("");

    const Rates rates = load_settings().rates;

    EXPECT_EQ(rates.currency, "USD");
    EXPECT_EQ(rate_of(rates.instance_hour, "t3.micro"), Decimal());
    EXPECT_EQ(rate_of(rates.volume_gib_month, "gp3"), Decimal());
    EXPECT_EQ(rates.snapshot_gib_month, Decimal());
    EXPECT_EQ(rates.bundle_gib_month, Decimal());
}

TEST_F(SettingsTest, a_file_sets_the_rates) {
    configure(
        "rates:\n"
        "  currency: EUR\n"
        "  instance_hour: {t3.micro: \"0.0104\", default: 1}\n"
        "  volume_gib_month: {gp3: 0.08}\n"
        "  snapshot_gib_month: \"0.05\"\n"
        "  bundle_gib_month: \"0.023\"\n");

    const Rates rates = load_settings().rates;

    EXPECT_EQ(rates.currency, "EUR");
    EXPECT_EQ(rate_of(rates.instance_hour, "t3.micro").str(), "0.0104");
    EXPECT_EQ(rate_of(rates.instance_hour, "m5.large").str(), "1") << "as the default";
    EXPECT_EQ(rate_of(rates.volume_gib_month, "gp3").str(), "0.08");
    EXPECT_EQ(rate_of(rates.volume_gib_month, "io2").str(), "0") << "there is no default";
    EXPECT_EQ(rates.snapshot_gib_month.str(), "0.05");
    EXPECT_EQ(rates.bundle_gib_month.str(), "0.023");
}

TEST_F(SettingsTest, rates_that_are_none_are_refused_with_their_line) {
    const std::vector<std::pair<std::string, std::string>> refused{
        {"instance_hours: {}",
         "unknown key 'instance_hours' in rates; did you mean "
         "'instance_hour'?"},
        {"xyzzy: 1", "known keys: bundle_gib_month, currency"},
        {"currency: dollars", "'dollars' is no currency"},
        {"currency: usd", "'usd' is no currency"},
        {"snapshot_gib_month: cheap", "'cheap' is no rate"},
        {"snapshot_gib_month: -0.05", "'-0.05' is no rate"},
        {"snapshot_gib_month: 5e-2", "'5e-2' is no rate"},
        {"snapshot_gib_month: \"0,05\"", "'0,05' is no rate"},
        {"snapshot_gib_month: 0.00000000001", "'0.00000000001' is no rate"},
        {"snapshot_gib_month:", "the value is missing"},
        {"volume_gib_month: {gp3: ~}", "the value is missing"},
        {"bundle_gib_month: [1]", ""},
        {"instance_hour: 1", "expecting a rate for each type"},
        {"instance_hour: {t3.micro: {a: b}}", ""},
        {"volume_gib_month: {gp3: free}", "'free' is no rate"},
        {"volume_gib_month: {gp3: 1, gp3: 2}", "'gp3' has a rate already"},
    };
    for (const auto& [line, message] : refused) {
        configure("rates:\n  " + line + "\n");
        EXPECT_THAT(refusal(), HasSubstr(path("kiln.yaml") + ":2: ")) << line;
        EXPECT_THAT(refusal(), HasSubstr(message)) << line;
    }
}

TEST_F(SettingsTest, a_file_adds_instance_types) {
    configure(
        "instance_types:\n"
        "  lab.small: {vcpus: 1, memory: 512MiB}\n"
        "  lab.large:\n"
        "    vcpus: 4\n"
        "    memory: 2GiB\n"
        "    architectures: [i386, x86_64]\n"
        "    virtualization_types: [paravirtual]\n"
        "    storage: [10GiB, 20GiB]\n"
        "    baseline_percent: 25\n");

    const CustomTypes types = load_settings().instance_types;

    ASSERT_EQ(types.size(), 2U);
    const CustomType& small = types.at("lab.small");
    EXPECT_EQ(small.vcpus, 1U);
    EXPECT_EQ(small.memory, Bytes::mebibytes(512));
    EXPECT_THAT(small.architectures, ElementsAre("x86_64"));
    EXPECT_THAT(small.virtualization_types, ElementsAre("hvm"));
    EXPECT_EQ(small.baseline_percent, 100U);
    const CustomType& large = types.at("lab.large");
    EXPECT_EQ(large.memory, Bytes::gibibytes(2));
    EXPECT_THAT(large.architectures, ElementsAre("i386", "x86_64"));
    EXPECT_THAT(large.virtualization_types, ElementsAre("paravirtual"));
    EXPECT_THAT(large.storage, ElementsAre(Bytes::gibibytes(10), Bytes::gibibytes(20)));
    EXPECT_EQ(large.baseline_percent, 25U);
}

TEST_F(SettingsTest, instance_types_that_are_none_are_refused_with_their_line) {
    const std::vector<std::pair<std::string, std::string>> refused{
        {"small: {vcpus: 1, memory: 512MiB}", "is like lab.small"},
        {"lab.small: 1", "expecting lines of key: value below the type's name"},
        {"lab.small: {vcpus: 1}", "needs vcpus and memory"},
        {"lab.small: {memory: 512MiB}", "needs vcpus and memory"},
        {"lab.small: {vcpus: 0, memory: 512MiB}", "vcpus is 1 to 254"},
        {"lab.small: {vcpus: many, memory: 512MiB}", "vcpus is 1 to 254"},
        {"lab.small: {vcpus: 1, memory: 512}", "written like 512MiB or 2GiB"},
        {"lab.small: {vcpus: 1, memory: 1MiB}", "memory is 64MiB to 4096GiB"},
        {"lab.small: {vcpu: 1, memory: 512MiB}", "did you mean 'vcpus'?"},
        {"lab.small: {vcpus: 1, memory: 1GiB, architectures: [sparc]}", "list of i386, x86_64"},
        {"lab.small: {vcpus: 1, memory: 1GiB, architectures: []}", "list of i386, x86_64"},
        {"lab.small: {vcpus: 1, memory: 1GiB, storage: [1, 2]}", "a disk of storage is"},
        {"lab.small: {vcpus: 1, memory: 1GiB, baseline_percent: 101}", "is 1 to 100"},
    };
    for (const auto& [line, message] : refused) {
        configure("instance_types:\n  " + line + "\n");
        EXPECT_THAT(refusal(), HasSubstr(path("kiln.yaml") + ":2: ")) << line;
        EXPECT_THAT(refusal(), HasSubstr(message)) << line;
    }
    configure("instance_types: [lab.small]\n");
    EXPECT_THAT(refusal(), HasSubstr("names of types below instance_types"));
}

TEST_F(SettingsTest, the_environment_goes_before_the_file) {
    configure(
        "region: lab-1\nsocket: /run/file.sock\nlibvirt_uri: test:///file\nstate_dir: /file\n");
    set("KILN_REGION", "other-1");
    set("KILN_SOCKET", "/run/environment.sock");
    set("KILN_LIBVIRT_URI", "test:///environment");

    const Settings settings = load_settings();

    EXPECT_EQ(settings.region, "other-1");
    EXPECT_THAT(settings.zones, ElementsAre("other-1a"));
    EXPECT_EQ(settings.socket, "/run/environment.sock");
    EXPECT_EQ(settings.libvirt_uri, "test:///environment");
    EXPECT_EQ(settings.state_directory, path("state"));
}

TEST_F(SettingsTest, an_empty_variable_counts_as_unset) {
    configure("region: lab-1\n");
    set("KILN_REGION", "");

    EXPECT_EQ(load_settings().region, "lab-1");
}

TEST_F(SettingsTest, relative_paths_become_absolute) {
    configure("socket: run/kiln.sock\ntls_cert: cert.pem\ntls_key: /etc/key.pem\n");
    set("KILN_STATE_DIR", "state");

    const Settings settings = load_settings();

    EXPECT_EQ(settings.state_directory, std::filesystem::current_path() / "state");
    EXPECT_EQ(settings.socket, path("run/kiln.sock")) << "those of the file begin where it is";
    EXPECT_EQ(settings.endpoint.tls_certificate, path("cert.pem"));
    EXPECT_EQ(settings.endpoint.tls_key, "/etc/key.pem");
}

TEST_F(SettingsTest, an_endpoint_has_an_address_and_bounds) {
    for (const auto& [listen, address] : std::map<std::string, std::string>{
             {"8773", "127.0.0.1"}, {"localhost:8773", "127.0.0.1"}, {"'[::1]:8773'", "::1"}}) {
        configure("listen: " + listen + "\n");
        EXPECT_EQ(load_settings().endpoint.listen.value().address, address);
        EXPECT_EQ(load_settings().endpoint.listen.value().port, 8773);
    }
    for (const std::string line :
         {"listen: host.example:8773", "listen: 127.0.0.1:65536", "listen: '::1:8773'",
          "listen: [127.0.0.1:8773]", "clock_skew_seconds: -1", "clock_skew_seconds: abc",
          "clock_skew_seconds: 0", "requests_per_second: many"}) {
        configure(line + "\n");
        const std::string key = line.substr(0, line.find(':'));
        EXPECT_THAT(refusal(), HasSubstr(path("kiln.yaml") + ":1: " + key + " is ")) << line;
    }
}

TEST_F(SettingsTest, ids_of_images_of_somewhere_else_are_aliases_only_where_it_says_so) {
    EXPECT_FALSE(load_settings().foreign_image_aliases);
    configure("foreign_image_aliases: true\n");
    EXPECT_TRUE(load_settings().foreign_image_aliases);
    configure("foreign_image_aliases: perhaps\n");
    EXPECT_THAT(refusal(), HasSubstr("foreign_image_aliases"));
}

TEST_F(SettingsTest, an_address_stands_in_urls_as_it_must) {
    EXPECT_EQ(authority({.address = "127.0.0.1", .port = 8773}), "127.0.0.1:8773");
    EXPECT_EQ(authority({.address = "::1", .port = 8773}), "[::1]:8773");
}

TEST_F(SettingsTest, an_unknown_key_is_refused_with_its_line_and_the_nearest_one) {
    configure("region: lab-1\n\nlibvirt_url: test:///\n");

    EXPECT_EQ(refusal(),
              path("kiln.yaml") + ":3: unknown key 'libvirt_url'; did you mean 'libvirt_uri'?");
}

TEST_F(SettingsTest, an_unknown_key_like_no_other_is_refused_with_all_keys) {
    configure("xyzzy: 1\n");

    EXPECT_THAT(refusal(), HasSubstr(":1: unknown key 'xyzzy'; known keys: "));
    EXPECT_THAT(refusal(), HasSubstr("state_dir"));
}

TEST_F(SettingsTest, what_is_no_yaml_is_refused_with_its_line) {
    configure("region: lab-1\nzones: [a, b\n");

    EXPECT_THAT(refusal(), HasSubstr(path("kiln.yaml") + ":"));
}

TEST_F(SettingsTest, values_of_the_wrong_kind_are_refused_with_their_line) {
    for (const std::string line :
         {"free_space_reserve_mib: many", "free_space_reserve_mib: -1", "memory_reserve_mib: 1.5",
          "zones: lab-1a", "region: [a]", "state_dir: {a: b}", "region:", "state_dir: ~",
          "free_space_reserve_mib: 17592186044416", "rates: 1"}) {
        configure("# a comment\n" + line + "\n");
        EXPECT_THAT(refusal(), HasSubstr(path("kiln.yaml") + ":2: ")) << line;
    }
}

TEST_F(SettingsTest, a_file_that_is_no_map_of_keys_is_refused) {
    for (const std::string yaml : {"just words\n", "- region\n- zones\n"}) {
        configure(yaml);
        EXPECT_THAT(refusal(), HasSubstr(path("kiln.yaml") + ":1: ")) << yaml;
    }
}

TEST_F(SettingsTest, a_region_that_would_not_do_as_a_name_is_refused) {
    configure("");
    const std::vector<std::string> refused{"../other", "Lab", "a b",
                                           "-a",       "a/b", std::string(65, 'a')};
    for (const std::string& region : refused) {
        set("KILN_REGION", region);
        EXPECT_THAT(refusal(), HasSubstr("'" + region + "'"));
    }
}

TEST_F(SettingsTest, an_empty_region_is_refused) {
    configure("region: ''\n");

    EXPECT_THAT(refusal(), HasSubstr("the region ''"));
}

TEST_F(SettingsTest, a_missing_file_that_was_named_is_refused) {
    set("KILN_CONFIG", path("none.yaml"));

    EXPECT_THAT(refusal(), HasSubstr("KILN_CONFIG names '" + path("none.yaml") + "'"));
}

TEST_F(SettingsTest, a_socket_path_that_the_kernel_cannot_take_is_refused) {
    configure("");
    set("KILN_STATE_DIR", path(std::string(100, 'd')));

    EXPECT_THAT(refusal(), HasSubstr("KILN_SOCKET"));
}

}  // namespace

}  // namespace kiln
