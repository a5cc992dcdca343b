#include "base/ids.hpp"

#include <gtest/gtest.h>

#include <set>
#include <unordered_set>

#include "base/error.hpp"

namespace kiln {

namespace {

std::string code_of(void (*make)()) {
    try {
        make();
    } catch (const Error& error) {
        return error.code();
    }
    return "";
}

TEST(Ids, the_short_and_the_long_form_are_accepted) {
    EXPECT_EQ(ImageId("ami-1a2b3c4d").str(), "ami-1a2b3c4d");
    EXPECT_EQ(ImageId("ami-0123456789abcdef0").str(), "ami-0123456789abcdef0");
    EXPECT_EQ(InstanceId("i-0123456789abcdef0").str(), "i-0123456789abcdef0");
}

TEST(Ids, everything_else_is_malformed) {
    for (const std::string text : {"",
                                   "ami",
                                   "ami-",
                                   "-",
                                   "ami-1",
                                   "ami-1a2b3c4",
                                   "ami-1a2b3c4d5",
                                   "ami-0123456789abcdef",
                                   "ami-0123456789abcdef01",
                                   "ami-1A2B3C4D",
                                   "ami-1a2b3c4g",
                                   "AMI-1a2b3c4d",
                                   "ami_1a2b3c4d",
                                   " ami-1a2b3c4d",
                                   "ami-1a2b3c4d ",
                                   "ami-../../..",
                                   "i-1a2b3c4d",
                                   "xami-1a2b3c4d",
                                   "ami--1a2b3c4",
                                   "ami-1a2b3c4d\n"}) {
        try {
            ImageId id(text);
            ADD_FAILURE() << "accepted '" << text << "'";
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), "InvalidAMIID.Malformed");
            EXPECT_EQ(error.resource(), text);
        }
    }
    EXPECT_THROW(ImageId(std::string("ami-1a2b3c4\0", 12)), Error);
}

TEST(Ids, each_kind_has_ec2_s_code_for_malformed_ones) {
    EXPECT_EQ(code_of([] { InstanceId("x"); }), "InvalidInstanceID.Malformed");
    EXPECT_EQ(code_of([] { ReservationId("x"); }), "InvalidReservationID.Malformed");
    EXPECT_EQ(code_of([] { VolumeId("x"); }), "InvalidVolumeID.Malformed");
    EXPECT_EQ(code_of([] { SnapshotId("x"); }), "InvalidSnapshotID.Malformed");
    EXPECT_EQ(code_of([] { KeyPairId("x"); }), "InvalidKeyPairId.Malformed");
}

TEST(Ids, generated_ids_are_long_valid_and_different) {
    std::unordered_set<LayerId> ids;
    for (int i = 0; i < 1000; ++i) {
        const LayerId id = LayerId::generate();
        EXPECT_EQ(id.str().size(), std::string("layer-").size() + 17);
        EXPECT_NO_THROW(LayerId(id.str()));
        ids.insert(id);
    }
    EXPECT_EQ(ids.size(), 1000U);
}

TEST(Ids, ids_compare_by_their_text) {
    const ImageId first("ami-00000001");
    const ImageId second("ami-00000002");

    EXPECT_LT(first, second);
    EXPECT_EQ(first, ImageId("ami-00000001"));
    EXPECT_NE(first, second);
}

TEST(Ids, an_account_is_twelve_digits) {
    EXPECT_EQ(AccountId("012345678901").str(), "012345678901");
    for (const std::string text : {"", "12345678901", "1234567890123", "12345678901x",
                                   "1234-5678-9012", " 12345678901", "-12345678901"}) {
        EXPECT_THROW(AccountId{text}, Error) << text;
    }
}

TEST(Ids, generated_accounts_do_not_begin_with_zero) {
    std::set<AccountId> accounts;
    for (int i = 0; i < 1000; ++i) {
        const AccountId account = AccountId::generate();
        EXPECT_NE(account.str().front(), '0');
        accounts.insert(account);
    }
    EXPECT_EQ(accounts.size(), 1000U);
}

}  // namespace

}  // namespace kiln
