#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/protocol/arguments.hpp"

namespace kiln::api {

template <class T>
struct Page {
    std::vector<T> items;
    std::optional<std::string> next_token;
};

/// What MaxResults may be.
struct PageLimits {
    std::int64_t least = 5;
    std::int64_t most = 1'000;
};
/// MaxResults of a request: nullopt when absent. Throws outside the limits, or together with ids.
std::optional<std::size_t> max_results_of(const Arguments& arguments, const PageLimits& limits);
std::string encode_page_token(const std::string& key);
/// Throws Error{InvalidPaginationToken}.
std::string decode_page_token(const std::string& token);

/// The page that MaxResults and NextToken ask for. `key` orders the items and tells them apart; the
/// token holds the last key of its page, so that items that come and go between pages shift
/// nothing.
template <class T>
Page<T> page_of(const Arguments& arguments, std::vector<T> items,
                const std::function<std::string(const T&)>& key, const PageLimits& limits = {}) {
    const auto limit = max_results_of(arguments, limits);
    const auto token = arguments.text("NextToken");
    if (!limit && !token) return {std::move(items), std::nullopt};
    std::vector<std::pair<std::string, std::size_t>> order;  // key and place of each
    order.reserve(items.size());
    for (std::size_t i = 0; i < items.size(); ++i)
        order.emplace_back(key(items[i]), i);
    if (token) {
        const std::string last = decode_page_token(*token);
        std::erase_if(order, [&](const auto& each) { return each.first <= last; });
    }
    std::ranges::sort(order);
    Page<T> page;
    if (limit && order.size() > *limit) {
        order.resize(*limit);
        page.next_token = encode_page_token(order.back().first);
    }
    for (const auto& [text, place] : order)
        page.items.push_back(std::move(items[place]));
    return page;
}

}  // namespace kiln::api
