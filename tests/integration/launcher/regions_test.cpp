#include "launcher/regions/regions.hpp"

#include <gmock/gmock.h>

#include "tests/integration/launcher/launcher_fixture.hpp"

namespace kiln::tests {

namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RegionsTest : public LauncherFixture {
  protected:
    launcher::Regions::Dependencies with(const Settings& settings) {
        return {.database = database(),
                .settings = settings,
                .clock = clock_,
                .connect = [this](const std::string&) {
                    return std::shared_ptr<hypervisor::Hypervisor>(std::shared_ptr<void>(),
                                                                   &host());
                }};
    }

    SystemClock clock_;
};

TEST_F(RegionsTest, a_service_that_is_started_with_another_region_set_keeps_its_home) {
    images::Caller administrator = caller();
    administrator.administrator = true;
    regions().create(administrator,
                     {.name = "local-2", .libvirt_uri = "fake:///two", .zones = {"east", "west"}});
    Settings other = settings();
    for (const char* name : {"local-2", "local-3"}) {
        other.region = name;
        const launcher::Regions again(with(other));
        EXPECT_EQ(again.home().name, "local-1");
        EXPECT_EQ(again.get("local-1").pool.directory(), pool().directory());
        EXPECT_EQ(again.get("local-2").libvirt_uri, "fake:///two");
        EXPECT_THAT(again.get("local-2").zones, ElementsAre("east", "west"));
        EXPECT_EQ(error_code_of([&] { again.get("local-3"); }), "InvalidParameterValue");
    }
}

TEST_F(RegionsTest, a_pool_that_takes_no_files_is_refused) {
    images::Caller administrator = caller();
    administrator.administrator = true;
    const std::string message = error_message_of(
        [&] { regions().create(administrator, {.name = "local-2", .pool = "/proc/sys"}); });
    EXPECT_THAT(message, AllOf(HasSubstr("make a file in '/proc/sys'"), HasSubstr("another one")));
    EXPECT_EQ(error_code_of([&] { regions().get("local-2"); }), "InvalidParameterValue");
}

TEST_F(RegionsTest, a_region_that_is_reached_later_is_recovered_then_and_once) {
    images::Caller administrator = caller();
    administrator.administrator = true;
    regions().create(administrator, {.name = "local-2", .libvirt_uri = "fake:///two"});
    const LayerId stray = LayerId::generate();
    const images::Pool far(regions().get("local-2").pool.directory());
    far.create_empty(stray, Bytes::mebibytes(1));
    stop_service();

    bool is_down = true;
    auto dependencies = with(settings());
    dependencies.connect = [&](const std::string& uri) {
        if (is_down && uri == "fake:///two")
            throw Error(error_code::unavailable, uri, "no route to host");
        return std::shared_ptr<hypervisor::Hypervisor>(std::shared_ptr<void>(), &host());
    };
    launcher::Regions again(dependencies);
    launcher::Launcher service({.settings = settings(),
                                .clock = clock_,
                                .database = database(),
                                .regions = again,
                                .store = store(),
                                .accelerators = emulating_all(),
                                .catalog_id = "catalog"});
    service.recover();
    EXPECT_EQ(error_code_of([&] { again.get("local-2"); }), "Unavailable");
    EXPECT_TRUE(far.exists(stray));

    is_down = false;
    again.get("local-2");
    EXPECT_FALSE(far.exists(stray)) << "the catalog knows no such layer";

    far.create_empty(stray, Bytes::mebibytes(1));
    again.get("local-2");
    EXPECT_TRUE(far.exists(stray)) << "it may be that of somebody who has just begun";
}

TEST_F(RegionsTest, the_settings_change_the_zones_of_the_home_region) {
    Settings other = settings();
    other.zones = {"other"};
    const launcher::Regions again(with(other));
    EXPECT_THAT(again.home().zones, ElementsAre("other"));
    EXPECT_EQ(again.home().pool.directory(), pool().directory());
}

}  // namespace

}  // namespace kiln::tests
