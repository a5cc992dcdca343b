#include "api/server/dispatcher.hpp"

#include <gmock/gmock.h>

#include <regex>
#include <stdexcept>

#include "base/error.hpp"
#include "tests/golden.hpp"

namespace kiln::api {

namespace {

using testing::HasSubstr;
using testing::Not;

/// A dispatcher over one made-up action whose handler a test gives.
class DispatcherTest : public testing::Test {
  protected:
    Response post(const std::string& body) {
        return send({.method = "POST",
                     .target = "/",
                     .content_type = "application/x-www-form-urlencoded; charset=utf-8",
                     .body = body});
    }
    Response send(const Request& request) {
        const Dispatcher dispatcher(
            table_, [this](const Action&, const images::Caller& caller, const Arguments& arguments,
                           XmlWriter& response) { handler_(caller, arguments, response); });
        return dispatcher.dispatch(request,
                                   {.account = AccountId("123456789012"), .region = "local-1"});
    }
    void fail_with(const std::string& code) {
        handler_ = [code](auto&&...) { throw Error(code, "", "no"); };
    }

    std::vector<Action> table_{
        {.name = "DescribeThings",
         .parameters = {{.name = "ThingName", .wire = "ThingName", .required = true},
                        dry_run_parameter()}},
        {.name = "MakeThing", .parameters = {dry_run_parameter()}}};
    std::function<void(const images::Caller&, const Arguments&, XmlWriter&)> handler_ =
        [](const images::Caller&, const Arguments& arguments, XmlWriter& response) {
            response.text("thing", arguments.text("ThingName").value_or("none"));
        };
};

std::string without_request_id(const std::string& xml) {
    return std::regex_replace(xml, std::regex("[0-9a-f]{8}-[0-9a-f-]{27}"), "REQUEST-ID");
}

TEST_F(DispatcherTest, answers_with_the_actions_response_and_the_request_id) {
    const Response response = post("Action=DescribeThings&Version=2016-11-15&ThingName=a%26b");

    EXPECT_EQ(response.status, 200U);
    EXPECT_THAT(response.body, HasSubstr("<requestId>" + response.request_id + "</requestId>"));
    tests::expect_golden("response.xml", without_request_id(response.body));
}

TEST_F(DispatcherTest, takes_a_get_request_too) {
    const Response response = send({.method = "GET", .target = "/?Action=MakeThing"});
    EXPECT_EQ(response.status, 200U) << response.body;
}

TEST_F(DispatcherTest, lists_of_the_query_protocol_are_lists_with_members) {
    table_.push_back(
        {.name = "ListThings",
         .parameters = {{.name = "Things",
                         .wire = "Thing",
                         .shape = Shape::structure,
                         .list = true,
                         .members = {{.name = "Names", .wire = "Name", .list = true}}}},
         .service = &iam_service});
    handler_ = [](const images::Caller&, const Arguments& arguments, XmlWriter& response) {
        for (const Arguments& thing : arguments.structures("Thing"))
            for (const std::string& name : thing.texts("Name"))
                response.text("name", name);
    };
    const Response response = send({.method = "GET",
                                    .target = "/?Action=ListThings&Thing.member.1.Name.member.1=a&"
                                              "Thing.member.1.Name.member.2=b",
                                    .service = &iam_service});
    EXPECT_THAT(response.body, HasSubstr("<name>a</name>"));
    EXPECT_THAT(response.body, HasSubstr("<name>b</name>"));
    const Response refused = send({.method = "GET",
                                   .target = "/?Action=ListThings&Thing.member.member.1=a",
                                   .service = &iam_service});
    EXPECT_EQ(refused.status, 400U);
}

TEST_F(DispatcherTest, answers_errors_in_the_form_of_ec2) {
    const Response response = post("Action=DescribeThings");

    EXPECT_EQ(response.status, 400U);
    EXPECT_THAT(response.body, HasSubstr("<RequestID>" + response.request_id + "</RequestID>"));
    tests::expect_golden("error.xml", without_request_id(response.body));
}

struct Refused {
    const char* name;
    Request request;
    unsigned status;
    const char* code;
    const char* message;
};
class RefusedRequest : public DispatcherTest, public testing::WithParamInterface<Refused> {};

TEST_P(RefusedRequest, is_told_why) {
    const Response response = send(GetParam().request);
    EXPECT_EQ(response.status, GetParam().status);
    EXPECT_THAT(response.body, HasSubstr("<Code>" + std::string(GetParam().code) + "</Code>"));
    EXPECT_THAT(response.body, HasSubstr(GetParam().message));
}

Request get(const std::string& target) {
    return {.method = "GET", .target = target};
}

INSTANTIATE_TEST_SUITE_P(
    table, RefusedRequest,
    testing::Values(
        Refused{"unknown_action", get("/?Action=DescribeThing"), 400, "InvalidAction",
                "The action DescribeThing is not valid for this web service. Did you mean "
                "DescribeThings?"},
        Refused{"no_action", get("/"), 400, "MissingAction", "Action"},
        Refused{"unknown_parameter", get("/?Action=MakeThing&DryRum=true"), 400, "UnknownParameter",
                "did you mean DryRun?"},
        Refused{"wrong_version", get("/?Action=MakeThing&Version=2010-05-08"), 400, "NoSuchVersion",
                "2010-05-08"},
        Refused{"malformed", get("/?Action=%"), 400, "MalformedQueryString", "malformed"},
        Refused{"path", get("/elsewhere?Action=MakeThing"), 404, "InvalidPath", "/elsewhere"},
        Refused{"method", {.method = "PUT", .target = "/"}, 405, "MethodNotAllowed", "PUT"},
        Refused{"content_type",
                {.method = "POST", .target = "/", .content_type = "application/json", .body = "{}"},
                400,
                "InvalidContentType",
                "application/json"}),
    [](const auto& test) { return test.param.name; });

TEST_F(DispatcherTest, a_dry_run_of_an_action_that_changes_nothing_would_have_succeeded) {
    const Response response = post("Action=MakeThing&DryRun=true");

    EXPECT_EQ(response.status, 412U);
    EXPECT_THAT(response.body, HasSubstr("<Code>DryRunOperation</Code>"));
}

TEST_F(DispatcherTest, the_handler_knows_that_it_is_a_dry_run) {
    bool dry_run = false;
    handler_ = [&](const images::Caller& caller, auto&&...) { dry_run = caller.dry_run; };

    post("Action=MakeThing&DryRun=true");

    EXPECT_TRUE(dry_run);
}

TEST_F(DispatcherTest, errors_have_the_http_status_of_ec2) {
    const std::vector<std::pair<std::string, unsigned>> statuses{
        {"InvalidAMIID.NotFound", 400}, {"UnauthorizedOperation", 403},
        {"InternalError", 500},         {"InsufficientInstanceCapacity", 500},
        {"Unavailable", 503},           {"RequestLimitExceeded", 503},
        {"DryRunOperation", 412}};
    for (const auto& [code, status] : statuses) {
        fail_with(code);
        EXPECT_EQ(post("Action=MakeThing").status, status) << code;
    }
}

TEST_F(DispatcherTest, an_unforeseen_exception_is_an_internal_error_without_its_details) {
    handler_ = [](auto&&...) { throw std::runtime_error("secret of /etc/shadow"); };

    const Response response = post("Action=MakeThing");

    EXPECT_EQ(response.status, 500U);
    EXPECT_THAT(response.body, HasSubstr("<Code>InternalError</Code>"));
    EXPECT_THAT(response.body, HasSubstr(response.request_id));
    EXPECT_THAT(response.body, Not(HasSubstr("secret")));
}

TEST_F(DispatcherTest, even_an_exception_that_is_none_does_not_get_through) {
    handler_ = [](auto&&...) { throw 42; };  // NOLINT
    EXPECT_EQ(post("Action=MakeThing").status, 500U);
}

TEST_F(DispatcherTest, a_response_that_was_half_written_is_not_sent_with_the_error) {
    handler_ = [](const images::Caller&, const Arguments&, XmlWriter& response) {
        response.text("half", "done");
        throw Error("IncorrectState", "", "no");
    };
    EXPECT_THAT(post("Action=MakeThing").body, Not(HasSubstr("half")));
}

TEST_F(DispatcherTest, a_handler_finds_an_image_in_the_place_of_its_alias_and_both_are_audited) {
    table_.push_back(
        {.name = "UseImage", .parameters = {image_id_parameter("The image"), dry_run_parameter()}});
    std::vector<std::string> noted;
    const Dispatcher dispatcher(
        table_,
        [](const Action&, const images::Caller&, const Arguments& arguments, XmlWriter& response) {
            response.text("used", arguments.required_text("ImageId"));
        },
        [&](const AuditedRequest& request) {
            noted = request.resources;
            Completion completion;
            completion.end();
            return completion;
        },
        [](const images::Caller& caller, const ImageMention& mention) {
            if (mention.text != "golden") throw Error("InvalidAMIID.NotFound", "", "no");
            return "ami-of-" + caller.region;
        });
    const images::Caller caller{.account = AccountId("123456789012"), .region = "local-1"};
    const Response used = dispatcher.dispatch(get("/?Action=UseImage&ImageId=golden"), caller);
    EXPECT_THAT(used.body, HasSubstr("<used>ami-of-local-1</used>"));
    EXPECT_THAT(noted, testing::ElementsAre("ami-of-local-1", "golden"));
    const Response refused = dispatcher.dispatch(get("/?Action=UseImage&ImageId=other"), caller);
    EXPECT_THAT(refused.body, HasSubstr("InvalidAMIID.NotFound"));
    EXPECT_THAT(noted, testing::ElementsAre("other"));
}

TEST_F(DispatcherTest, what_is_read_of_a_file_is_audited_once_and_refusals_always) {
    std::vector<std::string> noted;
    const Dispatcher dispatcher(
        table_, [](auto&&...) {},
        [&](const AuditedRequest& request) {
            noted.push_back(request.action + (request.error == nullptr ? "" : " refused"));
            Completion completion;
            completion.end();
            return completion;
        },
        nullptr,
        [](const images::Caller&, const DownloadRequest& wanted) {
            if (wanted.task != "export-ami-1")
                throw Error("InvalidExportTaskID.NotFound", "", "no");
            return std::string("bytes");
        });
    const images::Caller caller{.account = AccountId("123456789012"), .region = "local-1"};
    const auto read = [&](const char* target) { return dispatcher.dispatch(get(target), caller); };

    EXPECT_EQ(read("/exports/export-ami-1?offset=1&size=5").body, "bytes");
    read("/exports/export-ami-1?offset=6&size=5");
    EXPECT_THAT(noted, testing::ElementsAre("DownloadExport"));
    read("/exports/export-ami-2?offset=7&size=5");
    read("/exports/export-ami-2?offset=8&size=5");
    EXPECT_THAT(noted, testing::ElementsAre("DownloadExport", "DownloadExport refused",
                                            "DownloadExport refused"));
    dispatcher.refuse(get("/exports/export-ami-1?offset=0&size=5"), caller,
                      Error("UnauthorizedOperation", "", "no"));
    EXPECT_EQ(noted.size(), 4U);
}

}  // namespace

}  // namespace kiln::api
