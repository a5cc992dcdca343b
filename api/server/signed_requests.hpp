#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "api/protocol/web_service.hpp"
#include "api/server/dispatcher.hpp"
#include "api/server/request_rate.hpp"
#include "api/sigv4/sigv4.hpp"
#include "base/clock.hpp"
#include "images/accounts/caller.hpp"

namespace kiln {
class Database;
class SecretBox;
}  // namespace kiln

namespace kiln::api {

struct SignatureLimits {
    std::chrono::seconds clock_skew{15 * 60};
    RequestRateLimit rate = {};
    std::size_t at_once = 4;  // of an account, see threads_of_account()
};

struct SignedAnswer {
    Response response;
    std::optional<AccountId> signer = {};  // absent: nobody who has an account here signed it
};

/// Answers requests that are signed with access keys: finds out whose key it is, for which service
/// and region it was signed, and has the action done. Nobody is an administrator here. Any thread.
class SignedRequests {
  public:
    struct Dependencies {
        Database& database;
        const Clock& clock;
        const SecretBox& secrets;
        const Dispatcher& dispatcher;
        SignatureLimits limits = {};
    };

    explicit SignedRequests(Dependencies dependencies);

    /// Never throws.
    SignedAnswer answer(const sigv4::Request& request);

  private:
    struct Signer {
        AccountId account;
        std::string secret;
    };

    images::Caller identify(const sigv4::Request& request,
                            const sigv4::Authorization& authorization, const WebService& service);
    Signer signer_of(const sigv4::Authorization& authorization, const WebService& service) const;
    std::optional<Signer> find_signer(const sigv4::Authorization& authorization,
                                      const WebService& service) const;

    Dependencies use_;
    sigv4::SigningKeys keys_;
    RequestRate rate_;
    RequestsAtOnce at_once_;
};

}  // namespace kiln::api
