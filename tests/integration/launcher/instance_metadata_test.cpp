#include "launcher/metadata/instance_metadata.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "images/accounts/account.hpp"
#include "images/market/product.hpp"
#include "images/market/product_code.hpp"
#include "tests/integration/launcher/launcher_fixture.hpp"

namespace kiln::launcher::tests {

namespace {

using testing::HasSubstr;
using testing::Not;

/// Guests ask, as the bridge would let them.
class InstanceMetadataTest : public kiln::tests::LauncherFixture {
  protected:
    InstanceMetadataTest() { host().offer_bridges(); }

    InstanceId launch(RunInstancesRequest wanted) { return run_one(wanted); }
    Ipv4Address address_of(const InstanceId& id) {
        return read([&](Session& session) {
            return images::interface_of_instance(session, id).value().address;
        });
    }
    MetadataResponse ask(Ipv4Address peer, const MetadataRequest& request) {
        return metadata_.answer("local-1", peer, request);
    }
    MetadataResponse get(const InstanceId& id, const std::string& target,
                         const std::optional<std::string>& token = std::nullopt) {
        return ask(address_of(id), {.method = "GET", .target = target, .token = token});
    }
    MetadataResponse put_token(const InstanceId& id, const std::optional<std::string>& seconds) {
        return ask(address_of(id),
                   {.method = "PUT", .target = "/latest/api/token", .time_to_live = seconds});
    }

    SystemClock clock_;
    InstanceMetadata metadata_{database(), clock_, directory() / "identity"};
};

TEST_F(InstanceMetadataTest, a_guest_finds_its_own_data_by_its_address) {
    const InstanceId first = run_one();
    const InstanceId second = run_one();
    EXPECT_EQ(get(first, "/latest/meta-data/instance-id").body, first.str());
    EXPECT_EQ(get(second, "/latest/meta-data/instance-id").body, second.str());
    EXPECT_EQ(get(first, "/latest/meta-data/local-ipv4").body, to_text(address_of(first)));
    EXPECT_EQ(get(first, "/2009-04-04/meta-data/ami-id").body, golden().str());
    EXPECT_EQ(get(first, "/latest//meta-data/%61mi-id?a=b").body, golden().str());
    EXPECT_EQ(get(first, "/latest/meta-data/security-groups").body, "default");
    EXPECT_THAT(get(first, "/latest/meta-data/").body, HasSubstr("placement/\n"));
    EXPECT_THAT(get(first, "/").body, HasSubstr("2021-03-23\n"));
    for (const char* missing :
         {"/latest/meta-data/none", "/latest/nothing", "/latest/user-data", "/1999-01-01/",
          "/latest/meta-data/tags/instance/", "/latest/dynamic/none", "/latest/meta-data/../"}) {
        EXPECT_EQ(get(first, missing).status, 404) << missing;
    }
}

TEST_F(InstanceMetadataTest, product_codes_are_told_where_there_are_some) {
    const InstanceId id = run_one();
    EXPECT_EQ(get(id, "/latest/meta-data/product-codes").status, 404);
    write([&](Session& session) {
        images::insert_account(session,
                               {.id = caller().account, .name = "seller", .created = now()});
        for (const char* code : {"first", "second"}) {
            images::insert_product(session,
                                   {.code = code,
                                    .seller = caller().account,
                                    .name = code,
                                    .description = "",
                                    .terms = "",
                                    .created = now()},
                                   Decimal());
        }
        images::add_product_codes(session, id.str(), {"first", "second"});
    });
    EXPECT_EQ(get(id, "/latest/meta-data/product-codes").body, "first\nsecond");
    const auto document =
        nlohmann::json::parse(get(id, "/latest/dynamic/instance-identity/document").body);
    EXPECT_EQ(document.at("marketplaceProductCodes"), nlohmann::json({"first", "second"}));
}

TEST_F(InstanceMetadataTest, nobody_else_is_told_anything) {
    const InstanceId id = run_one();
    const Ipv4Address address = address_of(id);
    const MetadataRequest request{.method = "GET", .target = "/latest/meta-data/instance-id"};
    EXPECT_EQ(ask({.bits = address.bits + 1}, request).status, 403);
    EXPECT_EQ(metadata_.answer("local-2", address, request).status, 403);
    launcher().terminate_instances(caller(), {id});
    settle();
    EXPECT_EQ(ask(address, request).status, 403) << "who has the address is gone";
}

TEST_F(InstanceMetadataTest, a_token_is_given_for_1_to_21600_seconds) {
    const InstanceId id = run_one();
    for (const char* good : {"1", "60", "21600"}) {
        const MetadataResponse answer = put_token(id, good);
        EXPECT_EQ(answer.status, 200) << good;
        EXPECT_EQ(answer.time_to_live_s, std::atoi(good));
        EXPECT_EQ(answer.hop_limit, 1);
        EXPECT_EQ(get(id, "/latest/meta-data/ami-id", answer.body).status, 200);
    }
    for (const char* bad : {"", "0", "-1", "21601", "1.5", "60 ", "sixty", "99999999999999999999"})
        EXPECT_EQ(put_token(id, bad).status, 400) << bad;
    EXPECT_EQ(put_token(id, std::nullopt).status, 400);
}

TEST_F(InstanceMetadataTest, a_wrong_token_is_refused_even_where_none_is_needed) {
    const InstanceId first = run_one();
    const InstanceId second = run_one();
    const std::string token = put_token(first, "60").body;
    EXPECT_EQ(get(first, "/latest/meta-data/ami-id", token).status, 200);
    EXPECT_EQ(get(second, "/latest/meta-data/ami-id", token).status, 401) << "another's";
    EXPECT_EQ(get(first, "/latest/meta-data/ami-id", "").status, 401);
    EXPECT_EQ(get(first, "/latest/meta-data/ami-id", "x" + token).status, 401);
}

TEST_F(InstanceMetadataTest, without_a_token_nothing_is_told_when_they_are_required) {
    const InstanceId id = launch(request());
    EXPECT_EQ(get(id, "/latest/meta-data/ami-id").status, 200);
    launcher().modify_instance_metadata_options(caller(), id,
                                                {.tokens_required = true, .hop_limit = 3});
    EXPECT_EQ(get(id, "/latest/meta-data/ami-id").status, 401);
    EXPECT_EQ(get(id, "/latest/user-data").status, 401);
    EXPECT_EQ(get(id, "/").status, 401);
    const MetadataResponse token = put_token(id, "60");
    EXPECT_EQ(token.hop_limit, 3);
    EXPECT_EQ(get(id, "/latest/meta-data/ami-id", token.body).body, golden().str());
}

TEST_F(InstanceMetadataTest, what_came_through_a_proxy_and_what_is_switched_off_is_forbidden) {
    const InstanceId id = run_one();
    const Ipv4Address address = address_of(id);
    EXPECT_EQ(ask(address, {.method = "PUT",
                            .target = "/latest/api/token",
                            .time_to_live = "60",
                            .was_forwarded = true})
                  .status,
              403);
    launcher().modify_instance_metadata_options(caller(), id, {.enabled = false});
    EXPECT_EQ(get(id, "/latest/meta-data/ami-id").status, 403);
    EXPECT_EQ(put_token(id, "60").status, 403);
}

TEST_F(InstanceMetadataTest, other_methods_are_not_allowed) {
    const InstanceId id = run_one();
    const Ipv4Address address = address_of(id);
    for (const char* method : {"POST", "DELETE", "PATCH", "OPTIONS", "BREW"}) {
        EXPECT_EQ(ask(address, {.method = method, .target = "/latest/meta-data/"}).status, 405)
            << method;
    }
    EXPECT_EQ(ask(address, {.method = "PUT", .target = "/latest/meta-data/"}).status, 405);
    EXPECT_EQ(get(id, "/latest/api/token").status, 405);
}

TEST_F(InstanceMetadataTest, images_that_know_tokens_alone_launch_guests_that_need_them) {
    images::Image modern = image_now(golden());
    modern.id = ImageId::generate();
    modern.name = "modern";
    modern.imds_support = "v2.0";
    write([&](Session& session) { images::insert_image(session, modern); });
    auto wanted = request();
    wanted.image = modern.id;
    const images::Instance instance = instance_now(run_one(wanted));
    EXPECT_TRUE(instance.metadata.tokens_required);
    EXPECT_EQ(instance.metadata.hop_limit, 2);
    const ImageId captured =
        launcher().create_image(caller(), {.instance = instance.id, .name = "captured"});
    EXPECT_EQ(image_now(captured).imds_support, "v2.0") << "images of its instances do, too";
    wanted.metadata.tokens_required = false;
    EXPECT_FALSE(instance_now(run_one(wanted)).metadata.tokens_required);
}

TEST_F(InstanceMetadataTest, user_data_is_served_as_it_came_and_after_a_change_as_it_is) {
    const std::string bytes("#!/bin/sh\n\0\xff\n", 13);
    auto wanted = request();
    wanted.user_data = base64_encode(bytes);
    const InstanceId id = run_one(wanted);
    EXPECT_EQ(get(id, "/latest/user-data").body, bytes);
    EXPECT_THAT(get(id, "/latest/").body, HasSubstr("user-data"));
    write([&](Session& session) {
        images::Instance changed = images::find_instance(session, id).value();
        changed.user_data = base64_encode("later");
        images::update_instance(session, changed, now());
    });
    EXPECT_EQ(get(id, "/latest/user-data").body, "later");
}

TEST_F(InstanceMetadataTest, tags_are_told_when_the_options_say_so) {
    auto wanted = request();
    wanted.instance_tags = {{.key = "Name", .value = "web 1"}};
    const InstanceId id = run_one(wanted);
    EXPECT_THAT(get(id, "/latest/meta-data/").body, Not(HasSubstr("tags/")));
    launcher().modify_instance_metadata_options(caller(), id, {.has_tags = true});
    EXPECT_EQ(get(id, "/latest/meta-data/tags/instance/").body, "Name");
    EXPECT_EQ(get(id, "/latest/meta-data/tags/instance/Name").body, "web 1");
}

TEST_F(InstanceMetadataTest, the_identity_document_is_signed_with_the_region_s_key) {
    const InstanceId id = run_one();
    const std::string identity = "/latest/dynamic/instance-identity/";
    const std::string document = get(id, identity + "document").body;
    const auto fields = nlohmann::json::parse(document);
    EXPECT_EQ(fields.at("instanceId"), id.str());
    EXPECT_EQ(fields.at("accountId"), caller().account.str());
    EXPECT_EQ(fields.at("privateIp"), to_text(address_of(id)));

    const auto file = [&](const char* name, const std::string& content) {
        write_file_atomically(directory() / name, content, 0600);
        return (directory() / name).string();
    };
    const std::string certificate = file("certificate.pem", metadata_.certificate("local-1"));
    const std::string text = file("document", document);
    const std::string signature =
        file("signature", base64_decode(get(id, identity + "signature").body).value());
    const std::string pkcs7 =
        file("pkcs7.pem", "-----BEGIN PKCS7-----\n" + get(id, identity + "pkcs7").body +
                              "\n-----END PKCS7-----\n");
    const auto openssl = [](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "openssl");
        return run_process({.arguments = std::move(arguments)});
    };
    const auto key = openssl({"x509", "-in", certificate, "-noout", "-pubkey"});
    const std::string public_key = file("key.pem", key.standard_output);
    EXPECT_EQ(openssl({"dgst", "-sha256", "-verify", public_key, "-signature", signature, text})
                  .exit_status,
              0);
    const auto checked = openssl({"smime", "-verify", "-in", pkcs7, "-inform", "PEM", "-certfile",
                                  certificate, "-noverify"});
    EXPECT_EQ(checked.exit_status, 0) << checked.standard_error;
    EXPECT_EQ(checked.standard_output, document);

    InstanceMetadata later(database(), clock_, directory() / "identity");
    EXPECT_EQ(later.certificate("local-1"), metadata_.certificate("local-1"));
    EXPECT_NE(later.certificate("local-2"), metadata_.certificate("local-1"));
}

}  // namespace

}  // namespace kiln::launcher::tests
