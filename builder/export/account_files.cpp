#include "builder/export/account_files.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/text.hpp"

namespace kiln::builder {

namespace {

constexpr int first_id = 1000;
constexpr int last_id = 59'999;  // of Debian's ordinary users

/// Both files have name, password and a number first.
struct Line {
    std::string name;
    int number;
    int second_number = -1;  // of passwd: the group's
};

std::optional<int> parse_number(std::string_view text) {
    int number = 0;
    const auto end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, number);
    if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
    return number;
}

std::vector<Line> lines_of(const std::string& file) {
    constexpr std::size_t number_field = 2;
    std::vector<Line> lines;
    for (const std::string& text : split(file, '\n')) {
        const std::vector<std::string> fields = split(text, ':');
        if (fields.size() <= number_field) continue;
        const auto number = parse_number(fields[number_field]);
        if (!number) continue;
        Line line{.name = fields.front(), .number = *number};
        if (fields.size() > number_field + 1)
            line.second_number = parse_number(fields[number_field + 1]).value_or(-1);
        lines.push_back(line);
    }
    return lines;
}

std::optional<Line> line_named(const std::string& file, const std::string& name) {
    for (const Line& line : lines_of(file))
        if (line.name == name) return line;
    return std::nullopt;
}

int free_number(const AccountFiles& files) {
    std::set<int> taken;
    for (const std::string* file : {&files.passwd, &files.group})
        for (const Line& line : lines_of(*file))
            taken.insert(line.number);
    for (int number = first_id; number <= last_id; ++number)
        if (!taken.contains(number)) return number;
    throw Error(
        error_code::unsupported_operation, "",
        fmt::format("the image has a user for each number from {} to {}", first_id, last_id));
}

void append(std::string& file, const std::string& line) {
    if (!file.empty() && !file.ends_with('\n')) file += '\n';
    file += line + "\n";
}

}  // namespace

UserIds add_user(AccountFiles& files, const std::string& name, const std::string& shell) {
    if (const auto there = line_named(files.passwd, name))
        return {.user = there->number, .group = there->second_number};
    const int number = free_number(files);
    const auto group = line_named(files.group, name);
    const int group_number = group ? group->number : number;
    append(files.passwd,
           fmt::format("{0}:x:{1}:{2}:{0}:/home/{0}:{3}", name, number, group_number, shell));
    if (!files.shadow.empty()) append(files.shadow, fmt::format("{}:*:19000:0:99999:7:::", name));
    if (group) return {.user = number, .group = group_number};
    append(files.group, fmt::format("{}:x:{}:", name, number));
    if (!files.gshadow.empty()) append(files.gshadow, fmt::format("{}:!::", name));
    return {.user = number, .group = number};
}

}  // namespace kiln::builder
