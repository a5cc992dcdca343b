#pragma once

#include <utility>  // Asio 1.18's awaitable.hpp uses std::exchange without it

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <type_traits>

#include "api/server/completion.hpp"

namespace kiln::api {

/// The completion token that gives the outcome of an operation to `error` instead of throwing it.
inline auto into(boost::system::error_code& error) {
    return boost::asio::redirect_error(boost::asio::use_awaitable_t<>(), error);
}

template <class Function>
boost::asio::awaitable<std::invoke_result_t<Function>> as_coroutine(Function function) {
    co_return function();
}

/// Runs `function` on a thread of the pool; the coroutine goes on where it was, with its result or
/// its exception.
template <class Function>
boost::asio::awaitable<std::invoke_result_t<Function>> on_pool(boost::asio::thread_pool& pool,
                                                               Function function) {
    co_return co_await boost::asio::co_spawn(pool.get_executor(), as_coroutine(std::move(function)),
                                             boost::asio::use_awaitable);
}

/// Goes on where it was when that has ended, without a thread that waits. The pool's join() waits
/// for it too, so that what runs the coroutine can be destroyed after that.
inline boost::asio::awaitable<void> until(Completion completion, boost::asio::thread_pool& pool) {
    const auto initiate = [&](auto handler) {
        const auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        const auto executor = boost::asio::get_associated_executor(*shared);
        completion.then([shared, goes_on = boost::asio::make_work_guard(executor),
                         waits = boost::asio::make_work_guard(pool)]() mutable {
            boost::asio::post(goes_on.get_executor(), std::move(*shared));
            // The pool last: after its join(), what runs the coroutine may be gone.
            goes_on.reset();
            waits.reset();
        });
    };
    const boost::asio::use_awaitable_t<> token;
    co_await boost::asio::async_initiate<decltype(token), void()>(initiate, token);
}

}  // namespace kiln::api
