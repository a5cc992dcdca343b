#include "base/read_rates.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "base/text.hpp"

namespace kiln {

namespace {

[[noreturn]] void refuse(const YAML::Node& node, const std::string& message) {
    throw YAML::RepresentationException(node.Mark(), message);
}

/// yaml-cpp would read a missing value as the text "null".
void refuse_missing(const YAML::Node& key, const YAML::Node& value) {
    if (value.IsNull()) refuse(key, "the value is missing");
}

std::string read_currency(const YAML::Node& node) {
    auto currency = node.as<std::string>();
    const bool is_code = currency.size() == 3 &&
                         std::ranges::all_of(currency, [](char c) { return c >= 'A' && c <= 'Z'; });
    if (!is_code) {
        refuse(node, fmt::format("'{}' is no currency: expecting three capital letters, as USD",
                                 currency));
    }
    return currency;
}

Decimal read_rate(const YAML::Node& node) {
    const auto rate = Decimal::parse(node.as<std::string>());
    if (rate) return *rate;
    refuse(node, fmt::format("'{}' is no rate: expecting digits like 12 or 0.0104, with at most 9 "
                             "before the point and 10 after it",
                             node.as<std::string>()));
}

std::map<std::string, Decimal> read_rates_by_type(const YAML::Node& node) {
    if (!node.IsMap()) refuse(node, "expecting a rate for each type, as {gp3: \"0.08\"}");
    std::map<std::string, Decimal> rates;
    for (const auto& entry : node) {
        refuse_missing(entry.first, entry.second);
        const auto type = entry.first.as<std::string>();
        if (!rates.emplace(type, read_rate(entry.second)).second) {
            refuse(entry.first, fmt::format("'{}' has a rate already", type));
        }
    }
    return rates;
}

using Setter = std::function<void(Rates&, const YAML::Node&)>;

const std::map<std::string, Setter>& setters() {
    static const std::map<std::string, Setter> table{
        {"currency", [](Rates& r, const YAML::Node& node) { r.currency = read_currency(node); }},
        {"instance_hour",
         [](Rates& r, const YAML::Node& node) { r.instance_hour = read_rates_by_type(node); }},
        {"volume_gib_month",
         [](Rates& r, const YAML::Node& node) { r.volume_gib_month = read_rates_by_type(node); }},
        {"snapshot_gib_month",
         [](Rates& r, const YAML::Node& node) { r.snapshot_gib_month = read_rate(node); }},
        {"bundle_gib_month",
         [](Rates& r, const YAML::Node& node) { r.bundle_gib_month = read_rate(node); }},
    };
    return table;
}

[[noreturn]] void refuse_key(const YAML::Node& key) {
    std::vector<std::string> known;
    for (const auto& [name, setter] : setters())
        known.push_back(name);
    const auto name = key.as<std::string>();
    const auto suggestion = nearest(name, known);
    refuse(key, fmt::format("unknown key '{}' in rates{}", name,
                            suggestion ? fmt::format("; did you mean '{}'?", *suggestion)
                                       : fmt::format("; known keys: {}", fmt::join(known, ", "))));
}

}  // namespace

Rates read_rates(const YAML::Node& node) {
    if (!node.IsMap()) refuse(node, "expecting lines of key: value below rates");
    Rates rates;
    for (const auto& entry : node) {
        const auto setter = setters().find(entry.first.as<std::string>());
        if (setter == setters().end()) refuse_key(entry.first);
        refuse_missing(entry.first, entry.second);
        setter->second(rates, entry.second);
    }
    return rates;
}

}  // namespace kiln
