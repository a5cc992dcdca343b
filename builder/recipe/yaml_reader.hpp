#pragma once

#include <yaml-cpp/yaml.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace kiln::builder {

inline constexpr const char* invalid_recipe = "InvalidRecipe";

/// "; did you mean 'packages'?", or what there is when nothing is near.
std::string did_you_mean(const std::string& word, const std::vector<std::string>& known);

/// A whole number that a recipe says, and its bounds.
struct NumberRange {
    std::int64_t least;
    std::int64_t most;
};

/// Reads values out of a YAML document; every complaint is an Error{InvalidRecipe} that begins with
/// the source, the line and the column.
class YamlReader {
  public:
    explicit YamlReader(std::string source) : source_(std::move(source)) {}

    const std::string& source() const { return source_; }
    /// The document's root. Throws for what is no YAML, and for an empty one.
    YAML::Node load(const std::string& yaml) const;
    [[noreturn]] void fail(const YAML::Node& node, const std::string& what) const;

    /// A mapping whose keys are among the known ones, each once. `name` is what a complaint calls
    /// it: "a user".
    void check_mapping(const YAML::Node& node, const std::string& name,
                       const std::vector<std::string>& known) const;
    /// A list of 1 to `most` entries.
    void check_list(const YAML::Node& node, const std::string& key, std::size_t most) const;
    /// A text of 1 to `longest` bytes without a zero byte among them.
    std::string text(const YAML::Node& node, const std::string& key, std::size_t longest) const;
    /// A list of such texts.
    std::vector<std::string> texts(const YAML::Node& node, const std::string& key, std::size_t most,
                                   std::size_t longest) const;
    /// Counts what is taken out of the document. Throws when it is too much: aliases let a short
    /// one say a text again and again.
    void count(const YAML::Node& node, std::size_t bytes) const;
    bool truth(const YAML::Node& node, const std::string& key) const;
    std::int64_t number(const YAML::Node& node, const std::string& key,
                        const NumberRange& range) const;
    /// "90s", "10m" or "2h", from one second to `longest`.
    std::chrono::seconds duration(const YAML::Node& node, const std::string& key,
                                  std::chrono::seconds longest) const;

  private:
    std::string source_;
    mutable std::size_t taken_ = 0;  // in bytes
};

}  // namespace kiln::builder
