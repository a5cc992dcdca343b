#include "api/sigv4/sigv4.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include "api/sigv4/canonical.hpp"
#include "base/error.hpp"

namespace kiln::sigv4 {

namespace {

constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view terminator = "aws4_request";
constexpr std::string_view date_header = "x-amz-date";
constexpr std::string_view token_header = "x-amz-security-token";
constexpr std::chrono::seconds longest_lifetime{7 * 24 * 3600};
constexpr std::size_t digest_size = 32;
constexpr std::size_t keys_are_kept = 1024;
constexpr std::size_t most_signed_headers = 64;
constexpr std::size_t longest_scope_part = 128;

[[noreturn]] void refuse(const std::string& why) {
    throw Error("IncompleteSignature", "", why);
}

std::string hex(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    text.reserve(2 * bytes.size());
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        text += digits[byte >> 4U];
        text += digits[byte & 0xFU];
    }
    return text;
}

std::string sha256(std::string_view bytes) {
    std::string digest(digest_size, '\0');
    unsigned size = 0;
    if (EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()),
                   &size, EVP_sha256(), nullptr) != 1) {
        throw Error(error_code::internal_error, "", "OpenSSL cannot make a digest");
    }
    return digest;
}

std::string hmac(std::string_view key, std::string_view text) {
    std::string code(digest_size, '\0');
    unsigned size = 0;
    if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(),
             reinterpret_cast<unsigned char*>(code.data()), &size) == nullptr) {
        throw Error(error_code::internal_error, "", "OpenSSL cannot sign");
    }
    return code;
}

bool is_digits(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_signature(std::string_view text) {
    return text.size() == 2 * digest_size && std::ranges::all_of(text, [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}

std::vector<std::string_view> parts_of(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (true) {
        const std::size_t end = text.find(separator);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

/// What may stand in a log.
bool is_word(std::string_view text) {
    return !text.empty() && text.size() <= longest_scope_part &&
           std::ranges::all_of(text, [](char c) {
               return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_';
           });
}

Scope scope_of(std::string_view credential) {
    const auto parts = parts_of(credential, '/');
    const bool is_whole = parts.size() == 5 && parts[4] == terminator && is_word(parts[0]) &&
                          parts[1].size() == 8 && is_digits(parts[1]) && is_word(parts[2]) &&
                          is_word(parts[3]);
    if (!is_whole) {
        refuse(
            "Credential must have exactly 5 slash-delimited elements, e.g. "
            "keyid/date/region/service/term, each of letters, digits, '-' and '_'");
    }
    return {.access_key_id = std::string(parts[0]),
            .date = std::string(parts[1]),
            .region = std::string(parts[2]),
            .service = std::string(parts[3])};
}

std::vector<std::string> signed_headers_of(std::string_view text) {
    std::vector<std::string> names;
    for (const std::string_view name : parts_of(text, ';')) {
        if (names.size() == most_signed_headers)
            refuse(fmt::format("SignedHeaders must name {} headers at most", most_signed_headers));
        const bool in_order = names.empty() || std::string_view(names.back()) < name;
        if (name.empty() || lower_case(name) != name || !in_order) {
            refuse(
                "SignedHeaders must be lower-case names of headers, sorted, each once, with ';' "
                "between them");
        }
        names.emplace_back(name);
    }
    return names;
}

bool is_signed(const Authorization& authorization, std::string_view header) {
    return std::ranges::binary_search(authorization.signed_headers, header);
}

bool is_lower_case_of(std::string_view lower, std::string_view text) {
    return std::ranges::equal(lower, text, [](char a, char b) {
        return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b);
    });
}

/// All values of that name, in their order.
std::vector<std::string_view> values_of(const std::vector<Header>& headers,
                                        std::string_view lower_name) {
    std::vector<std::string_view> values;
    for (const Header& header : headers) {
        if (is_lower_case_of(lower_name, header.name)) values.push_back(header.value);
    }
    return values;
}

/// Empty: there is none.
std::string only_value(const std::vector<Header>& headers, std::string_view lower_name) {
    const auto values = values_of(headers, lower_name);
    if (values.size() > 1) refuse(fmt::format("There must be one header '{}' only", lower_name));
    return values.empty() ? "" : canonical_value(values.front());
}

/// "20150830T123600Z"
std::optional<std::chrono::system_clock::time_point> time_of(std::string_view timestamp) {
    const bool is_shaped = timestamp.size() == 16 && timestamp[8] == 'T' && timestamp[15] == 'Z' &&
                           is_digits(timestamp.substr(0, 8)) && is_digits(timestamp.substr(9, 6));
    if (!is_shaped) return std::nullopt;
    const auto number = [&](std::size_t at, std::size_t length) {
        int value = 0;
        std::from_chars(timestamp.data() + at, timestamp.data() + at + length, value);
        return value;
    };
    const std::chrono::year_month_day day{std::chrono::year(number(0, 4)),
                                          std::chrono::month(static_cast<unsigned>(number(4, 2))),
                                          std::chrono::day(static_cast<unsigned>(number(6, 2)))};
    // Others do not fit into the clock's nanoseconds.
    if (day.year() < std::chrono::year(2000) || day.year() > std::chrono::year(2200))
        return std::nullopt;
    if (!day.ok() || number(9, 2) > 23 || number(11, 2) > 59 || number(13, 2) > 60)
        return std::nullopt;
    return std::chrono::sys_days(day) + std::chrono::hours(number(9, 2)) +
           std::chrono::minutes(number(11, 2)) + std::chrono::seconds(number(13, 2));
}

/// The parts of the header after the algorithm: "Name=value, Name=value".
std::map<std::string, std::string> named_parts(std::string_view text) {
    std::map<std::string, std::string> named;
    for (const std::string_view part : parts_of(text, ',')) {
        const std::string plain = canonical_value(part);
        const std::size_t equals = plain.find('=');
        if (equals == std::string::npos)
            refuse(fmt::format("'{}' in the header Authorization is no key=value pair", plain));
        if (!named.emplace(plain.substr(0, equals), plain.substr(equals + 1)).second)
            refuse(fmt::format("'{}' is there twice in the header Authorization",
                               plain.substr(0, equals)));
    }
    return named;
}

std::string take(std::map<std::string, std::string>& named, const char* name, const char* where) {
    const auto found = named.extract(name);
    if (found.empty() || found.mapped().empty())
        refuse(fmt::format("{} requires '{}' parameter", where, name));
    return found.mapped();
}

Authorization of_header(const Request& request, std::string_view text) {
    constexpr const char* where = "Authorization header";
    const std::size_t space = text.find(' ');
    if (text.substr(0, space) != algorithm) {
        refuse(
            fmt::format("Authorization header must begin with {}: other ways to sign are not "
                        "supported",
                        algorithm));
    }
    auto named = named_parts(text.substr(std::min(space, text.size())));
    Authorization authorization{
        .scope = scope_of(take(named, "Credential", where)),
        .signed_headers = signed_headers_of(take(named, "SignedHeaders", where)),
        .signature = take(named, "Signature", where),
        .timestamp = only_value(request.headers, date_header),
        .session_token = only_value(request.headers, token_header)};
    if (!named.empty())
        refuse(fmt::format("'{}' in the header Authorization is unknown", named.begin()->first));
    if (authorization.timestamp.empty())
        refuse("Authorization header requires existence of an 'X-Amz-Date' header");
    if (!is_signed(authorization, date_header)) refuse("'X-Amz-Date' must be a 'SignedHeader'");
    return authorization;
}

std::chrono::seconds lifetime_of(const std::string& text) {
    int seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    const bool is_number = error == std::errc() && end == text.data() + text.size();
    if (!is_number || seconds < 1 || seconds > longest_lifetime.count()) {
        refuse(fmt::format("X-Amz-Expires must be a number of seconds from 1 to {}",
                           longest_lifetime.count()));
    }
    return std::chrono::seconds(seconds);
}

Authorization of_query(const Pairs& pairs) {
    constexpr const char* where = "A presigned request";
    std::map<std::string, std::string> named;
    for (const auto& [name, value] : pairs) {
        if (!name.starts_with("X-Amz-")) continue;
        if (!named.emplace(name, value).second)
            refuse(fmt::format("'{}' is there twice in the query", name));
    }
    if (take(named, "X-Amz-Algorithm", where) != algorithm)
        refuse(fmt::format("X-Amz-Algorithm must be {}", algorithm));
    return {.scope = scope_of(take(named, "X-Amz-Credential", where)),
            .signed_headers = signed_headers_of(take(named, "X-Amz-SignedHeaders", where)),
            .signature = take(named, "X-Amz-Signature", where),
            .timestamp = take(named, "X-Amz-Date", where),
            .lifetime = lifetime_of(take(named, "X-Amz-Expires", where)),
            .session_token = named["X-Amz-Security-Token"]};
}

bool has_query_form(const Pairs& pairs) {
    return std::ranges::any_of(pairs, [](const auto& pair) {
        return pair.first == "X-Amz-Algorithm" || pair.first == "X-Amz-Signature" ||
               pair.first == "X-Amz-Credential";
    });
}

void check(const Request& request, const Authorization& authorization) {
    if (!is_signed(authorization, "host") || only_value(request.headers, "host").empty())
        refuse("'Host' must be a 'SignedHeader' in the AWS Authorization");
    if (!is_signature(authorization.signature))
        refuse("Signature must be 64 lower-case hexadecimal digits");
    if (!time_of(authorization.timestamp)) {
        refuse(
            fmt::format("Date must be in ISO-8601 'basic format', such as 20150830T123600Z. Got "
                        "'{}'",
                        authorization.timestamp));
    }
    if (!authorization.timestamp.starts_with(authorization.scope.date)) {
        refuse(
            fmt::format("Date in Credential scope does not match YYYYMMDD from ISO-8601 version "
                        "of date from HTTP: '{}' != '{}'",
                        authorization.scope.date, authorization.timestamp.substr(0, 8)));
    }
}

std::string canonical_headers(const Request& request, const Authorization& authorization) {
    std::string text;
    for (const std::string& name : authorization.signed_headers) {
        const auto values = values_of(request.headers, name);
        if (values.empty())
            refuse(fmt::format("The header '{}' is signed, but it is not there", name));
        text += name;
        text += ':';
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (i > 0) text += ',';
            text += canonical_value(values[i]);
        }
        text += '\n';
    }
    return text;
}

std::string name_of(const Scope& scope) {
    return fmt::format("{}/{}/{}/{}", scope.access_key_id, scope.date, scope.region, scope.service);
}

}  // namespace

std::string claimed_key(const Request& request) try {
    constexpr std::string_view name = "Credential=";
    std::string credential;
    const auto headers = values_of(request.headers, "authorization");
    if (headers.empty()) {
        const Pairs pairs = decoded_pairs(request.query);
        const auto found = std::ranges::find(pairs, "X-Amz-Credential", &Pairs::value_type::first);
        if (found != pairs.end()) credential = found->second.substr(0, longest_scope_part);
    } else {
        const std::size_t place = headers.front().find(name);
        if (place != std::string_view::npos)
            credential = headers.front().substr(place + name.size(), longest_scope_part);
    }
    return credential.substr(0, credential.find('/'));
} catch (const Error&) {  // its query cannot be read
    return "";
}

Authorization parse_authorization(const Request& request) {
    const auto headers = values_of(request.headers, "authorization");
    const Pairs pairs = decoded_pairs(request.query);
    const bool is_presigned = has_query_form(pairs);
    if (headers.empty() && !is_presigned)
        throw Error("MissingAuthenticationToken", "", "Request is missing Authentication Token");
    if (headers.size() + (is_presigned ? 1 : 0) > 1)
        refuse("A request must be signed once: with one header Authorization, or in its query");
    Authorization authorization =
        is_presigned ? of_query(pairs) : of_header(request, canonical_value(headers.front()));
    check(request, authorization);
    return authorization;
}

void check_time(const Authorization& authorization, std::chrono::system_clock::time_point now,
                std::chrono::seconds skew) {
    const auto signed_at = time_of(authorization.timestamp).value();
    const auto text_of = [](std::chrono::system_clock::time_point time) {
        const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
        std::tm parts{};
        ::gmtime_r(&seconds, &parts);
        std::array<char, 17> text{};
        std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts);
        return std::string(text.data());
    };
    if (signed_at > now + skew) {
        throw Error(
            "RequestExpired", "",
            fmt::format("Signature not yet current: {} is still later than {} ({} + {} s): "
                        "set the clock of this machine, or the client's",
                        authorization.timestamp, text_of(now + skew), text_of(now), skew.count()));
    }
    const auto lifetime = authorization.is_presigned() ? authorization.lifetime : skew;
    if (signed_at + lifetime >= now) return;
    throw Error("RequestExpired", "",
                fmt::format("Request has expired. Timestamp date is {}, and it was valid for {} s; "
                            "it is now {}",
                            authorization.timestamp, lifetime.count(), text_of(now)));
}

std::string canonical_request(const Request& request, const Authorization& authorization,
                              const Style& style) {
    Pairs pairs = decoded_pairs(request.query);
    if (authorization.is_presigned()) {
        std::erase_if(pairs, [&](const auto& pair) {
            return pair.first == "X-Amz-Signature" ||
                   (!style.signs_token && pair.first == "X-Amz-Security-Token");
        });
    }
    std::string names;
    for (const std::string& name : authorization.signed_headers) {
        if (!names.empty()) names += ';';
        names += name;
    }
    return fmt::format(
        "{}\n{}\n{}\n{}\n{}\n{}", request.method,
        canonical_path(style.normalizes_path ? normalized_path(request.path) : request.path),
        canonical_query(pairs), canonical_headers(request, authorization), names,
        hex(sha256(request.body)));
}

std::string string_to_sign(const Authorization& authorization,
                           const std::string& canonical_request) {
    const Scope& scope = authorization.scope;
    return fmt::format("{}\n{}\n{}/{}/{}/{}\n{}", algorithm, authorization.timestamp, scope.date,
                       scope.region, scope.service, terminator, hex(sha256(canonical_request)));
}

std::string SigningKeys::key_of(const std::string& secret, const Scope& scope) const {
    {
        const std::lock_guard lock(mutex_);
        const auto found = keys_.find(name_of(scope));
        if (found != keys_.end() && found->second.secret == secret) return found->second.key;
    }
    std::string key = hmac("AWS4" + secret, scope.date);
    key = hmac(key, scope.region);
    key = hmac(key, scope.service);
    return hmac(key, terminator);
}

void SigningKeys::keep(const std::string& secret, const Scope& scope, const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto found = keys_.find(name_of(scope));
    if (found != keys_.end() && found->second.secret == secret) return;
    if (keys_.size() >= keys_are_kept) keys_.clear();
    keys_[name_of(scope)] = {.secret = secret, .key = key};
}

std::string signature_of(const std::string& string_to_sign, const std::string& signing_key) {
    return hex(hmac(signing_key, string_to_sign));
}

void verify(const Request& request, const Authorization& authorization, const std::string& secret,
            SigningKeys& keys, const Style& style) {
    const std::string key = keys.key_of(secret, authorization.scope);
    const std::string wanted = signature_of(
        string_to_sign(authorization, canonical_request(request, authorization, style)), key);
    // Both have 64 digits.
    if (CRYPTO_memcmp(wanted.data(), authorization.signature.data(), wanted.size()) == 0) {
        keys.keep(secret, authorization.scope, key);  // and of nobody who only knows the key's id
        return;
    }
    throw Error("SignatureDoesNotMatch", "",
                "The request signature we calculated does not match the signature you provided. "
                "Check your AWS Secret Access Key and signing method.");
}

}  // namespace kiln::sigv4
