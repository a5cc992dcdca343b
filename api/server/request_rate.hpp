#pragma once

#include <chrono>
#include <map>
#include <mutex>

#include "base/ids.hpp"

namespace kiln::api {

struct RequestRateLimit {
    double per_second = 5'000;
    double burst = 20'000;  // so many at once, after a rest
};

/// How fast each account may send requests: a bucket of tokens that fills again. Any thread.
class RequestRate {
  public:
    using Moment = std::chrono::steady_clock::time_point;

    explicit RequestRate(RequestRateLimit limit) : limit_(limit) {}

    /// Throws Error{RequestLimitExceeded} when the account's bucket is empty.
    void take(const AccountId& account, Moment now);

  private:
    struct Bucket {
        double tokens;
        Moment filled;
    };

    RequestRateLimit limit_;
    std::mutex mutex_;
    std::map<AccountId, Bucket> buckets_;  // of accounts there are, so they are few
};

/// How many requests of an account are handled at once. Any thread.
class RequestsAtOnce {
  public:
    explicit RequestsAtOnce(std::size_t most) : most_(most) {}

    /// One of them, while it is handled.
    class One {
      public:
        /// Throws Error{RequestLimitExceeded} when there are too many.
        One(RequestsAtOnce& all, AccountId account);
        ~One();
        One(const One&) = delete;
        One& operator=(const One&) = delete;

      private:
        RequestsAtOnce& all_;
        AccountId account_;
    };

  private:
    std::size_t most_;
    std::mutex mutex_;
    std::map<AccountId, std::size_t> counts_;
};

}  // namespace kiln::api
