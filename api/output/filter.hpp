#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "api/protocol/arguments.hpp"
#include "images/catalog/tag.hpp"

namespace kiln::api {

struct Filter {
    std::string name;
    std::vector<std::string> values;  // any of them; '*' and '?' are wildcards
};

/// The Filter.N of a request; `wire` is what some actions of EC2 call them instead. Throws for a
/// filter without name or values, and past 200 values.
std::vector<Filter> filters_of(const Arguments& arguments, std::string_view wire = "Filter");

/// Throws Error{InvalidParameterValue} "The filter 'x' is invalid" with the nearest known name.
[[noreturn]] void refuse_filter(const std::string& name, const std::vector<std::string>& known);
/// Whether any value of the filter matches any of the texts.
/// The values without the empty ones: a filter does not find what a resource does not have.
std::vector<std::string> present(std::vector<std::string> values);
bool any_matches(const Filter& filter, const std::vector<std::string>& texts);

/// The filters that a Describe action takes: a row for each, with the values that a T has for it.
/// tag:KEY, tag-key and tag-value come by themselves from `tags`.
template <class T>
class FilterTable {
  public:
    struct Row {
        std::string name;
        std::function<std::vector<std::string>(const T&)> values;
    };
    using TagsOf = std::function<const std::vector<images::Tag>&(const T&)>;

    explicit FilterTable(std::vector<Row> rows, TagsOf tags = nullptr)
        : rows_(std::move(rows)), tags_(std::move(tags)) {}

    /// Removes what does not match all of the filters.
    void apply(const std::vector<Filter>& filters, std::vector<T>& items) const {
        for (const Filter& filter : filters) {
            const auto values = values_for(filter.name);
            std::erase_if(items, [&](const T& item) { return !any_matches(filter, values(item)); });
        }
    }
    /// Throws what apply() throws for a filter that there is not.
    void check(const std::vector<Filter>& filters) const {
        for (const Filter& filter : filters)
            values_for(filter.name);
    }
    bool matches(const std::vector<Filter>& filters, const T& item) const {
        return std::ranges::all_of(filters, [&](const Filter& filter) {
            return any_matches(filter, values_for(filter.name)(item));
        });
    }
    std::vector<std::string> names() const {
        std::vector<std::string> all;
        all.reserve(rows_.size());
        for (const Row& row : rows_)
            all.push_back(row.name);
        if (tags_) all.insert(all.end(), {"tag:KEY", "tag-key", "tag-value"});
        return all;
    }

  private:
    std::function<std::vector<std::string>(const T&)> values_for(const std::string& name) const {
        for (const Row& row : rows_) {
            if (row.name == name)
                return [&row](const T& item) { return present(row.values(item)); };
        }
        if (tags_ && name.starts_with("tag:")) return tag_values(name.substr(4));
        if (tags_ && name == "tag-key") return each_tag(&images::Tag::key);
        if (tags_ && name == "tag-value") return each_tag(&images::Tag::value);
        refuse_filter(name, names());
    }
    std::function<std::vector<std::string>(const T&)> tag_values(const std::string& key) const {
        return [this, key](const T& item) {
            std::vector<std::string> values;
            for (const images::Tag& tag : tags_(item)) {
                if (tag.key == key) values.push_back(tag.value);
            }
            return values;
        };
    }
    std::function<std::vector<std::string>(const T&)> each_tag(
        std::string images::Tag::*part) const {
        return [this, part](const T& item) {
            std::vector<std::string> values;
            for (const images::Tag& tag : tags_(item))
                values.push_back(tag.*part);
            return values;
        };
    }

    std::vector<Row> rows_;
    TagsOf tags_;
};

}  // namespace kiln::api
