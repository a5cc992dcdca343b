#include "api/server/signed_requests.hpp"

#include <gmock/gmock.h>

#include "images/accounts/access_key.hpp"
#include "tests/integration/api/api_fixture.hpp"
#include "tests/signing.hpp"

namespace kiln::api::tests {

namespace {

using kiln::tests::signed_get;
using kiln::tests::signed_post;
using kiln::tests::Signing;
using testing::HasSubstr;

/// Goes ahead of the machine's clock when a test says so.
class SetClock final : public Clock {
  public:
    Time now() const override { return SystemClock().now() + ahead_; }
    void pass(std::chrono::seconds time) { ahead_ += time; }

  private:
    std::chrono::seconds ahead_{0};
};

/// "20150830T123600Z"
std::string timestamp_of(Time time) {
    std::string text = format_time(time).substr(0, std::string("2015-08-30T12:36:00").size());
    std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
    return text + "Z";
}

class SignedRequestsTest : public ApiFixture {
  protected:
    SignedRequestsTest() {
        const auto made = write([&](Session& session) {
            return images::create_access_key(session, secrets(), caller().account, now());
        });
        signing_ = {.access_key_id = made.key.id,
                    .secret = made.secret,
                    .region = caller().region,
                    .timestamp = timestamp_of(clock_.now())};
    }

    struct Outcome {
        unsigned status;
        std::string code;  // of the error, or empty
        std::string body;
    };
    Outcome ask(const Signing& signing, const std::string& action, WirePairs pairs = {}) {
        pairs.insert(pairs.begin(), {"Action", action});
        const Response response = requests_.answer(signed_post(signing, pairs)).response;
        pugi::xml_document document;
        document.load_string(response.body.c_str());
        return {.status = response.status,
                .code = document.select_node("//Error/Code").node().child_value(),
                .body = response.body};
    }
    Response get(const Signing& signing, const std::string& path, const std::string& query) {
        return requests_.answer(signed_get(signing, path, query)).response;
    }
    static std::string text_of(const Outcome& outcome, const std::string& query) {
        pugi::xml_document document;
        document.load_string(outcome.body.c_str());
        return document.select_node(query.c_str()).node().child_value();
    }
    void set_state(images::AccessKeyState state) {
        write([&](Session& session) {
            images::set_access_key_state(session, caller().account, signing_.access_key_id, state);
        });
    }
    Signing session_of(const Signing& parent) {
        Signing sts = parent;
        sts.service = "sts";
        const Outcome made = ask(sts, "GetSessionToken", {{"DurationSeconds", "900"}});
        Signing signing = parent;
        signing.access_key_id = text_of(made, "//AccessKeyId");
        signing.secret = text_of(made, "//SecretAccessKey");
        signing.session_token = text_of(made, "//SessionToken");
        return signing;
    }

    SetClock& clock() { return clock_; }
    const Signing& signing() const { return signing_; }

  private:
    SetClock clock_;
    SignedRequests requests_{{.database = database(),
                              .clock = clock_,
                              .secrets = secrets(),
                              .dispatcher = dispatcher(),
                              .limits = {.rate = {.per_second = 1, .burst = 100}}}};
    Signing signing_;
};

TEST_F(SignedRequestsTest, the_account_of_the_key_asks_in_the_region_of_the_signature) {
    const Outcome images = ask(signing(), "DescribeImages", images_alone());
    EXPECT_EQ(images.status, 200U);
    EXPECT_EQ(text_of(images, "//imageId"), golden().str());
    Signing elsewhere = signing();
    elsewhere.region = "nowhere-1";
    EXPECT_EQ(text_of(ask(elsewhere, "DescribeImages", images_alone()), "//imagesSet/item/imageId"),
              "");
    EXPECT_EQ(ask(elsewhere, "DescribeImages", images_alone()).status, 200U);
}

TEST_F(SignedRequestsTest, nobody_is_an_administrator) {
    EXPECT_EQ(ask(signing(), "CreateAccount", {{"AccountName", "x"}}).code,
              "UnauthorizedOperation");
}

TEST_F(SignedRequestsTest, services_of_the_query_protocol_answer_in_its_form) {
    Signing sts = signing();
    sts.service = "sts";
    const Outcome identity = ask(sts, "GetCallerIdentity", {{"Version", "2011-06-15"}});
    EXPECT_EQ(text_of(identity, "/GetCallerIdentityResponse/GetCallerIdentityResult/Account"),
              caller().account.str());
    EXPECT_NE(text_of(identity, "/GetCallerIdentityResponse/ResponseMetadata/RequestId"), "");
    EXPECT_THAT(identity.body, HasSubstr("https://sts.amazonaws.com/doc/2011-06-15/"));
    const Outcome refused = ask(sts, "DescribeImages");
    EXPECT_EQ(refused.code, "InvalidAction");
    EXPECT_EQ(text_of(refused, "/ErrorResponse/Error/Type"), "Sender");
    EXPECT_NE(text_of(refused, "/ErrorResponse/RequestId"), "");
    EXPECT_EQ(ask(signing(), "GetCallerIdentity").code, "InvalidAction") << "it is none of EC2's";
    Signing iam = signing();
    iam.service = "iam";
    EXPECT_EQ(text_of(ask(iam, "ListAccessKeys"),
                      "//ListAccessKeysResult/AccessKeyMetadata/member/AccessKeyId"),
              signing().access_key_id);
}

TEST_F(SignedRequestsTest, keys_are_those_of_the_account_s_one_user) {
    Signing iam = signing();
    iam.service = "iam";
    const std::string user = text_of(ask(iam, "GetUser"), "//UserName");
    const Outcome keys = ask(iam, "ListAccessKeys", {{"UserName", user}});
    EXPECT_EQ(text_of(keys, "//AccessKeyMetadata/member/UserName"), user);
    EXPECT_EQ(text_of(keys, "//IsTruncated"), "false");
    const std::string made =
        text_of(ask(iam, "CreateAccessKey", {{"UserName", user}}), "//AccessKey/AccessKeyId");
    WirePairs of_another{{"AccessKeyId", made}, {"UserName", "another"}, {"Status", "Inactive"}};
    EXPECT_EQ(ask(iam, "UpdateAccessKey", of_another).code, "NoSuchEntity");
    EXPECT_EQ(ask(iam, "ListAccessKeys", {{"UserName", "another"}}).code, "NoSuchEntity");
    EXPECT_EQ(ask(iam, "CreateAccessKey", {{"UserName", "another"}}).code, "NoSuchEntity");
    of_another.pop_back();
    EXPECT_EQ(ask(iam, "DeleteAccessKey", of_another).code, "NoSuchEntity");
    EXPECT_EQ(ask(iam, "DeleteAccessKey", {{"AccessKeyId", made}, {"UserName", user}}).code, "");
}

TEST_F(SignedRequestsTest, a_failure_of_the_service_is_told_to_its_log_alone) {
    write([&](Session& session) {
        run_sql(session, "update access_keys set sealed_secret = 'AAAA'", {});
    });
    const Outcome failed = ask(signing(), "DescribeImages");
    EXPECT_EQ(failed.code, "InternalError");
    EXPECT_EQ(failed.status, 500U);
    EXPECT_EQ(text_of(failed, "//Message"), "An internal error has occurred");
}

TEST(RequestsAtOnce, are_so_many_of_each_account) {
    RequestsAtOnce all(1);
    const AccountId one("111122223333");
    const AccountId other("444455556666");
    {
        const RequestsAtOnce::One first(all, one);
        EXPECT_THROW(RequestsAtOnce::One(all, one), Error);
        const RequestsAtOnce::One of_another(all, other);
    }
    EXPECT_NO_THROW(RequestsAtOnce::One(all, one));
}

TEST_F(SignedRequestsTest, clients_that_ask_for_users_and_profiles_are_told_of_the_account_alone) {
    Signing iam = signing();
    iam.service = "iam";
    const Outcome user = ask(iam, "GetUser", {{"Version", "2010-05-08"}});
    EXPECT_EQ(text_of(user, "/GetUserResponse/GetUserResult/User/UserId"), caller().account.str());
    const Outcome other = ask(iam, "GetUser", {{"UserName", "nobody"}});
    EXPECT_EQ(other.code, "NoSuchEntity");
    EXPECT_EQ(other.status, 404U);
    EXPECT_EQ(
        text_of(ask(iam, "ListAccountAliases"), "//ListAccountAliasesResult/AccountAliases/member"),
        "owner");
    const Outcome profiles = ask(iam, "ListInstanceProfiles");
    EXPECT_EQ(text_of(profiles, "//IsTruncated"), "false");
    EXPECT_THAT(profiles.body, HasSubstr("<InstanceProfiles>"));
    EXPECT_EQ(ask(iam, "GetInstanceProfile", {{"InstanceProfileName", "p"}}).code, "NoSuchEntity");
    EXPECT_EQ(ask(signing(), "GetUser").code, "InvalidAction") << "it is none of EC2's";
}

TEST_F(SignedRequestsTest, a_key_that_may_not_sign_is_told_nothing) {
    Signing unknown = signing();
    unknown.access_key_id = "AKIA2345672345672345";
    for (const char* service : {"ec2", "sts"}) {
        const bool is_ec2 = std::string(service) == "ec2";
        unknown.service = service;
        const Outcome refused = ask(unknown, "DescribeImages");
        EXPECT_EQ(refused.code, is_ec2 ? "AuthFailure" : "InvalidClientTokenId");
        EXPECT_EQ(refused.status, is_ec2 ? 401U : 403U);
    }
    set_state(images::AccessKeyState::inactive);
    EXPECT_EQ(ask(signing(), "DescribeImages").code, "AuthFailure");
    set_state(images::AccessKeyState::active);
    EXPECT_EQ(ask(signing(), "DescribeImages").code, "");
}

TEST_F(SignedRequestsTest, a_wrong_secret_a_wrong_service_and_a_wrong_time_are_refused) {
    Signing wrong = signing();
    wrong.secret += "x";
    EXPECT_EQ(ask(wrong, "DescribeImages").code, "SignatureDoesNotMatch");
    EXPECT_EQ(ask(wrong, "DescribeImages").status, 403U);
    Signing s3 = signing();
    s3.service = "s3";
    EXPECT_EQ(ask(s3, "DescribeImages").code, "SignatureDoesNotMatch");
    clock().pass(std::chrono::minutes(16));
    EXPECT_EQ(ask(signing(), "DescribeImages").code, "RequestExpired");
}

TEST_F(SignedRequestsTest, the_keys_of_a_closed_account_sign_nothing) {
    const auto made = write([&](Session& session) {
        return images::create_access_key(session, secrets(), stranger().owner, now());
    });
    Signing theirs = signing();
    theirs.access_key_id = made.key.id;
    theirs.secret = made.secret;
    EXPECT_EQ(ask(theirs, "DescribeImages").code, "");
    write([&](Session& session) { images::close_account(session, stranger().owner, now()); });
    EXPECT_EQ(ask(theirs, "DescribeImages").code, "AuthFailure");
}

TEST_F(SignedRequestsTest, session_credentials_sign_until_they_end_or_their_key_does) {
    const Signing session = session_of(signing());
    EXPECT_THAT(session.access_key_id, testing::StartsWith("ASIA"));
    EXPECT_EQ(ask(session, "DescribeImages").code, "");
    Signing without_token = session;
    without_token.session_token.clear();
    EXPECT_EQ(ask(without_token, "DescribeImages").code, "AuthFailure");
    Signing of_another = session;
    of_another.session_token = session_of(signing()).session_token;
    EXPECT_EQ(ask(of_another, "DescribeImages").code, "AuthFailure");
    Signing again = session;
    again.service = "sts";
    EXPECT_EQ(ask(again, "GetSessionToken").code, "AccessDenied");
    set_state(images::AccessKeyState::inactive);
    EXPECT_EQ(ask(session, "DescribeImages").code, "AuthFailure");
    set_state(images::AccessKeyState::active);
    EXPECT_EQ(ask(session, "DescribeImages").code, "");
    clock().pass(std::chrono::seconds(901));
    Signing later = session;
    later.timestamp = timestamp_of(clock().now());
    EXPECT_EQ(ask(later, "DescribeImages").code, "RequestExpired");
    later.service = "iam";
    EXPECT_EQ(ask(later, "ListAccessKeys").code, "ExpiredToken");
}

TEST_F(SignedRequestsTest, session_credentials_make_nothing_that_lasts_longer) {
    Signing session = session_of(signing());
    session.service = "iam";
    EXPECT_EQ(ask(session, "ListAccessKeys").code, "");
    const WirePairs key{{"AccessKeyId", signing().access_key_id}};
    EXPECT_EQ(ask(session, "CreateAccessKey").status, 403U);
    EXPECT_EQ(ask(session, "CreateAccessKey").code, "AccessDenied");
    EXPECT_EQ(ask(session, "DeleteAccessKey", key).code, "AccessDenied");
    EXPECT_EQ(send("GetSessionToken").code, "AccessDenied") << "without a key to end with";
}

TEST_F(SignedRequestsTest, what_is_about_the_host_is_not_asked_from_elsewhere) {
    EXPECT_EQ(ask(signing(), "DescribeHostChecks").code, "InvalidAction");
    EXPECT_EQ(ask(signing(), "BuildImage", {{"Name", "golden-2"}}).code, "InvalidAction");
}

TEST_F(SignedRequestsTest, a_file_of_an_export_is_downloaded_by_whom_it_belongs_to) {
    const std::string task = text_of(
        ask(signing(), "ExportImage", {{"ImageId", golden().str()}, {"DiskImageFormat", "qcow2"}}),
        "//exportImageTaskId");
    start_tasks();
    settle_tasks();
    const auto get_of = [&](const Signing& by, const std::string& query) {
        return get(by, "/exports/" + task, query);
    };
    const Response piece = get_of(signing(), "offset=0&size=4");
    EXPECT_EQ(piece.status, 200U);
    EXPECT_EQ(piece.body, "QFI\xfb");
    Signing other = signing();
    other.secret = "not the secret";
    EXPECT_EQ(get_of(other, "offset=0&size=4").status, 403U);
    other = signing();
    other.service = "iam";
    EXPECT_EQ(get_of(other, "offset=0&size=4").status, 404U) << "it is of the service ec2";
    other = signing();
    other.region = "local-2";
    EXPECT_THAT(get_of(other, "offset=0&size=4").body, HasSubstr("InvalidExportTaskID.NotFound"));
}

TEST_F(SignedRequestsTest, an_account_that_asks_too_often_is_told_to_wait) {
    Outcome last{};
    for (int i = 0; i < 200 && last.code.empty(); ++i)
        last = ask(signing(), "DescribeRegions");
    EXPECT_EQ(last.code, "RequestLimitExceeded");
    EXPECT_EQ(last.status, 503U);
}

}  // namespace

}  // namespace kiln::api::tests
