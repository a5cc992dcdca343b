#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "api/protocol/arguments.hpp"

namespace kiln::api {

template <class T>
struct Page {
    std::vector<T> items;
    std::optional<std::string> next_token;
};

/// MaxResults of a request: nullopt when absent. Throws outside 5…1000, or together with ids.
std::optional<std::size_t> max_results_of(const Arguments& arguments);
std::string encode_page_token(const std::string& key);
/// Throws Error{InvalidPaginationToken}.
std::string decode_page_token(const std::string& token);

/// The page that MaxResults and NextToken ask for. `key` orders the items and tells them apart; the
/// token holds the last key of its page, so that items that come and go between pages shift
/// nothing.
template <class T>
Page<T> page_of(const Arguments& arguments, std::vector<T> items,
                const std::function<std::string(const T&)>& key) {
    const auto limit = max_results_of(arguments);
    const auto token = arguments.text("NextToken");
    if (!limit && !token) return {std::move(items), std::nullopt};
    std::ranges::sort(items, {}, key);
    if (token) {
        const std::string last = decode_page_token(*token);
        items.erase(items.begin(), std::ranges::upper_bound(items, last, {}, key));
    }
    if (!limit || items.size() <= *limit) return {std::move(items), std::nullopt};
    items.erase(items.begin() + static_cast<std::ptrdiff_t>(*limit), items.end());
    std::string next_token = encode_page_token(key(items.back()));
    return {std::move(items), std::move(next_token)};
}

}  // namespace kiln::api
