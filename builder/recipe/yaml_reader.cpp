#include "builder/recipe/yaml_reader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "base/error.hpp"
#include "base/text.hpp"

namespace kiln::builder {

namespace {

constexpr std::size_t longest_shown_text = 80;
constexpr std::size_t most_taken = 4U << 20U;

/// The whole number that the text is; nullopt for any other text.
std::optional<std::int64_t> whole_number(std::string_view text) {
    std::int64_t value = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || rest != end) return std::nullopt;
    return value;
}

std::optional<int> seconds_of(char unit) {
    constexpr int minute = 60;
    if (unit == 's') return 1;
    if (unit == 'm') return minute;
    if (unit == 'h') return minute * minute;
    return std::nullopt;
}

}  // namespace

std::string did_you_mean(const std::string& word, const std::vector<std::string>& known) {
    const auto near = nearest(word, known);
    return near ? fmt::format("; did you mean '{}'?", *near)
                : fmt::format("; known are {}", fmt::join(known, ", "));
}

YAML::Node YamlReader::load(const std::string& yaml) const {
    YAML::Node root;
    try {
        root = YAML::Load(yaml);
    } catch (const YAML::Exception& exception) {
        throw Error(invalid_recipe, source_,
                    fmt::format("{}:{}:{}: {}", source_, exception.mark.line + 1,
                                exception.mark.column + 1, exception.msg));
    }
    if (!root.IsDefined() || root.IsNull()) {
        throw Error(invalid_recipe, source_, fmt::format("{}:1:1: the recipe is empty", source_));
    }
    return root;
}

void YamlReader::fail(const YAML::Node& node, const std::string& what) const {
    throw Error(
        invalid_recipe, source_,
        fmt::format("{}:{}:{}: {}", source_, node.Mark().line + 1, node.Mark().column + 1, what));
}

void YamlReader::check_mapping(const YAML::Node& node, const std::string& name,
                               const std::vector<std::string>& known) const {
    if (!node.IsMap()) fail(node, fmt::format("{} is a mapping: 'key: value' and so on", name));
    std::set<std::string> seen;
    for (const auto& entry : node) {
        if (!entry.first.IsScalar()) fail(entry.first, "a key must be a text");
        const std::string& key = entry.first.Scalar();
        if (std::ranges::find(known, key) == known.end()) {
            fail(entry.first, fmt::format("unknown key '{}'{}", key.substr(0, longest_shown_text),
                                          did_you_mean(key, known)));
        }
        if (!seen.insert(key).second)
            fail(entry.first, fmt::format("key '{}' is there twice", key));
    }
}

void YamlReader::check_list(const YAML::Node& node, const std::string& key,
                            std::size_t most) const {
    if (!node.IsSequence() || node.size() == 0) fail(node, fmt::format("'{}' is a list", key));
    if (node.size() > most) fail(node, fmt::format("'{}' has more than {} entries", key, most));
}

std::string YamlReader::text(const YAML::Node& node, const std::string& key,
                             std::size_t longest) const {
    if (!node.IsScalar() || node.Scalar().empty())
        fail(node, fmt::format("'{}' must be a text", key));
    if (node.Scalar().size() > longest)
        fail(node, fmt::format("'{}' is longer than {} characters", key, longest));
    if (node.Scalar().find('\0') != std::string::npos)
        fail(node, fmt::format("'{}' holds a zero byte", key));
    count(node, node.Scalar().size());
    return node.Scalar();
}

void YamlReader::count(const YAML::Node& node, std::size_t bytes) const {
    taken_ += bytes;
    if (taken_ <= most_taken) return;
    fail(node, fmt::format("the recipe has more than {} MiB of texts where its aliases stand for "
                           "what they name",
                           most_taken >> 20U));
}

std::vector<std::string> YamlReader::texts(const YAML::Node& node, const std::string& key,
                                           std::size_t most, std::size_t longest) const {
    check_list(node, key, most);
    std::vector<std::string> texts;
    for (const auto& entry : node)
        texts.push_back(text(entry, key, longest));
    return texts;
}

bool YamlReader::truth(const YAML::Node& node, const std::string& key) const {
    try {
        return node.as<bool>();
    } catch (const YAML::Exception&) {
        fail(node, fmt::format("'{}' is true or false", key));
    }
}

std::int64_t YamlReader::number(const YAML::Node& node, const std::string& key,
                                const NumberRange& range) const {
    const auto value = node.IsScalar() ? whole_number(node.Scalar()) : std::nullopt;
    if (value && *value >= range.least && *value <= range.most) return *value;
    fail(node, fmt::format("'{}' is a number from {} to {}", key, range.least, range.most));
}

std::chrono::seconds YamlReader::duration(const YAML::Node& node, const std::string& key,
                                          std::chrono::seconds longest) const {
    const std::string text = node.IsScalar() ? node.Scalar() : "";
    const auto unit = text.empty() ? std::nullopt : seconds_of(text.back());
    const auto count =
        unit ? whole_number(std::string_view(text).substr(0, text.size() - 1)) : std::nullopt;
    if (!count) fail(node, fmt::format("'{}' is written like 90s, 10m or 2h", key));
    if (*count >= 1 && *count <= longest.count() / *unit)
        return std::chrono::seconds(*count * *unit);
    fail(node, fmt::format("'{}' is from 1s to {}h", key,
                           std::chrono::duration_cast<std::chrono::hours>(longest).count()));
}

}  // namespace kiln::builder
