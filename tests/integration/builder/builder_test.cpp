#include "builder/builder.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>

#include "builder/registration.hpp"
#include "tests/integration/builder/builder_fixture.hpp"
#include "tests/integration/builder/silent_mirror.hpp"

namespace kiln::builder {

namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using tests::error_code_of;
using tests::error_message_of;

Recipe recipe_from(const std::string& mirror) {
    Recipe recipe = builtin_recipe("tiny");
    recipe.mirror = mirror;
    return recipe;
}

/// Processes whose arguments name the directory.
std::vector<std::string> processes_in(const fs::path& directory) {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator("/proc")) {
        std::ifstream file(entry.path() / "cmdline");
        const std::string line((std::istreambuf_iterator<char>(file)), {});
        if (line.find(directory.string()) != std::string::npos) found.push_back(line);
    }
    return found;
}

class BuilderTest : public tests::BuilderFixture {
  protected:
    /// A build that waits for its mirror.
    ImageId start_endless_build(const std::string& name = "golden") {
        const ImageId id = builder().build_image(
            caller(), {.name = name, .recipe = recipe_from(mirror_.address())});
        mirror_.wait_for_caller();
        return id;
    }
    images::Caller stranger_calls() const {
        return {.account = stranger().owner, .region = stranger().region};
    }

  private:
    tests::SilentMirror mirror_;
};

TEST_F(BuilderTest, a_build_is_described_to_its_owner_alone_while_its_image_is_pending) {
    const ImageId id = start_endless_build();

    const ImageBuild build = status_of(id);
    EXPECT_EQ(build.name, "golden");
    EXPECT_EQ(build.state, "building");
    EXPECT_EQ(build.step, "reading the package lists");
    EXPECT_THAT(build.log, Not(IsEmpty()));
    EXPECT_EQ(image_of(id).state, images::ImageState::pending);
    EXPECT_EQ(open_operations(), 1);
    EXPECT_THAT(builder().describe_image_builds(stranger_calls()), IsEmpty());
}

TEST_F(BuilderTest, canceling_in_the_middle_leaves_nothing) {
    const ImageId id = start_endless_build();
    ASSERT_FALSE(nothing_is_left());
    ASSERT_THAT(processes_in(work_directory()), Not(IsEmpty()));

    builder().cancel_image_build(caller(), id);

    EXPECT_EQ(status_of(id).state, "canceled");
    EXPECT_EQ(image_of(id).state, images::ImageState::deregistered);
    EXPECT_EQ(open_operations(), 0);
    EXPECT_TRUE(nothing_is_left());
    EXPECT_TRUE(fs::is_empty(pool().directory()));
    EXPECT_THAT(processes_in(work_directory()), IsEmpty());
}

TEST_F(BuilderTest, canceling_again_says_that_the_build_has_ended) {
    const ImageId id = start_endless_build();
    builder().cancel_image_build(caller(), id);

    const auto call = [&] { builder().cancel_image_build(caller(), id); };

    EXPECT_EQ(error_code_of(call), "IncorrectState");
    EXPECT_EQ(error_message_of(call), "The build of '" + id.str() + "' has ended: it is canceled");
}

TEST_F(BuilderTest, a_stranger_cannot_cancel_a_build) {
    const ImageId id = start_endless_build();

    EXPECT_EQ(error_code_of([&] { builder().cancel_image_build(stranger_calls(), id); }),
              "InvalidAMIID.NotFound");
    EXPECT_EQ(status_of(id).state, "building");
}

TEST_F(BuilderTest, a_dry_run_of_a_cancel_cancels_nothing) {
    const ImageId id = start_endless_build();
    images::Caller careful = caller();
    careful.dry_run = true;

    EXPECT_EQ(error_code_of([&] { builder().cancel_image_build(careful, id); }), "DryRunOperation");
    EXPECT_EQ(status_of(id).state, "building");
}

TEST_F(BuilderTest, stopping_the_service_cancels_its_builds) {
    const ImageId id = start_endless_build();

    stop_service();

    EXPECT_EQ(image_of(id).state, images::ImageState::deregistered);
    EXPECT_TRUE(nothing_is_left());
}

TEST_F(BuilderTest, a_name_is_free_again_after_a_cancel_but_not_before) {
    const ImageId id = start_endless_build("golden");
    const BuildRequest same{.name = "golden", .recipe = recipe_from("http://127.0.0.1:1/")};

    const std::string before = error_code_of([&] { builder().build_image(caller(), same); });
    builder().cancel_image_build(caller(), id);
    const std::string after = error_code_of([&] { builder().build_image(caller(), same); });

    EXPECT_EQ(before, "InvalidAMIName.Duplicate");
    EXPECT_EQ(after, "");
}

TEST_F(BuilderTest, a_malformed_name_is_refused_before_anything_happens) {
    EXPECT_EQ(error_code_of([&] {
                  builder().build_image(caller(),
                                        {.name = "a*b", .recipe = builtin_recipe("tiny")});
              }),
              "InvalidAMIName.Malformed");
    EXPECT_THAT(builder().describe_image_builds(caller()), IsEmpty());
    EXPECT_EQ(open_operations(), 0);
}

TEST_F(BuilderTest, a_dry_run_builds_nothing) {
    images::Caller careful = caller();
    careful.dry_run = true;

    EXPECT_EQ(error_code_of([&] {
                  builder().build_image(careful,
                                        {.name = "golden", .recipe = builtin_recipe("tiny")});
              }),
              "DryRunOperation");
    EXPECT_THAT(builder().describe_image_builds(caller()), IsEmpty());
    EXPECT_EQ(open_operations(), 0);
}

TEST_F(BuilderTest, too_little_space_refuses_a_build_before_anything_happens) {
    start_service(Bytes::gibibytes(1ULL << 20));

    const auto call = [&] {
        builder().build_image(caller(), {.name = "golden", .recipe = builtin_recipe("tiny")});
    };

    EXPECT_EQ(error_code_of(call), "InsufficientInstanceCapacity");
    EXPECT_THAT(builder().describe_image_builds(caller()), IsEmpty());
    EXPECT_EQ(open_operations(), 0);
}

TEST_F(BuilderTest, a_mirror_that_is_not_there_fails_the_build_with_apts_words) {
    const ImageId id = builder().build_image(
        caller(), {.name = "golden", .recipe = recipe_from("http://127.0.0.1:1/debian")});

    const ImageBuild build = wait_for_end(id);

    EXPECT_EQ(build.state, "failed");
    EXPECT_THAT(build.message,
                HasSubstr("'mmdebstrap' failed with exit status 25: E: Failed to fetch "
                          "http://127.0.0.1:1/debian"));
    EXPECT_EQ(image_of(id).state, images::ImageState::failed);
    EXPECT_EQ(image_of(id).state_reason, build.message);
    EXPECT_EQ(open_operations(), 0);
    EXPECT_TRUE(nothing_is_left());
}

TEST_F(BuilderTest, an_unknown_package_fails_the_build_with_its_name) {
    Recipe recipe = builtin_recipe("debian-12");
    recipe.packages = {"kiln-no-such-package"};
    const ImageId id = builder().build_image(caller(), {.name = "golden", .recipe = recipe});

    const ImageBuild build = wait_for_end(id);

    EXPECT_EQ(build.state, "failed");
    EXPECT_THAT(build.message, HasSubstr("E: Unable to locate package kiln-no-such-package"));
    EXPECT_TRUE(nothing_is_left());
}

TEST_F(BuilderTest, a_build_that_a_crash_cut_off_fails_at_the_next_start) {
    const Recipe recipe = builtin_recipe("tiny");
    const Registration cut_off = database().write([&](Session& session) {
        return register_build(
            session, {.caller = caller(), .name = "golden", .recipe = recipe, .now = now()});
    });
    fs::create_directories(work_directory() / cut_off.image.str() / "root/etc");

    start_service();
    builder().recover();
    builder().wait_until_idle();

    const images::Image image = image_of(cut_off.image);
    EXPECT_EQ(image.state, images::ImageState::failed);
    EXPECT_EQ(image.state_reason, "the service stopped while the image was built: build it again");
    EXPECT_EQ(open_operations(), 0);
    EXPECT_TRUE(nothing_is_left());
}

TEST_F(BuilderTest, what_a_finished_build_had_not_removed_goes_at_the_next_start) {
    fs::create_directories(work_directory() / ImageId::generate().str() / "root/etc");

    start_service();
    builder().recover();
    builder().wait_until_idle();

    EXPECT_TRUE(nothing_is_left());
}

TEST_F(BuilderTest, recovering_leaves_the_operations_of_others_alone) {
    write([&](Session& session) {
        images::insert_operation(session, {.id = OperationId::generate(),
                                           .kind = "launch",
                                           .owner = caller().account,
                                           .resource_id = InstanceId::generate().str(),
                                           .payload = "{}",
                                           .created = now()});
    });

    builder().recover();
    builder().wait_until_idle();

    EXPECT_EQ(open_operations(), 1);
}

}  // namespace

}  // namespace kiln::builder
