#include "cli/options/option.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/make_shared.hpp>
#include <boost/program_options/cmdline.hpp>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <charconv>

#include "cli/usage_error.hpp"

namespace kiln::cli {

namespace po = boost::program_options;

namespace {

/// Only counts the words that belong to an option; their meaning is found elsewhere.
class Words final : public po::value_semantic {
  public:
    Words(unsigned least, unsigned most) : least_(least), most_(most) {}

    std::string name() const override { return ""; }
    unsigned min_tokens() const override { return least_; }
    unsigned max_tokens() const override { return most_; }
    bool is_composing() const override { return false; }
    bool is_required() const override { return false; }
    void parse(boost::any&, const std::vector<std::string>&, bool) const override {}
    bool apply_default(boost::any&) const override { return false; }
    void notify(const boost::any&) const override {}

  private:
    unsigned least_;
    unsigned most_;
};

constexpr unsigned max_values = 1'000;  // of one option, as in one list of a request

Words* words_of(Arity arity) {
    switch (arity) {
        case Arity::none:
            return new Words(0, 0);
        case Arity::optional:
            return new Words(0, 1);
        case Arity::one:
            return new Words(1, 1);
        case Arity::many:
            return new Words(1, max_values);
    }
    return nullptr;
}

/// Boost owns the descriptions and what they hold.
po::options_description description_of(const std::vector<Option>& options) {
    po::options_description description;
    for (const Option& option : options) {
        const std::string name =
            option.letter == '\0' ? option.name : fmt::format("{},{}", option.name, option.letter);
        description.add(
            boost::make_shared<po::option_description>(name.c_str(), words_of(option.arity)));
        if (option.negative.empty()) continue;
        description.add(boost::make_shared<po::option_description>(option.negative.c_str(),
                                                                   words_of(Arity::none)));
    }
    return description;
}

[[noreturn]] void refuse_unknown(const std::string& word, const std::vector<Option>& options) {
    std::vector<std::string> known;
    for (const Option& option : options) {
        known.push_back("--" + option.name);
        if (!option.negative.empty()) known.push_back("--" + option.negative);
    }
    const std::string name = word.substr(0, word.find('='));
    refuse_usage(fmt::format("unknown option '{}'{}", name, did_you_mean(name, known)));
}

void check_repetition(const CommandLine& line, const std::vector<Option>& options) {
    for (const Option& option : options) {
        const auto times = std::ranges::count(line.options, option.name, &CommandLine::Given::name);
        if (times > 1 && option.arity != Arity::many) {
            refuse_usage(fmt::format("the option '--{}' is given twice", option.name));
        }
    }
}

/// Not "-----BEGIN PUBLIC KEY-----".
bool looks_like_option(const std::string& word) {
    return word.starts_with("--") && word.size() > 2 && word[2] >= 'a' && word[2] <= 'z';
}

/// "--image-id --key-name k": Boost takes the next option for the value that was forgotten.
void refuse_option_as_value(const po::option& option) {
    const bool apart = option.original_tokens.front().find('=') == std::string::npos;
    if (!apart || option.value.empty() || !looks_like_option(option.value.front())) return;
    refuse_usage(fmt::format("the option '--{0}' needs a value; if '{1}' is meant, write --{0}={1}",
                             option.string_key, option.value.front()));
}

/// Boost's parsers do not take "--option=" for an empty value, nor an empty word in some places.
std::vector<std::string> with_empty_values_apart(const std::vector<std::string>& words) {
    std::vector<std::string> apart;
    for (const std::string& word : words) {
        const bool empty_value =
            word.starts_with("--") && word.size() > 3 && word.find('=') == word.size() - 1;
        apart.push_back(empty_value ? word.substr(0, word.size() - 1) : word);
        if (empty_value) apart.emplace_back();
    }
    return apart;
}

}  // namespace

bool CommandLine::has(const std::string& name) const {
    return std::ranges::find(options, name, &Given::name) != options.end();
}

std::optional<std::string> CommandLine::value(const std::string& name) const {
    const auto found = std::ranges::find(options, name, &Given::name);
    if (found == options.end() || found->values.empty()) return std::nullopt;
    return found->values.front();
}

std::vector<std::string> CommandLine::values(const std::string& name) const {
    std::vector<std::string> all;
    for (const Given& given : options) {
        if (given.name == name) all.insert(all.end(), given.values.begin(), given.values.end());
    }
    return all;
}

std::chrono::seconds seconds_option(const CommandLine& line, const std::string& name,
                                    std::chrono::seconds otherwise) {
    constexpr int longest = 24 * 3600;
    const auto text = line.value(name);
    if (!text) return otherwise;
    int seconds = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
    const bool whole = error == std::errc() && end == text->data() + text->size();
    if (!whole || seconds < 1 || seconds > longest) {
        refuse_usage(fmt::format("--{}: '{}' is not a number of seconds from 1 to {}", name, *text,
                                 longest));
    }
    return std::chrono::seconds(seconds);
}

CommandLine parse_command_line(const std::vector<Option>& options,
                               const std::vector<std::string>& words) {
    namespace style = po::command_line_style;
    constexpr int rules = style::allow_long | style::long_allow_adjacent | style::long_allow_next |
                          style::allow_short | style::short_allow_next |
                          style::short_allow_adjacent | style::allow_dash_for_short;
    const po::options_description description = description_of(options);
    CommandLine line;
    try {
        const auto parsed = po::command_line_parser(with_empty_values_apart(words))
                                .options(description)
                                .style(rules)
                                .allow_unregistered()
                                .run();
        for (const auto& option : parsed.options) {
            if (option.unregistered) refuse_unknown(option.original_tokens.front(), options);
            if (option.string_key.empty()) {
                line.arguments.insert(line.arguments.end(), option.value.begin(),
                                      option.value.end());
                continue;
            }
            refuse_option_as_value(option);
            line.options.push_back({option.string_key, option.value});
        }
    } catch (const po::error& error) {
        refuse_usage(error.what());
    }
    check_repetition(line, options);
    return line;
}

}  // namespace kiln::cli
