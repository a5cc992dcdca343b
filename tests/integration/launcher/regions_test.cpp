#include "launcher/regions/regions.hpp"

#include <gmock/gmock.h>

#include "tests/integration/launcher/launcher_fixture.hpp"

namespace kiln::tests {

namespace {

using ::testing::ElementsAre;

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

  private:
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

TEST_F(RegionsTest, the_settings_change_the_zones_of_the_home_region) {
    Settings other = settings();
    other.zones = {"other"};
    const launcher::Regions again(with(other));
    EXPECT_THAT(again.home().zones, ElementsAre("other"));
    EXPECT_EQ(again.home().pool.directory(), pool().directory());
}

}  // namespace

}  // namespace kiln::tests
