#include "api/server/request_rate.hpp"

#include <fmt/format.h>

#include <algorithm>

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

}  // namespace kiln::api
