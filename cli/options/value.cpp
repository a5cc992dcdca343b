#include "cli/options/value.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>

#include "base/environment.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "cli/options/shorthand.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {

using api::Parameter;
using api::Shape;
using api::WirePairs;

namespace {

constexpr Bytes max_file = Bytes::mebibytes(1);  // as much as a request may hold

std::string option_of(const Parameter& parameter) {
    return "--" + to_kebab_case(parameter.name);
}

/// "~/key.pub" where no shell has expanded it, as in file://~/key.pub.
std::string expanded(const std::string& path) {
    const std::string home = environment_variable("HOME");
    return path.starts_with("~/") && !home.empty() ? home + path.substr(1) : path;
}

std::string contents(const std::string& path) {
    try {
        return read_file(expanded(path), max_file);
    } catch (const Error& error) {
        refuse_usage(error.message());
    }
}

/// The word, or what is in the file that it names.
std::string loaded(const std::string& word) {
    for (const std::string_view scheme : {"file://", "fileb://"}) {
        if (word.starts_with(scheme)) return contents(word.substr(scheme.size()));
    }
    return word;
}

bool looks_like_json(std::string_view text) {
    const std::string_view trimmed = trim(text);
    return trimmed.starts_with('{') || trimmed.starts_with('[');
}

Json parsed_json(const Parameter& parameter, const std::string& text) {
    try {
        return Json::parse(text);
    } catch (const nlohmann::json::exception& error) {
        refuse_usage(fmt::format("{}: this is not JSON: {}", option_of(parameter), error.what()));
    }
}

Json structure_value(const Parameter& parameter, const std::string& word) {
    const std::string text = loaded(word);
    if (!parameter.attribute_value) {
        return looks_like_json(text) ? parsed_json(parameter, text) : parse_shorthand(trim(text));
    }
    // An attribute's own text may be JSON too, such as user data.
    Json whole = Json::parse(text, nullptr, false);
    if (whole.is_object() && whole.size() == 1 && whole.contains("Value")) return whole;
    const std::string assignment = "Value=";
    return text.starts_with(assignment) ? loaded(text.substr(assignment.size())) : text;
}

/// One word that is a JSON list is the whole list.
Json list_value(const Parameter& parameter, const std::vector<std::string>& words) {
    Json list = Json::array();
    for (const std::string& word : words) {
        const std::string text = loaded(word);
        const bool structure = parameter.shape == Shape::structure;
        Json value = trim(text).starts_with('[') ? parsed_json(parameter, text)
                     : structure                 ? structure_value(parameter, word)
                                                 : Json(text);
        if (value.is_array()) {
            for (Json& item : value)
                list.push_back(std::move(item));
        } else {
            list.push_back(std::move(value));
        }
    }
    return list;
}

Json value_of(const Parameter& parameter, const std::vector<std::string>& words) {
    if (parameter.list) return list_value(parameter, words);
    if (words.empty()) return true;  // an attribute of two values, given bare
    if (parameter.shape == Shape::structure) return structure_value(parameter, words.front());
    return loaded(words.front());
}

/// Turns values into pairs, checking them against the declaration.
class PairWriter {
  public:
    explicit PairWriter(const Parameter& parameter) : option_(option_of(parameter)) {}

    void write(const Parameter& parameter, const Json& value, const std::string& path) {
        if (value.is_null()) return;
        if (!parameter.list) return write_one(parameter, value, path);
        const Json list = value.is_array() ? value : Json::array({value});
        int index = 0;
        for (const Json& item : list)
            write_one(parameter, item, fmt::format("{}.{}", path, ++index));
    }
    WirePairs take_pairs() { return std::move(pairs_); }

  private:
    void write_one(const Parameter& parameter, const Json& value, const std::string& path) {
        if (parameter.shape != Shape::structure) {
            pairs_.emplace_back(path, scalar(parameter, value));
        } else if (value.is_object()) {
            write_members(parameter, value, path);
        } else if (parameter.attribute_value) {
            write(parameter.members.front(), value, path + "." + parameter.members.front().wire);
        } else {
            refuse_usage(
                fmt::format("{}: {} takes {}", option_, parameter.name, placeholder_of(parameter)));
        }
    }

    void write_members(const Parameter& parameter, const Json& object, const std::string& path) {
        for (const auto& [name, value] : object.items()) {
            const auto member = std::ranges::find(parameter.members, name, &Parameter::name);
            if (member == parameter.members.end()) refuse_member(parameter, name);
            write(*member, value, path + "." + member->wire);
        }
        for (const Parameter& member : parameter.members) {
            if (!member.required || object.contains(member.name)) continue;
            refuse_usage(fmt::format("{}: {} lacks its {}", option_, parameter.name, member.name));
        }
    }

    std::string scalar(const Parameter& parameter, const Json& value) const {
        if (value.is_object() || value.is_array()) {
            refuse_usage(fmt::format("{}: {} takes a single value", option_, parameter.name));
        }
        std::string text = value.is_string() ? value.get<std::string>() : value.dump();
        check(parameter, text);
        return parameter.shape == Shape::blob ? base64_encode(text) : text;
    }

    void check(const Parameter& parameter, const std::string& text) const {
        if (parameter.shape == Shape::integer && !is_integer(text)) {
            refuse_usage(fmt::format("{}: '{}' is not a whole number", option_, text));
        }
        if (parameter.shape == Shape::boolean && text != "true" && text != "false") {
            refuse_usage(fmt::format("{}: '{}' is neither true nor false", option_, text));
        }
        const auto& choices = parameter.choices;
        if (!choices.empty() && std::ranges::none_of(choices, [&](const std::string& choice) {
                return std::ranges::equal(choice, text, {}, lower, lower);
            })) {
            refuse_usage(
                fmt::format("{}: '{}' is not one of: {}", option_, text, fmt::join(choices, ", ")));
        }
    }

    static bool is_integer(const std::string& text) {
        std::int64_t number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        return error == std::errc() && end == text.data() + text.size();
    }
    static int lower(unsigned char c) { return std::tolower(c); }

    [[noreturn]] void refuse_member(const Parameter& parameter, const std::string& name) const {
        std::vector<std::string> known;
        known.reserve(parameter.members.size());
        for (const Parameter& member : parameter.members)
            known.push_back(member.name);
        refuse_usage(fmt::format("{}: {} has no '{}'{}", option_, parameter.name, name,
                                 did_you_mean(name, known)));
    }

    std::string option_;
    WirePairs pairs_;
};

std::string placeholder_of_one(const Parameter& parameter) {
    if (!parameter.choices.empty()) return fmt::format("{}", fmt::join(parameter.choices, "|"));
    switch (parameter.shape) {
        case Shape::text:
            return "TEXT";
        case Shape::integer:
            return "NUMBER";
        case Shape::boolean:
            return "true|false";
        case Shape::blob:
            return "TEXT|file://PATH";
        case Shape::structure:
            break;
    }
    if (parameter.attribute_value) return placeholder_of(parameter.members.front());
    std::vector<std::string> members;
    for (const Parameter& member : parameter.members) {
        const std::string inner = placeholder_of_one(member);
        const bool nested = member.shape == Shape::structure;
        const std::string object = nested ? "{" + inner + "}" : inner;
        const std::string list = nested ? "[" + object + ",…]" : object + ",…";
        members.push_back(member.name + "=" + (member.list ? list : object));
    }
    return fmt::format("{}", fmt::join(members, ","));
}

}  // namespace

WirePairs wire_pairs_of(const Parameter& parameter, const std::vector<std::string>& words) {
    PairWriter writer(parameter);
    writer.write(parameter, value_of(parameter, words), parameter.wire);
    return writer.take_pairs();
}

std::string placeholder_of(const Parameter& parameter) {
    return placeholder_of_one(parameter) + (parameter.list ? " …" : "");
}

}  // namespace kiln::cli
