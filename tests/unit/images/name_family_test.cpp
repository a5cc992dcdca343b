#include "images/catalog/name_family.hpp"

#include <gtest/gtest.h>

namespace kiln::images {

namespace {

struct Named {
    const char* name;
    const char* family;
};

class NameFamilyTest : public testing::TestWithParam<Named> {};

TEST_P(NameFamilyTest, is_the_name_without_versions_and_dates_at_its_end) {
    EXPECT_EQ(name_family(GetParam().name), GetParam().family);
}

INSTANTIATE_TEST_SUITE_P(
    Names, NameFamilyTest,
    testing::Values(Named{"web", "web"}, Named{"web-2026-11-30", "web"}, Named{"web-v12", "web"},
                    Named{"web 1.2.3", "web"}, Named{"web-1.2.3-rc1", "web"},
                    Named{"web-1.0-beta", "web"}, Named{"web_20261130T120000Z", "web"},
                    Named{"web-2026-11-30T12-30", "web"}, Named{"web - 7", "web"},
                    Named{"web/v2", "web"}, Named{"web@3", "web"}, Named{"web2", "web2"},
                    Named{"debian-12", "debian"}, Named{"debian-12-nginx", "debian-12-nginx"},
                    Named{"ubuntu-22.04-amd64-20240101", "ubuntu-22.04-amd64"},
                    Named{"web-x86_64", "web-x86_64"}, Named{"web-x86_64-v2", "web-x86_64"},
                    Named{"web-vim", "web-vim"}, Named{"web-v", "web-v"}, Named{"1.2.3", "1"},
                    Named{"-1", "-1"}, Named{"2026", "2026"}, Named{"web-12b", "web-12b"},
                    Named{"web-12T", "web"}, Named{"web-release", "web-release"}));

}  // namespace

}  // namespace kiln::images
