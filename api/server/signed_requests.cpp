#include "api/server/signed_requests.hpp"

#include <fmt/format.h>

#include "base/database.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/secret_box.hpp"
#include "base/text.hpp"
#include "images/accounts/access_key.hpp"
#include "images/accounts/account.hpp"
#include "images/accounts/session_credentials.hpp"

namespace kiln::api {

namespace {

using sigv4::Authorization;

constexpr unsigned unauthorized = 401;
constexpr unsigned internal_server_error = 500;

/// An unknown key, one that may not sign, and one of a closed account are the same to a stranger.
[[noreturn]] void refuse_credentials(const WebService& service) {
    if (service.protocol == Protocol::query) {
        throw Error("InvalidClientTokenId", "",
                    "The security token included in the request is invalid.");
    }
    throw Error("AuthFailure", "", "AWS was not able to validate the provided access credentials");
}

/// What clients get new credentials at.
Error expired(const WebService& service) {
    return {service.protocol == Protocol::query ? "ExpiredToken" : "RequestExpired", "",
            "The security token included in the request is expired"};
}

const WebService& service_named(const std::string& name) {
    if (const WebService* service = find_web_service(name)) return *service;
    throw Error("SignatureDoesNotMatch", name,
                fmt::format("Credential should be scoped to a service that kiln answers for: ec2, "
                            "sts or iam, and not '{}'",
                            name));
}

std::string content_type_of(const sigv4::Request& request) {
    for (const sigv4::Header& header : request.headers)
        if (header.name == "content-type") return header.value;
    return "";
}

Request plain_request(const sigv4::Request& request, const WebService& service) {
    return {.method = request.method,
            .target = request.query.empty() ? request.path : request.path + "?" + request.query,
            .content_type = content_type_of(request),
            .body = request.body,
            .service = &service};
}

/// The log has the details; strangers have none.
SignedAnswer unforeseen(const WebService& service, const char* details) {
    log::error("a signed request failed unexpectedly: {}", on_one_line(details));
    return {.response = error_response(
                {error_code::internal_error, "", "An internal error has occurred"}, service)};
}

}  // namespace

SignedRequests::SignedRequests(Dependencies dependencies)
    : use_(dependencies), rate_(use_.limits.rate), at_once_(use_.limits.at_once) {}

std::optional<SignedRequests::Signer> SignedRequests::find_signer(
    const Authorization& authorization, const WebService& service) const {
    const std::string& id = authorization.scope.access_key_id;
    std::string secret;
    std::string key_id = id;
    std::optional<AccountId> account;
    if (!authorization.session_token.empty()) {
        const auto claim =
            images::open_session_token(use_.secrets, id, authorization.session_token);
        if (!claim) return std::nullopt;
        if (claim->expires < use_.clock.now()) throw expired(service);
        secret = claim->secret;
        key_id = claim->parent_key_id;
        account = claim->account;
    }
    return use_.database.read([&](Session& session) -> std::optional<Signer> {
        const auto key = images::find_access_key(session, key_id);
        if (!key || key->state != images::AccessKeyState::active) return std::nullopt;
        if (account && key->account != *account) return std::nullopt;
        if (secret.empty()) secret = use_.secrets.open(key->sealed_secret, key->id);
        const auto found = images::find_account(session, key->account);
        if (!found || found->state != images::AccountState::active) return std::nullopt;
        return Signer{.account = key->account, .secret = secret};
    });
}

SignedRequests::Signer SignedRequests::signer_of(const Authorization& authorization,
                                                 const WebService& service) const {
    auto signer = find_signer(authorization, service);
    if (!signer) refuse_credentials(service);
    return *std::move(signer);
}

images::Caller SignedRequests::identify(const sigv4::Request& request,
                                        const Authorization& authorization,
                                        const WebService& service) {
    sigv4::check_time(authorization, use_.clock.now(), use_.limits.clock_skew);
    const Signer signer = signer_of(authorization, service);
    sigv4::verify(request, authorization, signer.secret, keys_);
    rate_.take(signer.account, std::chrono::steady_clock::now());
    return {.account = signer.account,
            .region = authorization.scope.region,
            .own_account = signer.account,
            .access_key_id = authorization.scope.access_key_id};
}

SignedAnswer SignedRequests::answer(const sigv4::Request& request) {
    const WebService* service = &ec2_service;
    try {
        const Authorization authorization = sigv4::parse_authorization(request);
        service = &service_named(authorization.scope.service);
        images::Caller caller = identify(request, authorization, *service);
        const RequestsAtOnce::One one(at_once_, caller.account);
        const AccountId signer = caller.account;
        return {.response =
                    use_.dispatcher.dispatch(plain_request(request, *service), std::move(caller)),
                .signer = signer};
    } catch (const Error& error) {
        if (status_of_error(error.code()) == internal_server_error)
            return unforeseen(*service, error.what());
        log::debug("a signed request was refused: {}: {}", error.code(),
                   on_one_line(error.message()));
        Response refusal = error_response(error, *service);
        if (error.code() == "AuthFailure") refusal.status = unauthorized;
        return {.response = std::move(refusal)};
    } catch (const std::exception& error) {
        return unforeseen(*service, error.what());
    }
}

}  // namespace kiln::api
