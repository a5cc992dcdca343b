#include "launcher/metadata/metadata_tokens.hpp"

#include <gtest/gtest.h>

#include "tests/temporary_directory.hpp"

namespace kiln::launcher {
namespace {

const InstanceId mine("i-0123456789abcdef0");
const InstanceId other("i-0123456789abcdef1");
const Time now = from_epoch_ms(1'764'000'000'000);

class MetadataTokensTest : public ::testing::Test {
  protected:
    kiln::tests::TemporaryDirectory directory;
    MetadataTokens tokens{directory.path() / "key"};
};

TEST_F(MetadataTokensTest, is_good_for_its_instance_until_its_time_is_up) {
    const std::string token = tokens.issue(mine, std::chrono::seconds(60), now);
    EXPECT_TRUE(tokens.is_good(token, mine, now));
    EXPECT_TRUE(tokens.is_good(token, mine, now + std::chrono::milliseconds(59'999)));
    EXPECT_FALSE(tokens.is_good(token, mine, now + std::chrono::seconds(60)));
    EXPECT_FALSE(tokens.is_good(token, other, now));
}

TEST_F(MetadataTokensTest, is_good_for_those_who_have_its_key_alone) {
    const std::string token = tokens.issue(mine, std::chrono::seconds(60), now);
    EXPECT_TRUE(MetadataTokens(directory.path() / "key").is_good(token, mine, now));
    EXPECT_FALSE(MetadataTokens(directory.path() / "another").is_good(token, mine, now));
}

TEST_F(MetadataTokensTest, is_no_longer_good_when_any_character_is_another) {
    const std::string token = tokens.issue(mine, std::chrono::seconds(60), now);
    for (std::size_t i = 0; i < token.size(); ++i) {
        std::string changed = token;
        changed[i] = changed[i] == '0' ? '1' : '0';
        EXPECT_FALSE(tokens.is_good(changed, mine, now)) << i;
    }
    for (const std::string& text : {std::string(), token.substr(1), token + "0", token + token,
                                    std::string(token.size(), 'f')}) {
        EXPECT_FALSE(tokens.is_good(text, mine, now)) << text;
    }
}

}  // namespace
}  // namespace kiln::launcher
