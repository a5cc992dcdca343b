#include "api/server/named_resources.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace kiln::api {

namespace {

constexpr std::size_t longest_name = 256;

/// Without numbers of list elements: "LaunchPermission.Add.1.UserId" is "UserId", "InstanceId.1"
/// "InstanceId".
std::string_view last_word(std::string_view name) {
    const auto is_number = [](std::string_view word) {
        return std::ranges::all_of(
            word, [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; });
    };
    while (true) {
        const std::size_t dot = name.rfind('.');
        if (dot == std::string_view::npos) return name;
        const std::string_view word = name.substr(dot + 1);
        if (!is_number(word)) return word;
        name = name.substr(0, dot);
    }
}

bool names_something(std::string_view word) {
    constexpr std::array<std::string_view, 9> ends{
        "Id", "Arn", "ProductCode", "KeyName", "GroupName", "Uid", "Bucket", "RegionName", "Alias"};
    return word == "Group" ||
           std::ranges::any_of(ends, [&](std::string_view end) { return word.ends_with(end); });
}

void add(std::string_view name, std::set<std::string>& resources) {
    if (name.empty() || name.size() > longest_name) return;
    if (resources.size() < most_named_resources) resources.emplace(name);
}

}  // namespace

void add_named(const WirePairs& parameters, std::set<std::string>& resources) {
    for (const auto& [name, value] : parameters)
        if (names_something(last_word(name))) add(value, resources);
}

/// Values are escaped: no text of somebody's makes an element.
void add_answered(std::string_view xml, std::set<std::string>& resources) {
    constexpr std::array<std::string_view, 3> others{"RequestId", "OwnerId", "RequesterId"};
    std::size_t begin = xml.find('<');
    while (begin != std::string_view::npos) {
        const std::size_t end = xml.find('>', begin);
        const std::size_t next = end == std::string_view::npos ? end : xml.find('<', end);
        if (next == std::string_view::npos) return;
        std::string element(xml.substr(begin + 1, end - begin - 1));
        if (!element.empty())
            element[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(element[0])));
        if (std::ranges::find(others, element) == others.end()) {
            if (names_something(element)) add(xml.substr(end + 1, next - end - 1), resources);
        }
        begin = next;
    }
}

}  // namespace kiln::api
