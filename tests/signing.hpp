#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <string>
#include <utility>

#include "api/protocol/query.hpp"
#include "api/sigv4/sigv4.hpp"

namespace kiln::tests {

/// Who signs a request, for what and when.
struct Signing {
    std::string access_key_id;
    std::string secret;
    std::string session_token = {};
    std::string region = "local-1";
    std::string service = "ec2";
    std::string timestamp = "20260831T123600Z";
};

inline std::string timestamp_now() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    gmtime_r(&now, &parts);
    std::array<char, 32> text{};
    return {text.data(), std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts)};
}

/// As it goes over a connection, which stays open if it can.
inline std::string wire_form(const sigv4::Request& request) {
    std::string text = "POST / HTTP/1.1\r\n";
    for (const auto& header : request.headers)
        text += header.name + ": " + header.value + "\r\n";
    return text + "content-length: " + std::to_string(request.body.size()) + "\r\n\r\n" +
           request.body;
}

/// The request with a signature of all headers that it has, and of the time.
inline sigv4::Request with_signature(const Signing& signing, sigv4::Request request) {
    request.headers.push_back({.name = "x-amz-date", .value = signing.timestamp});
    if (!signing.session_token.empty())
        request.headers.push_back({.name = "x-amz-security-token", .value = signing.session_token});
    sigv4::Authorization authorization{.scope = {.access_key_id = signing.access_key_id,
                                                 .date = signing.timestamp.substr(0, 8),
                                                 .region = signing.region,
                                                 .service = signing.service},
                                       .signed_headers = {},
                                       .signature = "",
                                       .timestamp = signing.timestamp};
    for (const sigv4::Header& header : request.headers)
        authorization.signed_headers.push_back(header.name);
    std::ranges::sort(authorization.signed_headers);
    sigv4::SigningKeys keys;
    const std::string signature = sigv4::signature_of(
        sigv4::string_to_sign(authorization, sigv4::canonical_request(request, authorization)),
        keys.key_of(signing.secret, authorization.scope));
    request.headers.push_back(
        {.name = "authorization",
         .value = fmt::format("AWS4-HMAC-SHA256 Credential={}/{}/{}/{}/aws4_request, "
                              "SignedHeaders={}, Signature={}",
                              signing.access_key_id, authorization.scope.date, signing.region,
                              signing.service, fmt::join(authorization.signed_headers, ";"),
                              signature)});
    return request;
}

/// A POST as the AWS SDKs send it.
inline sigv4::Request signed_post(const Signing& signing, const api::WirePairs& pairs) {
    return with_signature(
        signing, {.method = "POST",
                  .path = "/",
                  .query = "",
                  .headers = {{.name = "host", .value = "127.0.0.1:8773"},
                              {.name = "content-type",
                               .value = "application/x-www-form-urlencoded; charset=utf-8"}},
                  .body = api::encode_query(pairs)});
}

inline sigv4::Request signed_get(const Signing& signing, const std::string& path,
                                 const std::string& query) {
    return with_signature(signing, {.method = "GET",
                                    .path = path,
                                    .query = query,
                                    .headers = {{.name = "host", .value = "127.0.0.1:8773"}},
                                    .body = ""});
}

}  // namespace kiln::tests
