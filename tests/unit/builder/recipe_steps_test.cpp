#include <gmock/gmock.h>

#include <map>

#include "builder/recipe/recipe.hpp"
#include "tests/catalog_fixture.hpp"

namespace kiln::builder {

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using namespace std::chrono_literals;

/// Files beside a recipe.
ReadSource files(const std::map<std::string, std::string>& all) {
    return [all](const std::string& name) {
        const auto found = all.find(name);
        return found == all.end() ? no_source(name) : found->second;
    };
}

Recipe parse(const std::string& yaml, const ReadSource& read_source = no_source) {
    return parse_recipe(yaml, "web.yaml", read_source);
}

/// The first step's action.
template <class Action>
Action action_of(const Recipe& recipe) {
    return std::get<Action>(recipe.steps.at(0).action);
}

TEST(recipe_steps, packages_come_with_a_base_from_packages_and_are_a_first_step_on_an_image) {
    const Recipe debian = parse("base: debian-12\npackages: [nginx]\n");
    EXPECT_THAT(debian.packages, ElementsAre("nginx"));
    EXPECT_THAT(debian.steps, IsEmpty());

    const Recipe image = parse(
        "base: {image: ami-12345678}\npackages: [nginx]\n"
        "steps: [{packages: [curl]}]\n");
    EXPECT_THAT(image.packages, IsEmpty());
    ASSERT_THAT(image.steps, SizeIs(2));
    EXPECT_THAT(action_of<PackagesStep>(image).packages, ElementsAre("nginx"));
}

TEST(recipe_steps, files_have_content_of_their_own_or_of_a_file_beside_the_recipe) {
    const Recipe recipe = parse(
        "base: tiny\n"
        "steps:\n"
        "  - files:\n"
        "      - {path: /etc/motd, content: hello}\n"
        "      - path: /srv/page\n"
        "        source: www/page.html\n"
        "        mode: \"0755\"\n"
        "        owner: www-data\n"
        "        group: \"33\"\n",
        files({{"www/page.html", "<p>"}}));

    const RecipeFile plain{.path = "/etc/motd", .content = "hello"};
    const RecipeFile page{
        .path = "/srv/page", .content = "<p>", .mode = 0755, .owner = "www-data", .group = "33"};
    EXPECT_THAT(action_of<FilesStep>(recipe).files, ElementsAre(plain, page));
}

TEST(recipe_steps, users_are_read_with_all_that_they_have) {
    const Recipe recipe = parse(
        "base: tiny\n"
        "steps:\n"
        "  - users:\n"
        "      - {name: plain}\n"
        "      - name: deploy\n"
        "        uid: 1500\n"
        "        groups: [www-data, adm]\n"
        "        shell: /bin/bash\n"
        "        ssh_keys: ['ssh-ed25519 AAAA deploy']\n"
        "        sudo: true\n");

    const UserEntry deploy{.name = "deploy",
                           .uid = 1500,
                           .groups = {"www-data", "adm"},
                           .shell = "/bin/bash",
                           .ssh_keys = {"ssh-ed25519 AAAA deploy"},
                           .sudo = true};
    EXPECT_THAT(action_of<UsersStep>(recipe).users,
                ElementsAre(UserEntry{.name = "plain"}, deploy));
}

TEST(recipe_steps, a_script_stands_in_the_recipe_or_in_a_file) {
    const Recipe recipe = parse(
        "base: tiny\n"
        "steps:\n"
        "  - run: |\n"
        "      echo one\n"
        "    name: say one\n"
        "    interpreter: /bin/bash -eu\n"
        "    environment: {B: '2', A: '1'}\n"
        "    retries: 3\n"
        "    time_limit: 90s\n"
        "  - provision: {file: setup.sh}\n"
        "    login_user: admin\n"
        "  - seal:\n",
        files({{"setup.sh", "echo two"}}));

    const auto run = action_of<RunStep>(recipe);
    EXPECT_EQ(run.script, "echo one\n");
    EXPECT_EQ(run.interpreter, "/bin/bash -eu");
    EXPECT_THAT(run.environment, ElementsAre(Pair("A", "1"), Pair("B", "2")));
    EXPECT_EQ(recipe.steps[0].name, "say one");
    EXPECT_EQ(recipe.steps[0].retries, 3);
    EXPECT_EQ(recipe.steps[0].time_limit, 90s);
    const auto provision = std::get<ProvisionStep>(recipe.steps[1].action);
    EXPECT_EQ(provision.script, "echo two");
    EXPECT_EQ(provision.login_user, "admin");
    EXPECT_EQ(recipe.steps[1].retries, 0);
    EXPECT_EQ(recipe.steps[1].time_limit, 10min);
}

TEST(recipe_steps, what_an_instance_has_left_behind_is_sealed_in_the_end) {
    const Recipe left = parse("base: tiny\nsteps: [{provision: a}, {run: b}]\n");
    ASSERT_THAT(left.steps, SizeIs(3));
    EXPECT_EQ(std::get<SealStep>(left.steps[2].action), SealStep{});

    const Recipe sealed = parse("base: tiny\nsteps: [{provision: a}, {seal: {keep: [logs]}}]\n");
    ASSERT_THAT(sealed.steps, SizeIs(2));
    EXPECT_THAT(std::get<SealStep>(sealed.steps[1].action).keep, ElementsAre(SealedThing::logs));

    EXPECT_THAT(parse("base: tiny\nsteps: [{run: a}]\n").steps, SizeIs(1));
}

TEST(recipe_steps, a_cloud_config_gets_the_line_that_it_begins_with) {
    const Recipe recipe = parse(
        "base: debian-12\n"
        "steps:\n"
        "  - cloud_config: 'packages: [nginx]'\n");
    EXPECT_EQ(action_of<CloudConfigStep>(recipe).text, "#cloud-config\npackages: [nginx]");
}

TEST(recipe_steps, verify_steps_run_a_script_or_fetch_a_page) {
    const Recipe recipe = parse(
        "base: tiny\n"
        "verify:\n"
        "  - run: systemctl is-active nginx\n"
        "    retries: 5\n"
        "  - fetch: {port: 8080, path: '/a?b', status: 404, text: gone}\n"
        "    time_limit: 1m\n"
        "  - fetch: {}\n");

    ASSERT_THAT(recipe.verify, SizeIs(3));
    EXPECT_EQ(std::get<VerifyRun>(recipe.verify[0].check).script, "systemctl is-active nginx");
    EXPECT_EQ(recipe.verify[0].retries, 5);
    const VerifyFetch fetch{
        .port = 8080, .path = "/a?b", .expected_status = 404, .expected_text = "gone"};
    EXPECT_EQ(std::get<VerifyFetch>(recipe.verify[1].check), fetch);
    EXPECT_EQ(recipe.verify[1].time_limit, 1min);
    EXPECT_EQ(std::get<VerifyFetch>(recipe.verify[2].check), VerifyFetch{});
}

TEST(recipe_steps, the_base_may_be_an_image_the_newest_one_or_a_disk) {
    EXPECT_EQ(parse("base: {image: ami-12345678}\n").base,
              RecipeBase(ImageBase{.image = "ami-12345678"}));
    const NewestBase newest{.owner = "123456789012",
                            .name = "web-*",
                            .architecture = images::Architecture::arm64,
                            .tags = {{"team", "web"}}};
    EXPECT_EQ(parse("base:\n"
                    "  newest:\n"
                    "    owner: '123456789012'\n"
                    "    name: web-*\n"
                    "    architecture: arm64\n"
                    "    tags: {team: web}\n")
                  .base,
              RecipeBase(newest));
    const std::string sum(64, 'a');
    const ForeignBase disk{.url = "https://example.org/a.qcow2", .sha256 = sum};
    EXPECT_EQ(parse("base: {url: 'https://example.org/a.qcow2', sha256: " + sum + "}\n").base,
              RecipeBase(disk));
}

TEST(recipe_steps, another_suite_of_debian_is_named_by_itself) {
    EXPECT_EQ(parse("base: debian:sid\n").suite, "sid");
    EXPECT_EQ(parse("base: debian-13\n").suite, "trixie");
}

TEST(recipe_steps, what_becomes_of_the_image_is_read) {
    const Recipe recipe = parse(
        "base: tiny\n"
        "name: web-{date}-{version}\n"
        "version: 1.2\n"
        "tags: {team: web, empty: ''}\n"
        "launch_permissions: [all, '123456789012']\n"
        "regions: [lab-2]\n");

    EXPECT_EQ(recipe.name, "web-{date}-{version}");
    EXPECT_EQ(recipe.version, "1.2");
    ASSERT_THAT(recipe.tags, SizeIs(2));
    EXPECT_EQ(recipe.tags[0].key, "team");
    EXPECT_EQ(recipe.tags[0].value, "web");
    EXPECT_THAT(recipe.launch_permissions, ElementsAre("all", "123456789012"));
    EXPECT_THAT(recipe.regions, ElementsAre("lab-2"));
}

std::string repeated(const std::string& text, std::size_t count) {
    std::string all;
    for (std::size_t i = 0; i < count; ++i)
        all += text;
    return all;
}

TEST(recipe_steps, there_are_no_more_than_thirty) {
    const std::string head = "base: tiny\nsteps:\n";
    EXPECT_THAT(parse(head + repeated("  - run: a\n", max_steps)).steps, SizeIs(max_steps));
    EXPECT_EQ(
        tests::error_message_of([&] { parse(head + repeated("  - run: a\n", max_steps + 1)); }),
        "web.yaml:3:3: 'steps' has more than 30 entries");
}

TEST(recipe_steps, a_script_is_no_longer_than_its_bound) {
    const std::string head = "base: tiny\nsteps:\n  - run: ";
    EXPECT_THAT(parse(head + std::string(65536, 'a')).steps, SizeIs(1));
    EXPECT_EQ(tests::error_message_of([&] { parse(head + std::string(65537, 'a')); }),
              "web.yaml:3:10: 'run' is longer than 65536 characters");
}

TEST(recipe_steps, files_that_no_request_can_carry_are_refused_with_another_way) {
    const std::string yaml =
        "base: tiny\nsteps:\n  - files:\n"
        "      - {path: /a, source: a}\n      - {path: /b, source: a}\n";
    const std::string half(max_sources_size.value / 2, 'x');
    EXPECT_NO_THROW(parse(yaml, files({{"a", half}})));
    const auto message = tests::error_message_of([&] { parse(yaml, files({{"a", half + "x"}})); });
    EXPECT_THAT(message,
                HasSubstr("web.yaml:5:28: with 'a' the files of the recipe are larger than "
                          "512 KiB"));
    EXPECT_THAT(message, HasSubstr("fetch it by its URL"));
}

TEST(recipe_steps, deep_nesting_is_refused) {
    EXPECT_EQ(tests::error_code_of([&] { parse("base: " + std::string(100'000, '[')); }),
              "InvalidRecipe");
}

TEST(recipe_steps, aliases_say_a_text_only_so_often) {
    std::string yaml = "base: tiny\nsteps:\n  - files:\n      - path: /a\n        content: &text " +
                       std::string(200'000, 'x') + "\n";
    for (int i = 0; i < 30; ++i)
        yaml += "      - {path: /b, content: *text}\n";
    EXPECT_THAT(tests::error_message_of([&] { parse(yaml); }), HasSubstr("more than 4 MiB"));
}

struct Refused {
    const char* name;
    const char* yaml;
    const char* message;
};

class RefusedStep : public testing::TestWithParam<Refused> {};

TEST_P(RefusedStep, names_the_place_and_what_is_wrong) {
    const auto call = [] { parse(GetParam().yaml); };
    EXPECT_EQ(tests::error_code_of(call), "InvalidRecipe");
    EXPECT_EQ(tests::error_message_of(call), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    steps, RefusedStep,
    testing::Values(
        Refused{"steps_are_text", "base: tiny\nsteps: a\n", "web.yaml:2:8: 'steps' is a list"},
        Refused{"no_step", "base: tiny\nsteps: []\n", "web.yaml:2:8: 'steps' is a list"},
        Refused{"step_is_text", "base: tiny\nsteps: [seal]\n",
                "web.yaml:2:9: a step is a mapping: 'run: …' and so on"},
        Refused{"two_actions", "base: tiny\nsteps:\n  - run: a\n    seal:\n",
                "web.yaml:3:5: a step does one thing: this has run and seal"},
        Refused{"no_action", "base: tiny\nsteps: [{name: a}]\n",
                "web.yaml:2:9: a step has one of packages, files, users, run, provision, "
                "cloud_config, seal"},
        Refused{"unknown_action", "base: tiny\nsteps: [{runs: a}]\n",
                "web.yaml:2:10: unknown key 'runs'; did you mean 'run'?"},
        Refused{"environment_of_files",
                "base: tiny\nsteps: [{files: [{path: /a, content: b}], environment: {A: b}}]\n",
                "web.yaml:2:43: unknown key 'environment'; known are name, retries, time_limit, "
                "files"},
        Refused{"many_retries", "base: tiny\nsteps: [{run: a, retries: 11}]\n",
                "web.yaml:2:27: 'retries' is a number from 0 to 10"},
        Refused{"time_without_unit", "base: tiny\nsteps: [{run: a, time_limit: 30}]\n",
                "web.yaml:2:30: 'time_limit' is written like 90s, 10m or 2h"},
        Refused{"no_time", "base: tiny\nsteps: [{run: a, time_limit: 0s}]\n",
                "web.yaml:2:30: 'time_limit' is from 1s to 4h"},
        Refused{"long_time", "base: tiny\nsteps: [{run: a, time_limit: 241m}]\n",
                "web.yaml:2:30: 'time_limit' is from 1s to 4h"},
        Refused{"empty_script", "base: tiny\nsteps: [{run: ''}]\n",
                "web.yaml:2:15: 'run' must be a text"},
        Refused{"script_with_zero", "base: tiny\nsteps: [{run: \"a\\0b\"}]\n",
                "web.yaml:2:15: 'run' holds a zero byte"},
        Refused{"script_of_no_file", "base: tiny\nsteps: [{run: {script: a}}]\n",
                "web.yaml:2:16: unknown key 'script'; known are file"},
        Refused{"file_that_did_not_come", "base: tiny\nsteps: [{run: {file: a.sh}}]\n",
                "web.yaml:2:22: the file 'a.sh' did not come with the recipe: 'kiln build' sends "
                "it along"},
        Refused{"file_of_the_host", "base: tiny\nsteps: [{run: {file: /etc/passwd}}]\n",
                "web.yaml:2:22: '/etc/passwd' is not in the directory of the recipe"},
        Refused{"file_above", "base: tiny\nsteps: [{run: {file: a/../../b}}]\n",
                "web.yaml:2:22: 'a/../../b' is not in the directory of the recipe"},
        Refused{"relative_interpreter", "base: tiny\nsteps: [{run: a, interpreter: bash}]\n",
                "web.yaml:2:31: 'interpreter' is a program of the guest and its options, as "
                "/bin/bash -eu"},
        Refused{"strange_variable", "base: tiny\nsteps: [{run: a, environment: {'A-B': c}}]\n",
                "web.yaml:2:32: 'A-B' is no name of a variable"},
        Refused{"file_without_path", "base: tiny\nsteps: [{files: [{content: a}]}]\n",
                "web.yaml:2:18: 'path' is missing: where the file lies in the guest"},
        Refused{"relative_path", "base: tiny\nsteps: [{files: [{path: etc/motd, content: a}]}]\n",
                "web.yaml:2:25: 'path' is 'etc/motd': the absolute path of a file in the guest, as "
                "/etc/motd"},
        Refused{"path_with_dots",
                "base: tiny\nsteps: [{files: [{path: /a/../etc/motd, content: a}]}]\n",
                "web.yaml:2:25: 'path' is '/a/../etc/motd': the absolute path of a file in the "
                "guest, as /etc/motd"},
        Refused{"file_without_content", "base: tiny\nsteps: [{files: [{path: /a}]}]\n",
                "web.yaml:2:18: a file has either 'content' or 'source'"},
        Refused{"file_with_both",
                "base: tiny\nsteps: [{files: [{path: /a, content: b, source: c}]}]\n",
                "web.yaml:2:18: a file has either 'content' or 'source'"},
        Refused{"decimal_mode",
                "base: tiny\nsteps: [{files: [{path: /a, content: b, mode: 888}]}]\n",
                "web.yaml:2:47: 'mode' is written in octal digits, as \"0644\""},
        Refused{"owner_with_capitals",
                "base: tiny\nsteps: [{files: [{path: /a, content: b, owner: Me}]}]\n",
                "web.yaml:2:48: 'owner' is 'Me': a name or a number"},
        Refused{"user_without_name", "base: tiny\nsteps: [{users: [{sudo: true}]}]\n",
                "web.yaml:2:18: 'name' is missing: the user's"},
        Refused{"user_zero", "base: tiny\nsteps: [{users: [{name: a, uid: 0}]}]\n",
                "web.yaml:2:33: 'uid' is a number from 1 to 65533"},
        Refused{"private_key", "base: tiny\nsteps: [{users: [{name: a, ssh_keys: [secret]}]}]\n",
                "web.yaml:2:39: that is no public key: 'ssh-ed25519 AAAA… name', one line"},
        Refused{
            "two_keys_in_one",
            "base: tiny\nsteps: [{users: [{name: a, ssh_keys: [\"ssh-rsa A\\nssh-rsa B\"]}]}]\n",
            "web.yaml:2:39: that is no public key: 'ssh-ed25519 AAAA… name', one line"},
        Refused{"unknown_thing_to_keep", "base: tiny\nsteps: [{seal: {keep: [log]}}]\n",
                "web.yaml:2:24: nothing that is sealed is called 'log'; did you mean 'logs'?"},
        Refused{"packages_in_tiny", "base: tiny\nsteps: [{packages: [nginx]}]\n",
                "web.yaml:2:9: base 'tiny' takes no packages; use debian-12"},
        Refused{"cloud_init_of_tiny", "base: tiny\nsteps: [{cloud_config: 'a: b'}]\n",
                "web.yaml:2:9: base 'tiny' has no cloud-init; use debian-12"},
        Refused{"verify_seals", "base: tiny\nverify: [{seal: {}}]\n",
                "web.yaml:2:11: unknown key 'seal'; known are name, retries, time_limit, run, "
                "interpreter, environment, fetch"},
        Refused{"port_too_large", "base: tiny\nverify: [{fetch: {port: 65536}}]\n",
                "web.yaml:2:25: 'port' is a number from 1 to 65535"},
        Refused{"page_with_space", "base: tiny\nverify: [{fetch: {path: '/a b'}}]\n",
                "web.yaml:2:25: 'path' is that of a URL, as /index.html"},
        Refused{"no_such_status", "base: tiny\nverify: [{fetch: {status: 600}}]\n",
                "web.yaml:2:27: 'status' is a number from 100 to 599"}),
    [](const auto& test) { return std::string(test.param.name); });

INSTANTIATE_TEST_SUITE_P(
    bases, RefusedStep,
    testing::Values(
        Refused{"two_bases", "base: {image: ami-12345678, file: a}\n",
                "web.yaml:1:7: 'base' has one of image, newest, file and url"},
        Refused{"empty_base", "base: {}\n",
                "web.yaml:1:7: 'base' has one of image, newest, file and url"},
        Refused{"file_without_sum", "base: {file: a.qcow2}\n",
                "web.yaml:1:7: 'sha256' is missing: the checksum of the file"},
        Refused{"short_sum", "base: {file: a.qcow2, sha256: abc}\n",
                "web.yaml:1:31: 'sha256' is no checksum: 64 digits of 0-9 and a-f"},
        Refused{"sum_of_an_image", "base: {image: ami-12345678, sha256: abc}\n",
                "web.yaml:1:37: 'sha256' is for a file or a url"},
        Refused{"url_of_ftp", "base: {url: 'ftp://a/b', sha256: abc}\n",
                "web.yaml:1:13: 'url' is no http or https address"},
        Refused{"newest_of_all", "base: {newest: {owner: self}}\n",
                "web.yaml:1:16: 'newest' needs a name or tags: {name: 'web-*'}"},
        Refused{"owner_by_name", "base: {newest: {owner: amazon, name: a}}\n",
                "web.yaml:1:24: 'owner' is 'amazon': self, or the 12 digits of an account"},
        Refused{"suite_with_space", "base: 'debian:a b'\n",
                "web.yaml:1:7: 'debian:a b' names no suite: write it like debian:trixie"},
        Refused{"architecture_of_an_image", "base: {image: ami-12345678}\narchitecture: arm64\n",
                "web.yaml:2:15: 'architecture' is as the base has it: leave it out"},
        Refused{"mirror_of_an_image", "base: {image: ami-12345678}\nmirror: http://a/\n",
                "web.yaml:2:9: 'mirror' is as the base has it: leave it out"}),
    [](const auto& test) { return std::string(test.param.name); });

INSTANTIATE_TEST_SUITE_P(
    fates, RefusedStep,
    testing::Values(
        Refused{"unknown_place", "base: tiny\nname: web-{data}\n",
                "web.yaml:2:7: the name has {data}; did you mean 'date'?"},
        Refused{"no_version", "base: tiny\nname: web-{version}\n",
                "web.yaml:2:7: the name has {version}, but the recipe has no 'version'"},
        Refused{"open_brace", "base: tiny\nname: web-{date\n",
                "web.yaml:2:7: the name has a '{' without its '}'"},
        Refused{"reserved_tag", "base: tiny\ntags: {'aws:a': b}\n",
                "web.yaml:2:8: Tag keys starting with 'aws:' are reserved for internal use: aws:a"},
        Refused{"tag_is_a_list", "base: tiny\ntags: {a: [b]}\n",
                "web.yaml:2:8: a tag is a text: 'team: web'"},
        Refused{"unknown_grantee", "base: tiny\nlaunch_permissions: [everybody]\n",
                "web.yaml:2:21: 'everybody' is no grantee: all, the 12 digits of an account, or "
                "the ARN of an organization or a unit"},
        Refused{"strange_region", "base: tiny\nregions: [../a]\n",
                "web.yaml:2:10: '../a' is no name of a region"}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace

}  // namespace kiln::builder
