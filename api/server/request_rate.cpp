#include "api/server/request_rate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"

namespace kiln::api {

void RequestRate::take(const AccountId& account, Moment now) {
    const std::lock_guard lock(mutex_);
    Bucket& bucket =
        buckets_.try_emplace(account, Bucket{.tokens = limit_.burst, .filled = now}).first->second;
    const std::chrono::duration<double> rest = now - bucket.filled;
    bucket.tokens =
        std::min(limit_.burst, bucket.tokens + std::max(rest.count(), 0.0) * limit_.per_second);
    bucket.filled = now;
    if (bucket.tokens < 1) {
        throw Error("RequestLimitExceeded", account.str(),
                    fmt::format("Request limit exceeded: an account may send {} requests per "
                                "second. Try again later.",
                                limit_.per_second));
    }
    bucket.tokens -= 1;
}

RequestsAtOnce::One::One(RequestsAtOnce& all, AccountId account)
    : all_(all), account_(std::move(account)) {
    const std::lock_guard lock(all_.mutex_);
    std::size_t& count = all_.counts_[account_];
    if (count >= all_.most_) {
        throw Error("RequestLimitExceeded", account_.str(),
                    fmt::format("Request limit exceeded: {} requests of an account are handled at "
                                "once. Try again later.",
                                all_.most_));
    }
    ++count;
}

RequestsAtOnce::One::~One() {
    const std::lock_guard lock(all_.mutex_);
    const auto found = all_.counts_.find(account_);
    if (--found->second == 0) all_.counts_.erase(found);
}

}  // namespace kiln::api
