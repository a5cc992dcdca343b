#pragma once

#include <utility>  // Asio 1.18's awaitable.hpp uses std::exchange without it

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <type_traits>

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

}  // namespace kiln::api
