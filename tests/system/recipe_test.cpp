#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <string>

#include "base/file.hpp"
#include "base/process.hpp"
#include "tests/system/kiln_host.hpp"

namespace kiln::tests {

namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

/// A web server of busybox with one page; the tests write what the recipe says of both.
constexpr const char* recipe_text = R"(
name: web-{{version}}
version: {version}
base: {base}
steps:
  - name: the server's unit
    files:
      - path: /etc/web.conf
        content: "port 80\n"
  - name: count
    run: |
      echo once >>/etc/runs
      wc -l </etc/runs
  - name: page
    files:
      - path: /www/index.html
        source: www/index.html
verify:
  - name: start
    run: httpd -p 80 -h /www
  - name: fetch
    fetch: {{path: /, text: {wanted}}}
    retries: 5
tags: {{team: web}}
)";

class RecipeTest : public ::testing::Test {
  protected:
    /// Writes the recipe of a page and builds it.
    ProcessResult build(const std::string& version, const std::string& page,
                        const std::string& wanted, const Arguments& options = {}) {
        write(version, page, wanted);
        Arguments arguments{"build", recipe().string(), "--output", "json"};
        arguments.insert(arguments.end(), options.begin(), options.end());
        return host_.kiln(arguments);
    }
    void write(const std::string& version, const std::string& page, const std::string& wanted) {
        fs::create_directories(directory() / "www");
        write_file_atomically(directory() / "www/index.html", page, 0644);
        write_file_atomically(recipe(),
                              fmt::format(recipe_text, fmt::arg("version", version),
                                          fmt::arg("base", base_), fmt::arg("wanted", wanted)),
                              0644);
    }
    /// The stages of the recipe's next build that would not be run.
    std::vector<std::string> cached() {
        std::vector<std::string> names;
        const auto plan = host_.kiln_json({"build", recipe().string(), "--dry-run"});
        for (const auto& stage : plan.at("Stages")) {
            if (stage.at("State") == "cached") names.push_back(stage.at("Name"));
        }
        return names;
    }
    nlohmann::json images(const std::string& state) {
        return host_
            .kiln_json(
                {"describe-images", "--owners", "self", "--filters", "Name=state,Values=" + state})
            .at("Images");
    }
    fs::path directory() const { return host_.home() / "recipe"; }
    fs::path recipe() const { return directory() / "web.yaml"; }
    static std::string sum_of(const fs::path& file) {
        return run_checked({.arguments = {"sha256sum", file}}).substr(0, 64);
    }
    static std::string id_of(const ProcessResult& built) {
        EXPECT_EQ(built.exit_status, 0) << built.standard_error;
        return nlohmann::json::parse(built.standard_output).at("ImageId");
    }

    KilnHost host_{"tiny"};
    std::string base_ = "tiny";
};

TEST_F(RecipeTest, only_what_changed_is_run_again_and_only_what_was_verified_is_available) {
    const std::string first = id_of(build("1", "<p>First</p>", "First"));
    EXPECT_EQ(images("available").size(), 2U) << "and the one that was there";
    const auto image =
        host_.kiln_json({"describe-images", "--image-ids", first}).at("Images").at(0);
    EXPECT_EQ(image.at("Name"), "web-1");
    EXPECT_EQ(image.at("Tags").at(0).at("Value"), "web");
    EXPECT_THAT(
        host_.kiln_json({"describe-instances"}).at("Reservations"),
        Each(testing::ResultOf(
            [](const auto& r) {
                return r.at("Instances").at(0).at("State").at("Name").template get<std::string>();
            },
            "terminated")));

    write("2", "<p>Second</p>", "Second");
    EXPECT_THAT(cached(), ElementsAre("base: tiny", "step 1: the server's unit", "step 2: count"));
    const ProcessResult second = build("2", "<p>Second</p>", "Second");
    const std::string id = id_of(second);
    EXPECT_THAT(second.standard_error,
                AllOf(HasSubstr("step 3: page"), Not(HasSubstr("% step 2"))));

    const ProcessResult broken = build("3", "<p>Third</p>", "Fourth");
    EXPECT_EQ(broken.exit_status, 1);
    EXPECT_THAT(broken.standard_error, AllOf(HasSubstr("verify failed"), HasSubstr("fetch")));
    EXPECT_EQ(images("available").size(), 3U);
    EXPECT_THAT(images("failed"), SizeIs(1));

    host_.kiln_json({"create-key-pair", "--key-name", "k", "--key-type", "ed25519"});
    const std::string instance =
        host_.run_instance(id, {"--key-name", "k", "--instance-type", "t3.nano"});
    host_.kiln_json({"describe-instance-status", "--instance-ids", instance, "--wait"});
    EXPECT_EQ(host_.ssh(instance, "cat /www/index.html /etc/web.conf; cat /etc/runs"),
              "<p>Second</p>port 80\nonce");
}

TEST_F(RecipeTest, a_step_that_fails_prints_what_it_said_and_is_kept_on_request) {
    fs::create_directories(directory());
    write_file_atomically(recipe(),
                          "base: {image: " + host_.image_id() +
                              "}\nsteps:\n  - name: broken\n    run: echo what it says; false\n",
                          0644);
    const ProcessResult failed = host_.kiln({"build", recipe().string(), "--name", "never"});
    EXPECT_EQ(failed.exit_status, 1);
    EXPECT_THAT(failed.standard_error,
                AllOf(HasSubstr("what it says"), HasSubstr("broken failed")));
    EXPECT_THAT(host_.kiln_json({"describe-snapshots", "--owner-ids", "self"}).at("Snapshots"),
                SizeIs(1))
        << "of the image that is the base";

    const ProcessResult kept =
        host_.kiln({"build", recipe().string(), "--name", "never-2", "--on-failure", "keep"});
    EXPECT_THAT(kept.standard_error, HasSubstr("kiln create-volume --snapshot-id snap-"));
    EXPECT_THAT(host_.kiln_json({"describe-snapshots", "--owner-ids", "self"}).at("Snapshots"),
                SizeIs(2));

    write_file_atomically(recipe(),
                          "base: {image: " + host_.image_id() +
                              "}\nsteps:\n  - name: broken\n    provision: echo online; false\n",
                          0644);
    const ProcessResult online =
        host_.kiln({"build", recipe().string(), "--name", "never-3", "--on-failure", "keep"});
    EXPECT_THAT(online.standard_error, AllOf(HasSubstr("online"), HasSubstr("kiln ssh i-")));
}

TEST_F(RecipeTest, a_recipe_begins_with_an_alias_or_a_disk_from_elsewhere) {
    host_.kiln_json({"tag-image", "golden:latest", host_.image_id()});
    base_ = "{image: golden}";
    const std::string first = id_of(build("1", "first", "first"));
    const fs::path disk = directory() / "disk.qcow2";
    const ProcessResult exported =
        host_.kiln({"export", first, "--format", "qcow2", "--output", disk.string()});
    ASSERT_EQ(exported.exit_status, 0) << exported.standard_error;

    base_ = "{file: disk.qcow2, sha256: " + sum_of(disk) + "}";
    const std::string second = id_of(build("2", "second", "second"));
    EXPECT_THAT(build("3", "third", "third").standard_error, Not(HasSubstr("importing")));
    const auto lineage = host_.kiln_json({"get-image-ancestry", "--image-id", second});
    EXPECT_EQ(lineage.at("ImageAncestryEntries").size(), 2U) << lineage;

    write_file_atomically(disk, "other bytes", 0644);
    base_ = "{file: disk.qcow2, sha256: " + std::string(64, '0') + "}";
    const ProcessResult refused = build("4", "fourth", "fourth");
    EXPECT_EQ(refused.exit_status, 1);
    EXPECT_THAT(refused.standard_error, HasSubstr("SHA-256"));
}

/// What a first user would build: nginx with a page, of Debian.
TEST(WebServerTest, a_web_server_of_debian_serves_its_page_and_only_the_page_is_made_again) {
    const KilnHost host;
    const fs::path directory = host.home() / "web";
    const fs::path recipe = directory / "web.yaml";
    fs::create_directories(directory);
    const auto build = [&](const std::string& name, const std::string& page,
                           const std::string& wanted) {
        write_file_atomically(directory / "index.html", "<h1>" + page + "</h1>", 0644);
        write_file_atomically(recipe,
                              "base: debian-12\n"
                              "steps:\n"
                              "  - packages: [nginx]\n"
                              "  - files:\n"
                              "      - {path: /var/www/html/index.html, source: index.html}\n"
                              "verify:\n"
                              "  - run: systemctl is-active nginx\n"
                              "    retries: 10\n"
                              "  - fetch: {path: /, text: " +
                                  wanted + "}\n",
                              0644);
        return host.kiln({"build", recipe.string(), "--name", name});
    };
    const ProcessResult first = build("web-1", "First", "First");
    ASSERT_EQ(first.exit_status, 0) << first.standard_error;
    const ProcessResult second = build("web-2", "Second", "Second");
    ASSERT_EQ(second.exit_status, 0) << second.standard_error;
    EXPECT_THAT(second.standard_error, Not(HasSubstr("nginx")));
    const ProcessResult broken = build("web-3", "Third", "Fourth");
    EXPECT_EQ(broken.exit_status, 1);
    EXPECT_THAT(broken.standard_error, HasSubstr("verify failed"));
    const auto available = host.kiln_json(
        {"describe-images", "--owners", "self", "--filters", "Name=state,Values=available"});
    EXPECT_EQ(available.at("Images").size(), 2U);
}

}  // namespace

}  // namespace kiln::tests
