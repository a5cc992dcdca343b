#include "images/catalog/key_pair.hpp"

#include <gmock/gmock.h>

#include "tests/catalog_fixture.hpp"

namespace kiln::images {

namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using tests::error_code_of;
using tests::error_message_of;

class KeyPairTest : public tests::CatalogFixture {
  protected:
    KeyPair key_pair(const std::string& name) const {
        return {.id = KeyPairId::generate(),
                .owner = scope().owner,
                .region = scope().region,
                .name = name,
                .type = "ed25519",
                .fingerprint = "SHA256:abc",
                .public_key = "ssh-ed25519 AAAA k",
                .created = now()};
    }
    KeyPair insert(KeyPair key_pair) {
        write([&](Session& session) { insert_key_pair(session, key_pair); });
        return key_pair;
    }
    KeyPair get(const std::string& name, const Scope& as) {
        return read([&](Session& session) { return get_key_pair(session, as, name); });
    }
};

TEST_F(KeyPairTest, a_key_pair_comes_back_with_every_field) {
    const KeyPair key_pair = insert(this->key_pair("it's a key"));

    const KeyPair found = get("it's a key", scope());

    EXPECT_EQ(found.id, key_pair.id);
    EXPECT_EQ(found.owner, key_pair.owner);
    EXPECT_EQ(found.region, key_pair.region);
    EXPECT_EQ(found.name, key_pair.name);
    EXPECT_EQ(found.type, key_pair.type);
    EXPECT_EQ(found.fingerprint, key_pair.fingerprint);
    EXPECT_EQ(found.public_key, key_pair.public_key);
    EXPECT_EQ(found.created, key_pair.created);
}

TEST_F(KeyPairTest, a_name_is_given_once_per_account_and_region) {
    insert(key_pair("k"));
    const auto insert_again = [&] { insert(key_pair("k")); };
    EXPECT_EQ(error_code_of(insert_again), "InvalidKeyPair.Duplicate");
    EXPECT_EQ(error_message_of(insert_again), "The keypair 'k' already exists.");

    KeyPair foreign = key_pair("k");
    foreign.owner = stranger().owner;
    KeyPair elsewhere = key_pair("k");
    elsewhere.region = "local-2";
    EXPECT_EQ(error_code_of([&] { insert(foreign); }), "");
    EXPECT_EQ(error_code_of([&] { insert(elsewhere); }), "");
}

TEST_F(KeyPairTest, a_stranger_does_not_find_the_key_pair) {
    insert(key_pair("k"));

    EXPECT_EQ(error_code_of([&] { get("k", stranger()); }), "InvalidKeyPair.NotFound");
    EXPECT_EQ(error_message_of([&] { get("no", scope()); }), "The key pair 'no' does not exist");
    EXPECT_FALSE(read([&](Session& session) { return find_key_pair(session, stranger(), "k"); }));
    EXPECT_THAT(read([&](Session& session) { return list_key_pairs(session, stranger()); }),
                IsEmpty());
    EXPECT_THAT(read([&](Session& session) { return list_key_pairs(session, scope()); }),
                SizeIs(1));
}

TEST_F(KeyPairTest, a_deleted_key_pair_is_gone) {
    const KeyPair key_pair = insert(this->key_pair("k"));

    write([&](Session& session) { delete_key_pair(session, key_pair.id); });

    EXPECT_EQ(error_code_of([&] { get("k", scope()); }), "InvalidKeyPair.NotFound");
}

}  // namespace

}  // namespace kiln::images
