#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/text.hpp"
#include "tests/integration/cli/fake_service.hpp"
#include "tests/integration/cli/ssh_port.hpp"
#include "tests/places.hpp"

namespace kiln::tests {

namespace {

using api::Arguments;
using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::UnorderedElementsAre;

constexpr const char* instance = "i-0123456789abcdef0";

class WithService : public testing::Test {
  protected:
    std::string instances_in(const std::string& state) const {
        return "<reservationSet><item><instancesSet><item><instanceId>" + std::string(instance) +
               "</instanceId><instanceState><code>16</code><name>" + state +
               "</name></instanceState><stateReason><code>Server.InternalError</code>"
               "<message>QEMU died</message></stateReason></item></instancesSet></item>"
               "</reservationSet>";
    }
    void play_launch() {
        service_.play("RunInstances", "<instancesSet><item><instanceId>" + std::string(instance) +
                                          "</instanceId><instanceState><code>0</code><name>pending"
                                          "</name></instanceState></item></instancesSet>");
    }

    FakeService service_;
};

TEST_F(WithService, a_pipe_gets_json) {
    service_.play("DescribeInstances", instances_in("running"));
    const auto result = service_.kiln({"describe-instances"});
    EXPECT_EQ(result.exit_status, 0) << result.standard_error;
    const json reply = json::parse(result.standard_output);
    EXPECT_EQ(reply["Reservations"][0]["Instances"][0]["InstanceId"], instance);
    EXPECT_EQ(reply["Reservations"][0]["Instances"][0]["State"]["Code"], 16);
    EXPECT_THAT(result.standard_error, IsEmpty());
}

TEST_F(WithService, options_reach_the_service) {
    std::string image;
    service_.play("DeregisterImage", [&](const Arguments& arguments) {
        image = arguments.required_text("ImageId");
        return "<return>true</return>";
    });
    EXPECT_EQ(service_.kiln({"deregister-image", "ami-12345678"}).exit_status, 0);
    EXPECT_EQ(image, "ami-12345678");
}

TEST_F(WithService, a_rule_names_its_group_by_id_or_name) {
    std::string id;
    std::string name;
    service_.play("AuthorizeSecurityGroupIngress", [&](const Arguments& arguments) {
        const Arguments peer =
            arguments.structures("IpPermissions").at(0).structures("Groups").at(0);
        id = peer.text("GroupId").value_or("");
        name = peer.text("GroupName").value_or("");
        return "<return>true</return>";
    });
    const auto authorize = [&](const std::string& source) {
        const auto result =
            service_.kiln({"authorize-security-group-ingress", "--group-name", "web", "--protocol",
                           "tcp", "--port", "80", "--source-group", source});
        EXPECT_EQ(result.exit_status, 0) << result.standard_error;
    };
    authorize("sg-0123456789abcdef0");
    EXPECT_EQ(id + "," + name, "sg-0123456789abcdef0,");
    authorize("default");
    EXPECT_EQ(id + "," + name, ",default");
}

TEST_F(WithService, a_command_works_in_the_region_that_it_names) {
    service_.play("DescribeRegions", "<regionInfo/>");
    const auto region_of = [&](const std::vector<std::string>& words, const std::string& variable) {
        std::vector<std::string> all{places::kiln, "describe-regions"};
        all.insert(all.end(), words.begin(), words.end());
        const auto result = service_.run(all, "", variable);
        EXPECT_EQ(result.exit_status, 0) << result.standard_error;
        return service_.region();
    };
    EXPECT_EQ(region_of({}, ""), "local-1") << "the service's own";
    EXPECT_EQ(region_of({}, "local-2"), "local-2");
    EXPECT_EQ(region_of({"--region", "local-3"}, "local-2"), "local-3");
}

TEST_F(WithService, gc_shows_what_becomes_of_the_layers_and_what_that_frees) {
    bool dry_run = false;
    service_.play("CollectGarbage", [&](const Arguments& arguments) {
        dry_run = arguments.boolean("DryRun").value_or(false);
        return "<layerSet><item><layerId>layer-1</layerId><size>3145728</size>"
               "<action>remove</action><reason>nothing needs it</reason></item></layerSet>"
               "<freedSize>3145728</freedSize>";
    });
    const auto explained = service_.kiln({"gc", "--dry-run", "--output", "table"});
    EXPECT_EQ(explained.exit_status, 0) << explained.standard_error;
    EXPECT_TRUE(dry_run);
    EXPECT_THAT(explained.standard_output, HasSubstr("layer-1  3145728  remove  nothing needs it"));
    EXPECT_THAT(explained.standard_error, HasSubstr("3 MiB would be freed at most"));

    const auto collected = service_.kiln({"gc"});
    EXPECT_FALSE(dry_run);
    EXPECT_EQ(json::parse(collected.standard_output)["FreedSize"], 3145728);
    EXPECT_THAT(collected.standard_error, HasSubstr("3 MiB are freed"));
    EXPECT_EQ(service_.kiln({"gc", "everything"}).exit_status, 2);
}

TEST_F(WithService, an_error_is_told_with_its_code) {
    service_.play("RunInstances", [](const Arguments&) -> std::string {
        throw Error("InvalidAMIID.NotFound", "", "The image id '[ami-1]' does not exist");
    });
    const auto result = service_.kiln({"run-instances", "--image-id", "ami-1"});
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_THAT(result.standard_output, IsEmpty());
    EXPECT_EQ(result.standard_error,
              "kiln: RunInstances failed: InvalidAMIID.NotFound: The image id '[ami-1]' does not "
              "exist\n");
}

TEST_F(WithService, wait_goes_on_until_the_state_is_there) {
    play_launch();
    std::atomic<int> asked = 0;
    service_.play("DescribeInstances", [&](const Arguments& arguments) {
        EXPECT_EQ(arguments.texts("InstanceId"), std::vector<std::string>{instance});
        return instances_in(++asked < 2 ? "pending" : "running");
    });
    const auto result = service_.kiln({"run-instances", "--image-id", "ami-1", "--wait"});
    EXPECT_EQ(result.exit_status, 0) << result.standard_error;
    EXPECT_EQ(asked, 2);
}

TEST_F(WithService, wait_fails_with_the_reason) {
    play_launch();
    service_.play("DescribeInstances", instances_in("terminated"));
    const auto result = service_.kiln({"run-instances", "--image-id", "ami-1", "--wait"});
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_THAT(result.standard_error, HasSubstr("it is terminated: QEMU died"));
}

TEST_F(WithService, wait_gives_up_in_time) {
    play_launch();
    service_.play("DescribeInstances", instances_in("pending"));
    const auto result =
        service_.kiln({"run-instances", "--image-id", "ami-1", "--wait", "--wait-timeout", "1"});
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_THAT(result.standard_error, HasSubstr("was not running within 1 s (now: pending)"));
}

class KeyFiles : public WithService {
  protected:
    KeyFiles() {
        service_.play("CreateKeyPair",
                      "<keyPairId>key-1</keyPairId><keyName>k</keyName><keyFingerprint>aa"
                      "</keyFingerprint><keyMaterial>PRIVATE</keyMaterial>");
    }
    std::filesystem::path file() const { return service_.directory() / "config/kiln/keys/k.pem"; }
};

TEST_F(KeyFiles, are_saved_for_their_owner_alone) {
    const auto result = service_.kiln({"create-key-pair", "--key-name", "k", "--output", "table"});
    EXPECT_EQ(result.exit_status, 0);
    EXPECT_EQ(read_file(file()), "PRIVATE");
    struct stat status {};
    ASSERT_EQ(::stat(file().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    EXPECT_THAT(result.standard_error, HasSubstr(file().string()));
    EXPECT_THAT(result.standard_output, Not(HasSubstr("PRIVATE")));
}

TEST_F(KeyFiles, are_not_overwritten_and_no_key_is_made_for_nothing) {
    std::filesystem::create_directories(file().parent_path());
    std::ofstream(file()) << "OLD";
    std::atomic<bool> called = false;
    service_.play("CreateKeyPair", [&](const Arguments&) {
        called = true;
        return "";
    });
    const auto result = service_.kiln({"create-key-pair", "--key-name", "k"});
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_FALSE(called);
    EXPECT_EQ(read_file(file()), "OLD");
    EXPECT_THAT(result.standard_error, HasSubstr("--no-save"));
}

TEST_F(KeyFiles, are_not_made_with_no_save) {
    const auto result = service_.kiln({"create-key-pair", "--key-name", "k", "--no-save"});
    EXPECT_EQ(json::parse(result.standard_output)["KeyMaterial"], "PRIVATE");
    EXPECT_FALSE(std::filesystem::exists(file()));
}

class Builds : public WithService {
  protected:
    Builds() { service_.play("BuildImage", "<imageId>ami-12345678</imageId>"); }
    static std::string build_in(const std::string& state, const std::string& message = "") {
        return "<buildSet><item><imageId>ami-12345678</imageId><state>" + state +
               "</state><step>packages</step><percent>40</percent><message>" + message +
               "</message><logSet><item>E: no space</item></logSet></item></buildSet>";
    }
    const std::vector<std::string> build_{"build", "debian-12", "--name", "g"};
};

TEST_F(Builds, are_followed_to_their_end) {
    std::atomic<int> asked = 0;
    service_.play("DescribeImageBuilds", [&](const Arguments&) {
        return build_in(++asked < 2 ? "building" : "available");
    });
    const auto result = service_.kiln(build_);
    EXPECT_EQ(result.exit_status, 0) << result.standard_error;
    EXPECT_EQ(json::parse(result.standard_output)["ImageId"], "ami-12345678");
    EXPECT_EQ(result.standard_error, " 40 % packages\n");
}

TEST_F(Builds, that_fail_show_the_log_and_the_cause) {
    service_.play("DescribeImageBuilds", build_in("failed", "mmdebstrap ended with 1"));
    const auto result = service_.kiln(build_);
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_THAT(result.standard_output, IsEmpty());
    EXPECT_EQ(result.standard_error,
              "  E: no space\nkiln: the build of ami-12345678 failed: mmdebstrap ended with 1\n");
}

TEST_F(Builds, send_the_recipe_of_a_file) {
    const auto recipe = service_.directory() / "my.yaml";
    std::ofstream(recipe) << "packages: [vim]\n";
    std::string text;
    service_.play("BuildImage", [&](const Arguments& arguments) {
        text = arguments.text("RecipeText").value_or("");
        return "<imageId>ami-12345678</imageId>";
    });
    service_.play("DescribeImageBuilds", build_in("available"));
    EXPECT_EQ(service_.kiln({"build", recipe.string(), "--name", "g"}).exit_status, 0);
    EXPECT_EQ(text, "packages: [vim]\n");
}

TEST_F(Builds, send_the_files_that_the_recipe_names) {
    const auto recipe = service_.directory() / "my.yaml";
    std::ofstream(recipe) << "base: tiny\n"
                             "steps:\n"
                             "  - files: [{path: /etc/motd, source: www/motd}]\n"
                             "  - run: {file: setup.sh}\n";
    std::filesystem::create_directory(service_.directory() / "www");
    std::ofstream(service_.directory() / "www/motd") << "hello";
    std::ofstream(service_.directory() / "setup.sh") << "true";
    std::map<std::string, std::string> sources;
    service_.play("BuildImage", [&](const Arguments& arguments) {
        for (const Arguments& source : arguments.structures("Source"))
            sources[source.required_text("Name")] =
                base64_decode(source.required_text("Content")).value();
        return "<imageId>ami-12345678</imageId>";
    });
    service_.play("DescribeImageBuilds", build_in("available"));
    EXPECT_EQ(service_.kiln({"build", recipe.string(), "--name", "g"}).exit_status, 0);
    EXPECT_THAT(sources, UnorderedElementsAre(Pair("www/motd", "hello"), Pair("setup.sh", "true")));
}

TEST_F(Builds, send_no_file_from_outside_of_the_recipe_s_directory) {
    const auto directory = service_.directory() / "recipe";
    std::filesystem::create_directory(directory);
    std::ofstream(service_.directory() / "secret") << "secret";
    std::filesystem::create_symlink("../secret", directory / "link");
    std::ofstream(directory / "my.yaml") << "base: tiny\nsteps: [{run: {file: link}}]\n";
    const auto result = service_.kiln({"build", (directory / "my.yaml").string(), "--name", "g"});
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_THAT(result.standard_error,
                HasSubstr("my.yaml:2:22: 'link' leads out of the directory of the recipe"));
}

TEST_F(Builds, with_a_file_that_no_request_can_carry_say_another_way) {
    const auto recipe = service_.directory() / "my.yaml";
    std::ofstream(recipe) << "base: tiny\nsteps: [{files: [{path: /a, source: big}]}]\n";
    std::ofstream(service_.directory() / "big") << std::string((512U << 10U) + 1, 'x');
    const auto result = service_.kiln({"build", recipe.string(), "--name", "g"});
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_THAT(result.standard_error, HasSubstr("'big' is larger than 512 KiB"));
    EXPECT_THAT(result.standard_error, HasSubstr("fetch it by its URL"));
}

TEST_F(Builds, that_are_a_dry_run_print_the_plan) {
    std::string recipe;
    service_.play("GetImageBuildPlan", [&](const Arguments& arguments) {
        recipe = arguments.required_text("Recipe");
        return "<stageSet><item><name>base: tiny</name><state>cached</state><key>abc</key></item>"
               "</stageSet>";
    });
    const auto result =
        service_.kiln({"build", "tiny", "--name", "g", "--dry-run", "--output", "table"});
    EXPECT_EQ(result.exit_status, 0) << result.standard_error;
    EXPECT_EQ(recipe, "tiny");
    EXPECT_THAT(result.standard_output, HasSubstr("base: tiny"));
    EXPECT_THAT(result.standard_output, HasSubstr("cached"));
}

TEST_F(Builds, that_failed_say_what_was_kept) {
    service_.play("DescribeImageBuilds",
                  "<buildSet><item><imageId>ami-12345678</imageId><state>failed</state>"
                  "<keptId>snap-12345678</keptId></item></buildSet>");
    std::string on_failure;
    service_.play("BuildImage", [&](const Arguments& arguments) {
        on_failure = arguments.required_text("OnFailure");
        return "<imageId>ami-12345678</imageId>";
    });
    const auto result = service_.kiln({"build", "tiny", "--name", "g", "--on-failure", "keep"});
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_EQ(on_failure, "keep");
    EXPECT_THAT(result.standard_error, HasSubstr("kiln create-volume --snapshot-id snap-12345678"));
}

TEST_F(Builds, that_are_interrupted_are_canceled) {
    const auto pid_file = service_.directory() / "pid";
    service_.play("DescribeImageBuilds", [&](const Arguments&) {
        ::kill(std::stoi(read_file(pid_file)), SIGINT);
        return build_in("building");
    });
    std::string canceled;
    service_.play("CancelImageBuild", [&](const Arguments& arguments) {
        canceled = arguments.required_text("ImageId");
        return "<return>true</return>";
    });
    const auto result = service_.run({"sh", "-c",
                                      "echo $$ > " + pid_file.string() + "; exec " + places::kiln +
                                          " build debian-12 --name g"});
    EXPECT_EQ(result.exit_status, 130);
    EXPECT_EQ(canceled, "ami-12345678");
    EXPECT_THAT(result.standard_error, HasSubstr("nothing of it is left"));
}

TEST_F(WithService, a_created_key_that_cannot_be_saved_is_printed) {
    service_.play("CreateKeyPair", "<keyName>k</keyName><keyMaterial>the only copy</keyMaterial>");
    std::ofstream(service_.directory() / "config") << "no directory\n";
    const auto result = service_.kiln({"create-key-pair", "--key-name", "k"});
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_THAT(result.standard_output, HasSubstr("the only copy"));
}

TEST_F(WithService, console_types_what_is_piped_in_and_ends_with_the_guest) {
    const auto result = service_.kiln({"console", instance}, "exit\n");
    EXPECT_EQ(result.exit_status, 0) << result.standard_error;
    EXPECT_EQ(result.standard_output, "console of " + std::string(instance) + "\ntyped: exit\n");
}

TEST_F(WithService, console_leaves_a_silent_guest_after_what_was_piped_in) {
    const auto result = service_.kiln({"console", instance}, "ls\n");
    EXPECT_EQ(result.exit_status, 0) << result.standard_error;
    EXPECT_THAT(result.standard_output, HasSubstr("typed: ls\n"));
}

TEST_F(WithService, console_in_a_terminal_is_left_with_its_key_and_leaves_the_terminal_as_it_was) {
    // script gives the program a terminal, and types what comes in.
    const std::string commands =
        std::string(places::kiln) + " console " + instance + "; stty --all; echo stayed $?";
    const auto result = service_.run(
        {"script", "--quiet", "--return", "--command", commands, "/dev/null"}, "uname\n\x1d");
    EXPECT_THAT(result.standard_output, HasSubstr("; ^] leaves."));
    EXPECT_THAT(result.standard_output, HasSubstr("console of " + std::string(instance)));
    EXPECT_THAT(result.standard_output, HasSubstr("Left the console of " + std::string(instance)));
    EXPECT_THAT(result.standard_output, HasSubstr(" icanon"));
    EXPECT_THAT(result.standard_output, Not(HasSubstr("-icanon")));
}

TEST_F(WithService, console_of_no_instance_is_refused) {
    const auto result = service_.kiln({"console", "x"});
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_THAT(result.standard_error, HasSubstr("kiln: "));
}

class Ssh : public WithService {
  protected:
    Ssh() {
        const auto program = service_.directory() / "ssh";
        std::ofstream(program) << "#!/bin/sh\nfor word; do echo \"$word\"; done\nexit 7\n";
        std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    }
    void play_port(std::uint16_t port) {
        service_.play("DescribeInstanceConnection",
                      "<host>127.0.0.1</host><port>" + std::to_string(port) +
                          "</port><user>admin</user><keyName>k</keyName>");
    }
};

TEST_F(Ssh, runs_ssh_with_the_saved_key_and_known_hosts_of_its_own) {
    const SshPort port;
    play_port(port.number());
    const auto key = service_.directory() / "config/kiln/keys/k.pem";
    std::filesystem::create_directories(key.parent_path());
    std::ofstream(key) << "PRIVATE";

    const auto result = service_.kiln({"ssh", instance, "--", "uname", "-a"});

    EXPECT_EQ(result.exit_status, 7) << result.standard_error;
    EXPECT_THAT(result.standard_output, HasSubstr("HostKeyAlias=" + std::string(instance) + "\n"));
    EXPECT_THAT(result.standard_output,
                HasSubstr("UserKnownHostsFile=" + service_.directory().string() +
                          "/state/kiln/known_hosts\n"));
    EXPECT_THAT(result.standard_output, HasSubstr("-i\n" + key.string() + "\n"));
    EXPECT_THAT(result.standard_output, HasSubstr("127.0.0.1\nuname\n-a\n"));
    EXPECT_THAT(result.standard_output, HasSubstr("-l\nadmin\n"));
}

TEST_F(Ssh, takes_the_words_after_the_instance_for_the_command_as_ssh_does) {
    const SshPort port;
    play_port(port.number());

    const auto result =
        service_.kiln({"ssh", "-l", "root", instance, "--wait-timeout=9", "ls", "-l", "--", "x"});

    EXPECT_THAT(result.standard_output, HasSubstr("-l\nroot\n"));
    EXPECT_THAT(result.standard_output, HasSubstr("127.0.0.1\nls\n-l\n--\nx\n"));
}

TEST_F(Ssh, takes_another_key_and_user) {
    const SshPort port;
    play_port(port.number());
    const auto result = service_.kiln({"ssh", instance, "-i", "/some/key", "-l", "root"});
    EXPECT_THAT(result.standard_output, HasSubstr("-i\n/some/key\n"));
    EXPECT_THAT(result.standard_output, HasSubstr("-l\nroot\n"));
}

TEST_F(Ssh, gives_up_on_a_guest_whose_ssh_server_does_not_answer) {
    play_port(1);
    const auto result = service_.kiln({"ssh", instance, "--wait-timeout", "1"});
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_THAT(result.standard_error, HasSubstr("no ssh server answered"));
}

TEST_F(Ssh, waits_for_an_instance_that_is_pending) {
    const SshPort port;
    std::atomic<int> asked = 0;
    service_.play("DescribeInstanceConnection", [&](const Arguments&) -> std::string {
        if (++asked < 2) throw Error("IncorrectInstanceState", instance, "it is pending");
        return "<host>127.0.0.1</host><port>" + std::to_string(port.number()) +
               "</port><user>admin</user>";
    });
    service_.play("DescribeInstances", instances_in("pending"));
    EXPECT_EQ(service_.kiln({"ssh", instance}).exit_status, 7);
}

TEST_F(Ssh, does_not_wait_for_an_instance_that_is_stopped) {
    service_.play("DescribeInstanceConnection", [&](const Arguments&) -> std::string {
        throw Error("IncorrectInstanceState", instance, "it is stopped");
    });
    service_.play("DescribeInstances", instances_in("stopped"));
    const auto result = service_.kiln({"ssh", instance});
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_THAT(result.standard_error, HasSubstr("it is stopped"));
}

std::string checks(const std::string& status) {
    return "<checkSet><item><name>libvirt</name><status>ok</status><message>libvirt 9</message>"
           "<remedy/></item><item><name>disk</name><status>" +
           status +
           "</status><message>1 GiB free</message><remedy>make room</remedy></item>"
           "</checkSet>";
}

TEST_F(WithService, doctor_prints_every_check_and_how_to_mend_it) {
    service_.play("DescribeHostChecks", checks("warning"));
    const auto result = service_.kiln({"doctor"});
    EXPECT_EQ(result.exit_status, 0);
    EXPECT_THAT(result.standard_output, HasSubstr("ok       service        answers at"));
    EXPECT_THAT(result.standard_output, HasSubstr("ok       libvirt        libvirt 9\n"));
    EXPECT_THAT(result.standard_output, HasSubstr("warning  disk           1 GiB free\n"));
    EXPECT_THAT(result.standard_output, HasSubstr("mend it: make room\n"));
}

TEST_F(WithService, doctor_fails_when_a_check_does) {
    service_.play("DescribeHostChecks", checks("failed"));
    EXPECT_EQ(service_.kiln({"doctor"}).exit_status, 1);
}

}  // namespace

}  // namespace kiln::tests
