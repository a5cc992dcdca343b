#include "api/sigv4/sigv4.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/error.hpp"

namespace kiln::sigv4::tests {

namespace {

constexpr const char* secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr const char* scope = "AKIDEXAMPLE/20260831/local-1/ec2/aws4_request";
constexpr const char* timestamp = "20260831T123600Z";

std::string& header(Request& request, const std::string& name) {
    for (Header& header : request.headers)
        if (header.name == name) return header.value;
    throw std::out_of_range(name);
}

std::string code_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        return error.code();
    }
    return "";
}

std::string signed_with(const Request& request, const Authorization& authorization) {
    SigningKeys keys;
    return signature_of(string_to_sign(authorization, canonical_request(request, authorization)),
                        keys.key_of(secret, authorization.scope));
}

Authorization authorization_for(std::vector<std::string> signed_headers,
                                std::chrono::seconds lifetime = std::chrono::seconds(0)) {
    return {.scope = {.access_key_id = "AKIDEXAMPLE",
                      .date = "20260831",
                      .region = "local-1",
                      .service = "ec2"},
            .signed_headers = std::move(signed_headers),
            .timestamp = timestamp,
            .lifetime = lifetime};
}

/// As the AWS CLI sends it.
Request posted() {
    Request request{
        .method = "POST",
        .path = "/",
        .query = "",
        .headers = {{.name = "Host", .value = "127.0.0.1:8773"},
                    {.name = "Content-Type",
                     .value = "application/x-www-form-urlencoded; charset=utf-8"},
                    {.name = "X-Amz-Date", .value = timestamp}},
        .body = "Action=RunInstances&Version=2016-11-15&ImageId=ami-0123456789abcdef0&MinCount=1"};
    const Authorization authorization = authorization_for({"content-type", "host", "x-amz-date"});
    request.headers.push_back(
        {.name = "Authorization",
         .value = fmt::format("AWS4-HMAC-SHA256 Credential={}, "
                              "SignedHeaders=content-type;host;x-amz-date, Signature={}",
                              scope, signed_with(request, authorization))});
    return request;
}

Request presigned() {
    Request request{.method = "GET",
                    .path = "/",
                    .query =
                        "Action=DescribeImages&Owner.1=self&Version=2016-11-15"
                        "&X-Amz-Algorithm=AWS4-HMAC-SHA256"
                        "&X-Amz-Credential=AKIDEXAMPLE%2F20260831%2Flocal-1%2Fec2%2F"
                        "aws4_request"
                        "&X-Amz-Date=20260831T123600Z&X-Amz-Expires=900"
                        "&X-Amz-SignedHeaders=host",
                    .headers = {{.name = "Host", .value = "127.0.0.1:8773"}},
                    .body = ""};
    const Authorization authorization = authorization_for({"host"}, std::chrono::seconds(900));
    request.query += "&X-Amz-Signature=" + signed_with(request, authorization);
    return request;
}

/// Of a service that knows one key.
std::string outcome(const Request& request) {
    return code_of([&] {
        SigningKeys keys;
        const Authorization authorization = parse_authorization(request);
        if (authorization.scope.access_key_id != "AKIDEXAMPLE")
            throw Error("AuthFailure", authorization.scope.access_key_id, "there is no such key");
        verify(request, authorization, secret, keys);
    });
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
    const std::size_t at = text.find(what);
    if (at == std::string::npos) throw std::out_of_range(what);
    return text.replace(at, what.size(), with);
}

TEST(SigV4, takes_what_was_signed_with_the_secret) {
    EXPECT_EQ(outcome(posted()), "");
    EXPECT_EQ(outcome(presigned()), "");
}

TEST(SigV4, every_changed_character_of_what_is_signed_is_noticed) {
    int mutations = 0;
    const auto refuse_changes = [&](const Request& valid, auto part) {
        Request copy = valid;
        const std::string text = part(copy);
        for (std::size_t i = 0; i < text.size(); ++i) {
            Request changed = valid;
            part(changed)[i] = text[i] == 'z' ? 'y' : 'z';
            EXPECT_NE(outcome(changed), "") << text << " at " << i;
            ++mutations;
        }
    };
    refuse_changes(posted(), [](Request& r) -> std::string& { return r.body; });
    refuse_changes(posted(), [](Request& r) -> std::string& { return r.method; });
    refuse_changes(posted(), [](Request& r) -> std::string& { return header(r, "Host"); });
    refuse_changes(posted(), [](Request& r) -> std::string& { return header(r, "X-Amz-Date"); });
    refuse_changes(posted(), [](Request& r) -> std::string& { return header(r, "Content-Type"); });
    refuse_changes(posted(), [](Request& r) -> std::string& { return header(r, "Authorization"); });
    refuse_changes(presigned(), [](Request& r) -> std::string& { return r.query; });
    refuse_changes(presigned(), [](Request& r) -> std::string& { return r.method; });
    refuse_changes(presigned(), [](Request& r) -> std::string& { return header(r, "Host"); });
    EXPECT_GE(mutations, 200);
}

TEST(SigV4, what_is_added_to_what_is_signed_or_taken_from_it_is_noticed) {
    const std::vector<std::function<void(Request&)>> changes{
        [](Request& r) { r.body += "&DryRun=false"; },
        [](Request& r) { r.body.clear(); },
        [](Request& r) { r.query = "Action=TerminateInstances"; },
        [](Request& r) { r.path = "/other"; },
        [](Request& r) { r.headers.push_back({.name = "host", .value = "another"}); },
        [](Request& r) { r.headers.push_back({.name = "X-AMZ-DATE", .value = timestamp}); },
        [](Request& r) {
            std::erase_if(r.headers, [](const Header& h) { return h.name == "Host"; });
        },
        [](Request& r) {
            std::erase_if(r.headers, [](const Header& h) { return h.name == "Content-Type"; });
        },
        [](Request& r) { header(r, "Host") += ".evil"; }};
    for (std::size_t i = 0; i < changes.size(); ++i) {
        Request changed = posted();
        changes[i](changed);
        EXPECT_NE(outcome(changed), "") << i;
    }
    for (const char* more : {"&Owner.2=all", "&DryRun=true", "&X-Amz-Security-Token=t"}) {
        Request changed = presigned();
        changed.query += more;
        EXPECT_EQ(outcome(changed), "SignatureDoesNotMatch") << more;
    }
    Request with_body = presigned();
    with_body.body = "Action=TerminateInstances";
    EXPECT_EQ(outcome(with_body), "SignatureDoesNotMatch");
}

TEST(SigV4, what_a_client_says_of_the_body_is_not_believed) {
    Request request = posted();
    request.headers.push_back({.name = "X-Amz-Content-Sha256", .value = "UNSIGNED-PAYLOAD"});
    request.body += "&DryRun=false";
    EXPECT_EQ(outcome(request), "SignatureDoesNotMatch");
}

struct Malformed {
    const char* name;
    const char* what;
    const char* with;
};
class MalformedAuthorization : public testing::TestWithParam<Malformed> {};

TEST_P(MalformedAuthorization, is_refused_and_explained) {
    Request request = posted();
    std::string& value = header(request, "Authorization");
    value = replaced(value, GetParam().what, GetParam().with);
    EXPECT_EQ(outcome(request), "IncompleteSignature");
}

INSTANTIATE_TEST_SUITE_P(
    table, MalformedAuthorization,
    testing::Values(Malformed{"algorithm", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"},
                    Malformed{"basic", "AWS4-HMAC-SHA256 ", "Basic "},
                    Malformed{"nothing_but_algorithm", " Credential=", " Kredential="},
                    Malformed{"no_signature", "Signature=", "Sgnature="},
                    Malformed{"short_signature", "Signature=", "Signature=a, X="},
                    Malformed{"unknown_part", "SignedHeaders", "More=1, SignedHeaders"},
                    Malformed{"part_twice", "SignedHeaders", "Credential=x, SignedHeaders"},
                    Malformed{"scope_of_four", "/aws4_request", ""},
                    Malformed{"scope_of_six", "/ec2/", "/ec2/more/"},
                    Malformed{"scope_without_key", "AKIDEXAMPLE/", "/"},
                    Malformed{"scope_without_region", "/local-1/", "//"},
                    Malformed{"region_that_is_no_word", "/local-1/", "/local%0a1/"},
                    Malformed{"scope_of_another_end", "aws4_request", "aws4_reques"},
                    Malformed{"date_of_the_scope", "20260831/", "20260830/"},
                    Malformed{"date_that_is_none", "20260831/", "2026-8-31/"},
                    Malformed{"host_unsigned", ";host;", ";"},
                    Malformed{"date_unsigned", ";x-amz-date", ""},
                    Malformed{"header_that_is_not_there", "content-type;", "content-type;cookie;"},
                    Malformed{"headers_out_of_order", "content-type;host", "host;content-type"},
                    Malformed{"header_twice", "content-type;", "content-type;content-type;"},
                    Malformed{"header_in_capitals", "content-type", "Content-Type"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(SigV4, the_key_of_a_request_is_the_one_that_it_is_signed_with) {
    EXPECT_EQ(claimed_key(posted()), "AKIDEXAMPLE");
    EXPECT_EQ(claimed_key(presigned()), "AKIDEXAMPLE");
    Request decoy = presigned();
    decoy.query = "X-Amz-A=Credential=AKIDOTHER/&" + decoy.query;
    EXPECT_EQ(claimed_key(decoy), "AKIDEXAMPLE");
    decoy = presigned();
    decoy.query = replaced(decoy.query, "X-Amz-Credential", "X%2DAmz-Cr%65dential");
    EXPECT_EQ(claimed_key(decoy), "AKIDEXAMPLE");
    decoy.query = "X-Amz-Credential=%";
    EXPECT_EQ(claimed_key(decoy), "");
    EXPECT_EQ(claimed_key(Request{}), "");
}

TEST(SigV4, a_request_is_signed_once) {
    Request none = posted();
    none.headers.pop_back();
    EXPECT_EQ(outcome(none), "MissingAuthenticationToken");
    Request twice = posted();
    twice.headers.push_back(twice.headers.back());
    EXPECT_EQ(outcome(twice), "IncompleteSignature");
    Request both = presigned();
    both.headers.push_back({.name = "Authorization", .value = header(twice, "Authorization")});
    EXPECT_EQ(outcome(both), "IncompleteSignature");
    for (const char* again : {"&X-Amz-Date=20260831T123600Z", "&X-Amz-Expires=900",
                              "&X-Amz-SignedHeaders=host", "&X-Amz-Algorithm=AWS4-HMAC-SHA256"}) {
        Request repeated = presigned();
        repeated.query += again;
        EXPECT_EQ(outcome(repeated), "IncompleteSignature") << again;
    }
}

TEST(SigV4, a_presigned_request_says_how_long_it_lives) {
    for (const char* lifetime : {"0", "-1", "604801", "", "1e3", "99999999999999999999"}) {
        Request request = presigned();
        request.query = replaced(request.query, "Expires=900", std::string("Expires=") + lifetime);
        EXPECT_EQ(outcome(request), "IncompleteSignature") << lifetime;
    }
}

TEST(SigV4, dates_are_of_this_time) {
    for (const char* year : {"0000", "1677", "1999", "2201", "9999"}) {
        Request request = presigned();
        for (const char* date : {"AKIDEXAMPLE%2F2026", "Date=2026"})
            request.query = replaced(request.query, date,
                                     std::string(date, std::string(date).size() - 4) + year);
        EXPECT_EQ(outcome(request), "IncompleteSignature") << year;
    }
}

TEST(SigV4, a_malformed_query_is_refused) {
    for (const char* part : {"&A=%", "&A=%4", "&A=%zz", "&%=1"}) {
        Request request = presigned();
        request.query += part;
        EXPECT_EQ(outcome(request), "MalformedQueryString") << part;
    }
}

TEST(SigV4, plus_and_percent_20_are_both_a_space) {
    Request request = presigned();
    request.query = replaced(request.query, "Owner.1=self", "Owner.1=a+b");
    const Authorization authorization = authorization_for({"host"}, std::chrono::seconds(900));
    const auto canonical = canonical_request(request, authorization);
    EXPECT_NE(canonical.find("Owner.1=a%20b"), std::string::npos) << canonical;
}

class SigV4Time : public testing::Test {
  protected:
    static std::chrono::system_clock::time_point signed_at() {
        using namespace std::chrono;
        return sys_days(year(2026) / 8 / 31) + hours(12) + minutes(36);
    }
    static std::string outcome(const Authorization& authorization, std::chrono::seconds later) {
        return code_of(
            [&] { check_time(authorization, signed_at() + later, std::chrono::minutes(15)); });
    }
};

TEST_F(SigV4Time, clocks_may_differ_by_a_quarter_of_an_hour) {
    const Authorization authorization = authorization_for({"host"});
    for (const int later : {-900, -1, 0, 1, 900})
        EXPECT_EQ(outcome(authorization, std::chrono::seconds(later)), "") << later;
    for (const int later : {-901, 901, 86400, -86400})
        EXPECT_EQ(outcome(authorization, std::chrono::seconds(later)), "RequestExpired") << later;
}

TEST_F(SigV4Time, a_presigned_request_lives_as_long_as_it_says) {
    const Authorization authorization = authorization_for({"host"}, std::chrono::hours(2));
    for (const int later : {-900, 0, 7200})
        EXPECT_EQ(outcome(authorization, std::chrono::seconds(later)), "") << later;
    for (const int later : {-901, 7201})
        EXPECT_EQ(outcome(authorization, std::chrono::seconds(later)), "RequestExpired") << later;
}

TEST(SigningKeys, are_those_of_the_secret_day_region_and_service) {
    SigningKeys keys;
    const Scope one{.access_key_id = "A", .date = "20260831", .region = "r", .service = "ec2"};
    const std::string key = keys.key_of("secret", one);
    EXPECT_EQ(key.size(), 32U);
    EXPECT_EQ(keys.key_of("secret", one), key);
    EXPECT_NE(keys.key_of("another", one), key);
    keys.keep("secret", one, "kept");
    EXPECT_EQ(keys.key_of("secret", one), "kept");
    EXPECT_NE(keys.key_of("another", one), "kept") << "a key that was made anew";
    for (std::string Scope::*part : {&Scope::date, &Scope::region, &Scope::service}) {
        Scope other = one;
        other.*part += "x";
        EXPECT_NE(keys.key_of("secret", other), key);
    }
}

}  // namespace

}  // namespace kiln::sigv4::tests
