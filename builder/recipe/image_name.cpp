#include "builder/recipe/image_name.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "builder/recipe/yaml_reader.hpp"

namespace kiln::builder {

namespace {

/// "104500", of "2026-11-30T10:45:00.123Z".
std::string time_of_day(Time time) {
    constexpr std::size_t begin = 11;
    constexpr std::size_t length = 8;
    std::string text = format_time(time).substr(begin, length);
    std::erase(text, ':');
    return text;
}

std::string value_of(const std::string& word, const NamePlaces& places) {
    if (word == "date") return format_date(places.now);
    if (word == "time") return time_of_day(places.now);
    if (word == "architecture") return std::string(to_text(places.architecture));
    if (word == "version" && !places.version.empty()) return places.version;
    if (word == "version") {
        throw Error(invalid_recipe, "name",
                    "the name has {version}, but the recipe has no 'version'");
    }
    throw Error(invalid_recipe, "name",
                fmt::format("the name has {{{}}}{}", word,
                            did_you_mean(word, {"date", "time", "version", "architecture"})));
}

}  // namespace

std::string expand_name(const std::string& name_template, const NamePlaces& places) {
    std::string name;
    std::size_t position = 0;
    while (true) {
        const std::size_t open = name_template.find('{', position);
        name += name_template.substr(position, open - position);
        if (open == std::string::npos) return name;
        const std::size_t close = name_template.find('}', open);
        if (close == std::string::npos)
            throw Error(invalid_recipe, "name", "the name has a '{' without its '}'");
        name += value_of(name_template.substr(open + 1, close - open - 1), places);
        position = close + 1;
    }
}

}  // namespace kiln::builder
