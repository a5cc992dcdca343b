#include "launcher/types/instance_type.hpp"

#include <gmock/gmock.h>

#include <set>

#include "tests/catalog_fixture.hpp"

namespace kiln::tests {

namespace {

using ::testing::HasSubstr;

TEST(InstanceTypeTest, every_type_has_a_name_of_its_own_and_a_shape) {
    std::set<std::string> names;
    for (const auto& type : launcher::instance_types()) {
        EXPECT_TRUE(names.insert(type.name).second) << type.name;
        EXPECT_GT(type.vcpus, 0U) << type.name;
        EXPECT_GT(type.memory.value, 0U) << type.name;
        EXPECT_FALSE(type.architectures.empty()) << type.name;
    }
}

TEST(InstanceTypeTest, a_typing_error_is_answered_with_the_nearest_name) {
    EXPECT_EQ(launcher::get_instance_type("t3.small").memory, Bytes::gibibytes(2));
    const auto message = error_message_of([] { launcher::get_instance_type("t3.smal"); });
    EXPECT_THAT(message, HasSubstr("Did you mean 't3.small'?"));
}

}  // namespace

}  // namespace kiln::tests
