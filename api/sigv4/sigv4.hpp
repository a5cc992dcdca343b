#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// AWS Signature Version 4, the server's side: whether a request was signed with the secret that
/// its access key has. Needs the standard library, OpenSSL, fmt and base/error alone.
namespace kiln::sigv4 {

struct Header {
    std::string name;  // in any case
    std::string value;
};

/// A request as it came over the wire.
struct Request {
    std::string method;
    std::string path;   // before any '?'
    std::string query;  // after it
    std::vector<Header> headers;
    std::string body;
};

/// "AKID/20150830/region/service/aws4_request"
struct Scope {
    std::string access_key_id;
    std::string date;
    std::string region;
    std::string service;

    bool operator==(const Scope&) const = default;
};

/// What a request says of its signature, in its Authorization header or its query.
struct Authorization {
    Scope scope;
    std::vector<std::string> signed_headers;  // lower-case, sorted, each once
    std::string signature;                    // 64 lower-case hexadecimal digits
    std::string timestamp;                    // "20150830T123600Z"
    std::chrono::seconds lifetime{0};         // of a presigned request; 0: of the other form
    std::string session_token;                // empty: none

    bool is_presigned() const { return lifetime.count() > 0; }
};

/// Where AWS' services differ. All but S3 fold ".", ".." and double slashes of the path; some leave
/// the session token of a presigned request out of what is signed.
struct Style {
    bool normalizes_path = true;
    bool signs_token = true;
};

/// The id of the key that a request says it is signed with, unchecked, for who must tell requests
/// apart before that; empty: it says none, or cannot be read.
std::string claimed_key(const Request& request);

/// Throws Error{MissingAuthenticationToken} when the request has none, and
/// Error{IncompleteSignature} for one that is malformed, that is there twice, or that leaves the
/// host or the date unsigned.
Authorization parse_authorization(const Request& request);

/// Throws Error{RequestExpired} for one that was signed more than `skew` before or after `now`, and
/// for a presigned one whose lifetime has ended.
void check_time(const Authorization& authorization, std::chrono::system_clock::time_point now,
                std::chrono::seconds skew);

/// The text whose digest is signed. The body's digest is computed, whatever the request says of it.
/// Throws Error{MalformedQueryString}.
std::string canonical_request(const Request& request, const Authorization& authorization,
                              const Style& style = {});
std::string string_to_sign(const Authorization& authorization,
                           const std::string& canonical_request);

/// The keys that secrets give for a day, a region and a service. Any thread.
class SigningKeys {
  public:
    /// 32 bytes: the one that is kept, or computed.
    std::string key_of(const std::string& secret, const Scope& scope) const;
    void keep(const std::string& secret, const Scope& scope, const std::string& key);

  private:
    struct Entry {
        std::string secret;
        std::string key;
    };
    mutable std::mutex mutex_;
    std::map<std::string, Entry> keys_;
};

/// As 64 hexadecimal digits.
std::string signature_of(const std::string& string_to_sign, const std::string& signing_key);

/// Throws Error{SignatureDoesNotMatch} unless the request was signed with the secret. Takes the
/// same time wherever the signatures differ.
void verify(const Request& request, const Authorization& authorization, const std::string& secret,
            SigningKeys& keys, const Style& style = {});

}  // namespace kiln::sigv4
