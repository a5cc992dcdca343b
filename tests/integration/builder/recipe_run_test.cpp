#include <gmock/gmock.h>

#include <future>

#include "builder/builder.hpp"
#include "builder/registration.hpp"
#include "builder/stages/stage_cache.hpp"
#include "images/catalog/build_layer.hpp"
#include "images/catalog/image_alias.hpp"
#include "images/catalog/permission.hpp"
#include "images/catalog/tag.hpp"
#include "images/layers/collection.hpp"
#include "images/layers/qemu_img.hpp"
#include "images/market/product.hpp"
#include "images/market/product_code.hpp"
#include "tests/integration/builder/builder_fixture.hpp"

namespace kiln::builder {

namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

using tests::error_code_of;
using tests::error_message_of;

using Names = std::vector<std::string>;

Step run(const std::string& name, const std::string& script = "true") {
    return {.name = name, .action = RunStep{.script = script}};
}

Step provision(const std::string& name) {
    return {.name = name, .action = ProvisionStep{.script = "true"}};
}

VerifyStep verify(const std::string& name) {
    return {.name = name, .check = VerifyRun{.script = "true"}};
}

/// A small base with steps of these names.
Recipe recipe_with(const Names& steps) {
    Recipe recipe = builtin_recipe("tiny");
    for (const std::string& name : steps)
        recipe.steps.push_back(run(name, name));
    return recipe;
}

/// Builds whose steps are faked, while their layers are real.
class RecipeRunTest : public tests::BuilderFixture {
  protected:
    RecipeRunTest() {
        workshop().bases_are_empty = true;
        workshop().capture = [this](const TrialSpec& trial) { return capture(trial); };
    }

    ImageBuild build(const Recipe& recipe, const std::string& name) {
        return build({.name = name, .recipe = recipe});
    }
    ImageBuild build(const BuildRequest& request) {
        return wait_for_end(builder().build_image(caller(), request));
    }
    /// What was done for it.
    Names done_for(const Recipe& recipe, const std::string& name) {
        workshop().forget_done();
        const ImageBuild ended = build(recipe, name);
        EXPECT_EQ(ended.state, "available") << ended.message;
        return workshop().done();
    }
    LayerId root_of(const ImageId& image) {
        const auto snapshot = image_of(image).block_devices.at(0).snapshot.value();
        return read([&](Session& session) {
            return images::find_snapshot(session, snapshot)->layer.value();
        });
    }
    std::vector<images::Layer> chain_of(const ImageId& image) {
        return read([&](Session& session) {
            return images::layer_chain(session, caller().region, root_of(image));
        });
    }
    std::vector<images::BuildLayer> cached() {
        return read(
            [&](Session& session) { return images::build_layers_of(session, caller().region); });
    }
    std::size_t layers() {
        return read([&](Session& session) { return images::all_layers(session, caller().region); })
            .size();
    }
    std::size_t snapshots() {
        return read([&](Session& session) { return images::list_snapshots(session, scope()); })
            .size();
    }
    void age_cache(std::chrono::hours age) {
        write([&](Session& session) {
            run_sql(session, "update build_layers set created = created - :age",
                    {{"age", std::int64_t{std::chrono::milliseconds(age).count()}}});
        });
    }

    /// As an instance that was stopped leaves its root.
    LayerId capture(const TrialSpec& trial) {
        const LayerId parent = root_of(trial.image);
        images::Layer layer = this->layer(parent);
        layer.virtual_size = image_of(trial.image).block_devices.at(0).volume_size;
        pool().create_overlay({.layer = layer.id, .parent = parent, .size = layer.virtual_size});
        pool().freeze(layer.id);
        write([&](Session& session) {
            images::insert_layer(session, layer);
            images::pin_layer(session, trial.operation, caller().region, layer.id);
        });
        return layer.id;
    }
};

TEST_F(RecipeRunTest, each_step_has_a_layer_and_all_have_one_appliance) {
    const ImageBuild ended = build(recipe_with({"a", "b", "c"}), "golden");

    EXPECT_EQ(ended.state, "available") << ended.message;
    EXPECT_THAT(workshop().done(), ElementsAre("base", "a", "b", "c"));
    EXPECT_EQ(workshop().opened(), 1);
    EXPECT_THAT(chain_of(ended.image), SizeIs(4));
    EXPECT_THAT(cached(), SizeIs(4));
    for (const images::Layer& layer : chain_of(ended.image)) {
        EXPECT_EQ(layer.state, images::LayerState::frozen);
        images::qemu_img::check(pool().path_of(layer.id));
    }
    EXPECT_EQ(image_of(ended.image).state, images::ImageState::available);
    EXPECT_EQ(open_operations(), 0);
    EXPECT_TRUE(nothing_is_left());
}

TEST_F(RecipeRunTest, changing_step_5_of_6_runs_5_and_6_alone) {
    EXPECT_THAT(done_for(recipe_with({"1", "2", "3", "4", "5", "6"}), "first"),
                ElementsAre("base", "1", "2", "3", "4", "5", "6"));

    EXPECT_THAT(done_for(recipe_with({"1", "2", "3", "4", "five", "6"}), "second"),
                ElementsAre("five", "6"));
    EXPECT_EQ(layers(), 9) << "seven, and two more";
}

TEST_F(RecipeRunTest, the_same_recipe_again_runs_nothing_and_shares_its_layer) {
    const ImageBuild first = build(recipe_with({"a"}), "first");
    workshop().forget_done();
    const ImageBuild second = build(recipe_with({"a"}), "second");

    EXPECT_THAT(workshop().done(), IsEmpty());
    EXPECT_EQ(root_of(first.image), root_of(second.image));
    EXPECT_NE(image_of(first.image).block_devices.at(0).snapshot,
              image_of(second.image).block_devices.at(0).snapshot);
}

TEST_F(RecipeRunTest, without_the_cache_all_runs_again_and_is_what_later_builds_find) {
    const ImageBuild first = build(recipe_with({"a"}), "first");
    workshop().forget_done();
    const ImageBuild fresh =
        build({.name = "fresh", .recipe = recipe_with({"a"}), .use_cache = false});
    EXPECT_THAT(workshop().done(), ElementsAre("base", "a"));

    const ImageBuild third = build(recipe_with({"a"}), "third");
    EXPECT_EQ(root_of(third.image), root_of(fresh.image));
    EXPECT_NE(root_of(third.image), root_of(first.image));
}

TEST_F(RecipeRunTest, a_base_older_than_a_day_is_made_anew_with_all_that_stood_on_it) {
    build(recipe_with({"a"}), "first");
    age_cache(std::chrono::hours(23));
    EXPECT_THAT(done_for(recipe_with({"a"}), "second"), IsEmpty());

    age_cache(std::chrono::hours(2));
    EXPECT_THAT(done_for(recipe_with({"a"}), "third"), ElementsAre("base", "a"));
}

TEST_F(RecipeRunTest, a_plan_says_what_is_to_be_run_and_changes_nothing) {
    const auto is_cached = [&](const Recipe& recipe, bool use_cache = true) {
        std::vector<bool> cached;
        for (const PlannedStage& stage : builder().plan_build(caller(), recipe, use_cache))
            cached.push_back(stage.is_cached);
        return cached;
    };
    const Recipe recipe = recipe_with({"a", "b"});
    EXPECT_THAT(is_cached(recipe), ElementsAre(false, false, false));
    EXPECT_EQ(layers(), 0);

    build(recipe, "golden");
    EXPECT_THAT(is_cached(recipe), ElementsAre(true, true, true));
    EXPECT_THAT(is_cached(recipe, false), ElementsAre(false, false, false));
    EXPECT_THAT(is_cached(recipe_with({"a", "c"})), ElementsAre(true, true, false));
    EXPECT_EQ(builder().plan_build(caller(), recipe, true).at(1).name, "step 1: a");
}

TEST_F(RecipeRunTest, others_do_not_find_what_an_account_has_built) {
    build(recipe_with({"a"}), "golden");
    const images::Caller other{.account = stranger().owner, .region = stranger().region};
    EXPECT_FALSE(builder().plan_build(other, recipe_with({"a"}), true).at(0).is_cached);
}

TEST_F(RecipeRunTest, a_failing_step_is_tried_again_as_often_as_it_says) {
    Recipe recipe = recipe_with({"a"});
    recipe.steps[0].retries = 2;
    workshop().fail("a", 2);
    EXPECT_THAT(done_for(recipe, "golden"), ElementsAre("base", "a", "a", "a"));
}

TEST_F(RecipeRunTest, a_failing_step_fails_the_build_with_its_words_and_keeps_what_was_before_it) {
    workshop().fail("b", 1);
    const ImageBuild failed = build(recipe_with({"a", "b"}), "golden");

    EXPECT_EQ(failed.state, "failed");
    EXPECT_EQ(failed.message, "step 2: b failed: b has exit status 1");
    EXPECT_THAT(failed.log, Contains("b says something"));
    EXPECT_EQ(failed.kept, "");
    EXPECT_EQ(image_of(failed.image).state, images::ImageState::failed);
    EXPECT_EQ(image_of(failed.image).state_reason, failed.message);
    EXPECT_EQ(layers(), 2) << "the base and the first step";
    EXPECT_EQ(snapshots(), 0);
    EXPECT_TRUE(nothing_is_left());

    EXPECT_THAT(done_for(recipe_with({"a", "b"}), "again"), ElementsAre("b"));
}

TEST_F(RecipeRunTest, the_disk_of_a_failed_step_may_be_kept_as_a_snapshot) {
    workshop().fail("b", 1);
    const ImageBuild failed =
        build({.name = "golden", .recipe = recipe_with({"a", "b"}), .keep_failed = true});

    EXPECT_EQ(failed.state, "failed");
    ASSERT_THAT(failed.kept, StartsWith("snap-"));
    const auto snapshot = read([&](Session& session) {
        return images::get_snapshot(session, scope(), SnapshotId(failed.kept));
    });
    EXPECT_EQ(snapshot.state, images::SnapshotState::completed);
    EXPECT_TRUE(pool().exists(snapshot.layer.value()));
    EXPECT_THAT(cached(), SizeIs(2)) << "it is no stage's";
}

TEST_F(RecipeRunTest, online_steps_run_on_the_layers_so_far) {
    Recipe recipe = recipe_with({"a"});
    recipe.steps.push_back(provision("p"));
    recipe.steps.push_back(run("b"));
    const ImageBuild ended = build(recipe, "golden");

    EXPECT_EQ(ended.state, "available") << ended.message;
    EXPECT_THAT(workshop().done(), ElementsAre("base", "a", "p", "b"));
    EXPECT_EQ(workshop().opened(), 2);
    EXPECT_THAT(chain_of(ended.image), SizeIs(4));
    EXPECT_EQ(snapshots(), 1) << "those of the trials are gone";

    EXPECT_THAT(done_for(recipe, "again"), IsEmpty());
}

TEST_F(RecipeRunTest, only_the_last_try_of_an_online_step_is_kept) {
    Recipe recipe = recipe_with({});
    recipe.steps = {provision("p")};
    recipe.steps[0].retries = 1;
    workshop().fail("p", 2);
    const ImageBuild failed = build({.name = "golden", .recipe = recipe, .keep_failed = true});

    EXPECT_EQ(failed.kept, "i-12345678");
    EXPECT_EQ(failed.message, "step 1: p failed at the try number 2: p has exit status 1");
    EXPECT_EQ(snapshots(), 0);
}

TEST_F(RecipeRunTest, a_candidate_is_verified_while_its_image_is_pending) {
    Recipe recipe = recipe_with({"a"});
    recipe.verify = {verify("v"), verify("w")};
    std::optional<images::Image> seen;
    workshop().on_verify = [&](const TrialSpec& trial) { seen = image_of(trial.image); };
    EXPECT_THAT(done_for(recipe, "golden"), ElementsAre("base", "a", "v", "w"));
    ASSERT_TRUE(seen.has_value());
    EXPECT_EQ(seen->state, images::ImageState::pending);
    EXPECT_TRUE(seen->block_devices.at(0).snapshot.has_value());
}

TEST_F(RecipeRunTest, a_failing_verify_never_makes_an_available_image) {
    Recipe recipe = recipe_with({"a"});
    recipe.verify = {verify("v")};
    workshop().fail("v", 100);
    for (const char* name : {"first", "second"}) {
        const ImageBuild failed = build(recipe, name);
        EXPECT_EQ(failed.state, "failed");
        EXPECT_EQ(failed.message, "verify failed: v has exit status 1");
        EXPECT_EQ(image_of(failed.image).state, images::ImageState::failed);
    }
    EXPECT_EQ(snapshots(), 0);
    EXPECT_EQ(open_operations(), 0);
}

TEST_F(RecipeRunTest, a_cancel_in_a_step_leaves_what_was_before_it) {
    std::promise<void> in_step;
    workshop().during("b", [&](const std::stop_token& stop) {
        in_step.set_value();
        std::mutex mutex;
        std::unique_lock lock(mutex);
        std::condition_variable_any().wait(lock, stop, [] { return false; });
    });
    const ImageId id =
        builder().build_image(caller(), {.name = "golden", .recipe = recipe_with({"a", "b"})});
    in_step.get_future().wait();
    builder().cancel_image_build(caller(), id);

    EXPECT_EQ(status_of(id).state, "canceled");
    EXPECT_EQ(image_of(id).state, images::ImageState::deregistered);
    EXPECT_EQ(snapshots(), 0);
    EXPECT_EQ(open_operations(), 0);
    EXPECT_TRUE(nothing_is_left());
    EXPECT_THAT(cached(), SizeIs(2));
    EXPECT_EQ(layers(), 2) << "a step that was canceled has no layer";
}

TEST_F(RecipeRunTest, a_crash_between_steps_costs_the_step_that_was_cut_off) {
    // What a service leaves that is killed in the second step.
    build(recipe_with({"a"}), "before");
    const Recipe recipe = recipe_with({"a", "b"});
    const Registration cut_off = database().write([&](Session& session) {
        return register_build(
            session, {.caller = caller(), .name = "golden", .recipe = recipe, .now = now()});
    });
    images::Layer half = layer(cached().front().layer);
    half.state = images::LayerState::creating;
    write([&](Session& session) { images::insert_layer(session, half); });
    pool().create_overlay({.layer = half.id, .parent = *half.parent, .size = Bytes::gibibytes(1)});
    fs::create_directories(work_directory() / cut_off.image.str());

    start_service();
    builder().recover();
    images::reconcile_pool(database(), pool(), caller().region);
    builder().wait_until_idle();

    EXPECT_EQ(image_of(cut_off.image).state, images::ImageState::failed);
    EXPECT_FALSE(pool().exists(half.id));
    EXPECT_EQ(open_operations(), 0);
    EXPECT_TRUE(nothing_is_left());
    EXPECT_THAT(done_for(recipe, "golden"), ElementsAre("b"));
}

TEST_F(RecipeRunTest, a_crash_while_the_candidate_is_tried_leaves_no_snapshot) {
    const ImageBuild before = build(recipe_with({"a"}), "before");
    const Recipe recipe = recipe_with({"a"});
    const Registration cut_off = database().write([&](Session& session) {
        return register_build(
            session, {.caller = caller(), .name = "golden", .recipe = recipe, .now = now()});
    });
    give_root(database(), {.registration = cut_off,
                           .caller = caller(),
                           .layer = root_of(before.image),
                           .volume_size = recipe.size,
                           .now = now()});
    ASSERT_EQ(snapshots(), 2);

    start_service();
    builder().recover();

    EXPECT_EQ(snapshots(), 1);
    EXPECT_EQ(image_of(cut_off.image).state, images::ImageState::failed);
}

TEST_F(RecipeRunTest, the_cache_keeps_its_layers_from_collection) {
    const ImageBuild ended = build(recipe_with({"a", "b"}), "golden");
    write([&](Session& session) {
        const auto snapshot = image_of(ended.image).block_devices.at(0).snapshot.value();
        images::set_image_state(session, ended.image, images::ImageState::deregistered);
        images::delete_snapshot(session, snapshot, now());
    });
    images::collect_layers(database(), pool(), caller().region);
    EXPECT_EQ(layers(), 3);

    EXPECT_EQ(builder().clear_build_cache(caller()), 3);
    EXPECT_EQ(layers(), 0);
    EXPECT_TRUE(fs::is_empty(pool().directory()));
}

TEST_F(RecipeRunTest, clearing_the_cache_keeps_what_images_need) {
    const ImageBuild ended = build(recipe_with({"a", "b"}), "golden");
    builder().clear_build_cache(caller());
    EXPECT_THAT(cached(), IsEmpty());
    EXPECT_THAT(chain_of(ended.image), SizeIs(3));
}

TEST_F(RecipeRunTest, a_cache_that_grows_too_large_loses_what_was_used_least_recently) {
    const ImageBuild old = build(recipe_with({"old"}), "old");
    const LayerId oldest = root_of(old.image);
    build(recipe_with({"new"}), "new");
    write([&](Session& session) {
        run_sql(session, "update build_layers set last_used = 1 where layer_id = :layer",
                {{"layer", oldest.str()}});
    });
    Bytes total;
    for (const images::BuildLayer& layer : cached())
        total = total + pool().allocated_size(layer.layer);

    bound_cache(database(), pool(), caller().region, total);
    EXPECT_THAT(cached(), SizeIs(3)) << "it is no larger than it may be";

    bound_cache(database(), pool(), caller().region, Bytes{total.value - 1});
    ASSERT_THAT(cached(), SizeIs(2));
    for (const images::BuildLayer& layer : cached())
        EXPECT_NE(layer.layer, oldest);
    EXPECT_TRUE(pool().exists(oldest)) << "an image needs it";
}

TEST_F(RecipeRunTest, a_build_leaves_no_more_in_the_cache_than_the_configuration_allows) {
    set_cache_size({});
    start_service();
    EXPECT_EQ(build(recipe_with({"a"}), "golden").state, "available");
    EXPECT_THAT(cached(), IsEmpty());
}

TEST_F(RecipeRunTest, long_recipes_stay_within_the_bound_on_chains) {
    Names names;
    for (int i = 0; i < 29; ++i)
        names.push_back("s" + std::to_string(i));
    const ImageBuild ended = build(recipe_with(names), "golden");

    EXPECT_EQ(ended.state, "available") << ended.message;
    EXPECT_LE(chain_of(ended.image).size(), 12U);
    EXPECT_THAT(done_for(recipe_with(names), "again"), IsEmpty());
    EXPECT_EQ(layers(), 30) << "what was merged into one is gone";
}

class ImageBaseTest : public RecipeRunTest {
  protected:
    ImageBaseTest() {
        write([&](Session& session) {
            images::insert_layer(session, bottom_);
            images::insert_snapshot(session, root_);
            images::insert_image(session, base_);
        });
        pool().create_empty(bottom_.id, bottom_.virtual_size);
        pool().freeze(bottom_.id);
    }

    Recipe on(RecipeBase base, const Names& steps = {}) const {
        Recipe recipe{.base = std::move(base)};
        for (const std::string& name : steps)
            recipe.steps.push_back(run(name, name));
        return recipe;
    }
    Recipe on_image(const Names& steps) const {
        return on(ImageBase{.image = base_.id.str()}, steps);
    }

    images::Layer bottom_ = layer();
    images::Snapshot root_ = snapshot(bottom_.id);
    images::Image base_ = image("base-1", root_.id);
};

TEST_F(ImageBaseTest, what_is_not_said_is_as_the_image_has_it) {
    const ImageBuild ended = build(on_image({"a"}), "golden");

    EXPECT_EQ(ended.state, "available") << ended.message;
    EXPECT_THAT(workshop().done(), ElementsAre("a"));
    const images::Image made = image_of(ended.image);
    EXPECT_EQ(made.owner, caller().account);
    EXPECT_EQ(made.source_image, base_.id);
    EXPECT_EQ(made.login_user, "admin");
    EXPECT_EQ(made.root_device_name, "/dev/sda1");
    EXPECT_EQ(made.block_devices.at(0).volume_size, Bytes::gibibytes(1));
    const auto chain = chain_of(ended.image);
    ASSERT_THAT(chain, SizeIs(2));
    EXPECT_EQ(chain.back().id, bottom_.id) << "nothing was copied";
}

TEST_F(ImageBaseTest, without_a_step_the_image_is_another_of_the_same_disk) {
    Recipe recipe = on_image({});
    recipe.size = Bytes::gibibytes(3);
    recipe.login_user = "other";
    const ImageBuild ended = build(recipe, "golden");

    EXPECT_EQ(root_of(ended.image), bottom_.id);
    EXPECT_EQ(image_of(ended.image).block_devices.at(0).volume_size, Bytes::gibibytes(3));
    EXPECT_EQ(image_of(ended.image).login_user, "other");
}

TEST_F(ImageBaseTest, a_size_that_the_base_does_not_fit_into_is_refused) {
    Recipe recipe = on_image({"a"});
    recipe.size = Bytes::mebibytes(512);
    EXPECT_EQ(error_message_of(
                  [&] { builder().build_image(caller(), {.name = "golden", .recipe = recipe}); }),
              "'size' is 512 MiB, but the base '" + base_.id.str() + "' has 1024 MiB");
    EXPECT_EQ(open_operations(), 0);
}

TEST_F(ImageBaseTest, the_newest_that_matches_is_taken) {
    images::Image newer = image("base-2", root_.id);
    newer.created = now() + std::chrono::hours(1);
    images::Image other = image("other", root_.id);
    other.created = now() + std::chrono::hours(2);
    write([&](Session& session) {
        images::insert_image(session, newer);
        images::insert_image(session, other);
        images::set_tags(session, scope(), other.id.str(), {{.key = "team", .value = "web"}});
    });

    EXPECT_EQ(image_of(build(on(NewestBase{.name = "base-*"}), "by-name").image).source_image,
              newer.id);
    EXPECT_EQ(
        image_of(build(on(NewestBase{.tags = {{"team", "web"}}}), "by-tag").image).source_image,
        other.id);
    EXPECT_EQ(error_code_of([&] {
                  builder().build_image(
                      caller(), {.name = "golden", .recipe = on(NewestBase{.name = "none-*"})});
              }),
              "InvalidAMIID.NotFound");
}

TEST_F(ImageBaseTest, an_image_of_another_account_is_a_base_when_it_is_shared) {
    const images::Caller other{.account = stranger().owner, .region = stranger().region};
    const BuildRequest request{.name = "golden", .recipe = on_image({"a"})};
    EXPECT_EQ(error_code_of([&] { builder().build_image(other, request); }), "AuthFailure");

    make_public(base_.id);
    const ImageId id = builder().build_image(other, request);
    builder().wait_until_idle();
    EXPECT_EQ(image_of(id).state, images::ImageState::available);
    EXPECT_EQ(image_of(id).owner, other.account);
    EXPECT_FALSE(image_of(id).is_public);
}

TEST_F(ImageBaseTest, an_image_that_is_sold_is_a_base_for_those_who_are_subscribed) {
    const images::Caller other{.account = stranger().owner, .region = stranger().region};
    const BuildRequest request{.name = "golden", .recipe = on_image({"a"})};
    const std::string code = images::new_product_code();
    make_public(base_.id);
    write([&](Session& session) {
        images::insert_account(session,
                               {.id = caller().account, .name = "seller", .created = now()});
        images::insert_product(
            session,
            {.code = code, .seller = caller().account, .name = "Web server", .created = now()},
            Decimal::parse("0.5").value());
        images::add_product_codes(session, base_.id.str(), {code});
    });
    EXPECT_EQ(error_code_of([&] { builder().build_image(other, request); }), "OptInRequired");

    const ImageBuild own = build(request.recipe, "own");
    EXPECT_EQ(
        read([&](Session& session) { return images::product_codes_of(session, own.image.str()); }),
        Names{code});
}

TEST_F(ImageBaseTest, a_disk_from_elsewhere_is_the_image_that_has_its_checksum) {
    const std::string sum(64, 'a');
    const BuildRequest request{.name = "golden",
                               .recipe = on(ForeignBase{.file = "disk", .sha256 = sum})};
    const auto call = [&] { builder().build_image(caller(), request); };
    EXPECT_EQ(error_code_of(call), "InvalidAMIID.NotFound");
    EXPECT_THAT(error_message_of(call), HasSubstr("kiln:disk-sha256=" + sum));

    write([&](Session& session) {
        images::set_tags(session, scope(), base_.id.str(),
                         {{.key = imported_disk_tag, .value = sum}});
    });
    EXPECT_EQ(image_of(build(request.recipe, "golden").image).source_image, base_.id);
}

TEST_F(ImageBaseTest, an_alias_names_a_base) {
    const auto build_it = [&] {
        builder().build_image(caller(), {.name = "golden", .recipe = on(ImageBase{"base:stable"})});
    };
    EXPECT_EQ(error_code_of(build_it), "InvalidAMIID.NotFound");

    write([&](Session& session) {
        images::set_image_alias(session, {.owner = caller().account,
                                          .region = caller().region,
                                          .name = "base:stable",
                                          .image = base_.id,
                                          .updated = now()});
    });
    EXPECT_EQ(image_of(build(on(ImageBase{"base:stable"}), "golden").image).source_image, base_.id);
}

TEST_F(ImageBaseTest, an_image_with_more_disks_is_no_base) {
    images::Image two = image("two", root_.id);
    two.block_devices.push_back(
        {.device_name = "/dev/sdb", .snapshot = root_.id, .volume_size = Bytes::gibibytes(1)});
    write([&](Session& session) { images::insert_image(session, two); });
    EXPECT_EQ(error_code_of([&] {
                  builder().build_image(
                      caller(), {.name = "golden", .recipe = on(ImageBase{.image = two.id.str()})});
              }),
              "UnsupportedOperation");
}

TEST_F(ImageBaseTest, a_deep_base_is_made_one_layer_with_its_first_step) {
    LayerId top = bottom_.id;
    for (int depth = 2; depth <= 15; ++depth) {
        images::Layer next = layer(top);
        pool().create_overlay({.layer = next.id, .parent = top, .size = next.virtual_size});
        pool().freeze(next.id);
        write([&](Session& session) { images::insert_layer(session, next); });
        top = next.id;
    }
    const images::Snapshot deep_root = snapshot(top);
    const images::Image deep = image("deep", deep_root.id);
    write([&](Session& session) {
        images::insert_snapshot(session, deep_root);
        images::insert_image(session, deep);
    });
    const Recipe recipe = on(ImageBase{.image = deep.id.str()}, {"a", "b"});

    EXPECT_THAT(chain_of(build(recipe, "golden").image), SizeIs(2));
    EXPECT_THAT(done_for(recipe, "again"), IsEmpty());
}

TEST_F(ImageBaseTest, what_the_recipe_says_of_the_image_is_so_when_it_is_available) {
    make_account_of_stranger();
    Recipe recipe = on_image({"a"});
    recipe.tags = {{.key = "team", .value = "web"}};
    recipe.launch_permissions = {stranger().owner.str()};
    const ImageBuild ended = build(recipe, "golden");

    EXPECT_EQ(ended.state, "available") << ended.message;
    read([&](Session& session) {
        const auto tags = images::tags_of(session, scope(), ended.image.str());
        ASSERT_THAT(tags, SizeIs(1));
        EXPECT_EQ(tags[0].value, "web");
        EXPECT_THAT(images::grantees_of(session, ended.image), ElementsAre(stranger().owner.str()));
    });
}

TEST_F(ImageBaseTest, an_image_that_cannot_be_shared_as_the_recipe_says_is_not_available) {
    Recipe recipe = on_image({"a"});
    recipe.launch_permissions = {"999999999999"};
    const ImageBuild failed = build(recipe, "golden");
    EXPECT_EQ(failed.state, "failed");
    EXPECT_THAT(failed.message, HasSubstr("999999999999"));
    EXPECT_EQ(image_of(failed.image).state, images::ImageState::failed);
}

TEST_F(ImageBaseTest, a_region_that_there_is_not_is_refused_before_the_build) {
    Recipe recipe = on_image({"a"});
    recipe.regions = {"nowhere-1"};
    EXPECT_EQ(error_code_of(
                  [&] { builder().build_image(caller(), {.name = "golden", .recipe = recipe}); }),
              "InvalidParameterValue");
    EXPECT_EQ(open_operations(), 0);
}

TEST_F(ImageBaseTest, the_image_is_copied_to_the_regions_that_the_recipe_names) {
    regions().create(
        {.account = caller().account, .region = caller().region, .administrator = true},
        {.name = "lab-2", .pool = (directory() / "lab-2").string()});
    Recipe recipe = on_image({"a"});
    recipe.regions = {"lab-2"};
    EXPECT_THAT(done_for(recipe, "golden"), ElementsAre("a", "copy golden to lab-2"));

    workshop().fail("copy other to lab-2", 1);
    const ImageBuild ended = build(recipe, "other");
    EXPECT_EQ(ended.state, "available");
    EXPECT_THAT(ended.message, StartsWith("it cannot be copied to lab-2: "));
}

}  // namespace

}  // namespace kiln::builder
