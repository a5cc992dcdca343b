#include "api/protocol/arguments.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/error.hpp"
#include "base/text.hpp"

namespace kiln::api {

namespace {

constexpr std::string_view ami_prefix = "ami-";
constexpr std::size_t max_parameters = 1'000;  // in one request
constexpr std::uint32_t max_list_index = 1'000;
constexpr std::size_t max_nesting = 8;  // parts of one name, "BlockDeviceMapping.1.Ebs.Iops" has 4

[[noreturn]] void refuse(std::string code, const std::string& name, std::string message) {
    throw Error(std::move(code), name, std::move(message));
}

[[noreturn]] void refuse_value(const std::string& name, const std::string& value,
                               std::string_view expected) {
    refuse(error_code::invalid_parameter_value, name,
           fmt::format("Value ({}) for parameter {} is invalid. {}", value, name, expected));
}

/// The pairs of a request as the tree that their dotted names describe.
struct Node {
    std::string part;  // of a parameter's name
    std::optional<std::string> value = std::nullopt;
    std::vector<Node> children = {};

    Node& child(const std::string& name) {
        const auto found = std::ranges::find(children, name, &Node::part);
        return found != children.end() ? *found : children.emplace_back(Node{.part = name});
    }
};

Node tree_of(const std::vector<std::pair<std::string, std::string>>& pairs) {
    if (pairs.size() > max_parameters) {
        refuse(error_code::invalid_parameter_value, "",
               fmt::format("The request has more than {} parameters", max_parameters));
    }
    Node root{.part = ""};
    for (const auto& [name, value] : pairs) {
        const std::vector<std::string> parts = split(name, '.');
        if (parts.size() > max_nesting) {
            refuse("UnknownParameter", name,
                   fmt::format("The parameter {} is not recognized: it has more than {} parts",
                               name, max_nesting));
        }
        Node* node = &root;
        for (const std::string& part : parts)
            node = &node->child(part);
        if (node->value) {
            refuse(error_code::invalid_parameter_value, name,
                   fmt::format("The parameter {} is given twice", name));
        }
        node->value = value;
    }
    return root;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return std::ranges::equal(
        a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::optional<std::int64_t> to_integer(const std::string& text) {
    std::int64_t number = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc() || rest != end) return std::nullopt;
    return number;
}

std::optional<bool> to_boolean(const std::string& text) {
    if (text == "1" || equal_ignoring_case(text, "true")) return true;
    if (text == "0" || equal_ignoring_case(text, "false")) return false;
    return std::nullopt;
}

/// The word of the choices that is meant: clients differ in upper and lower case.
std::string checked_choice(const Parameter& parameter, const std::string& path,
                           const std::string& value) {
    if (parameter.choices.empty()) return value;
    for (const std::string& choice : parameter.choices) {
        if (equal_ignoring_case(choice, value)) return choice;
    }
    refuse_value(path, value,
                 fmt::format("It must be one of: {}", fmt::join(parameter.choices, ", ")));
}

std::string checked_value(const Parameter& parameter, const std::string& path,
                          const std::string& value) {
    if (value.empty()) return value;  // counts as absent
    switch (parameter.shape) {
        case Shape::text:
            return checked_choice(parameter, path, value);
        case Shape::integer:
            if (!to_integer(value)) refuse_value(path, value, "It must be a whole number");
            return value;
        case Shape::boolean:
            if (!to_boolean(value)) refuse_value(path, value, "It must be true or false");
            return value;
        case Shape::blob:
            if (!base64_decode(value)) {
                refuse(error_code::invalid_parameter_value, path,
                       fmt::format("Invalid BASE64 encoding of {}", path));
            }
            return value;
        case Shape::structure:
            break;
    }
    refuse_value(path, value, "It has members: give them by name");
}

std::string join_path(const std::string& path, const std::string& part) {
    return path.empty() ? part : path + "." + part;
}

[[noreturn]] void refuse_unknown(const std::string& path, const std::string& part,
                                 const std::vector<std::string>& known) {
    const std::string name = join_path(path, part);
    const auto suggestion = nearest(part, known);
    refuse("UnknownParameter", name,
           fmt::format(
               "The parameter {} is not recognized{}", name,
               suggestion ? fmt::format("; did you mean {}?", join_path(path, *suggestion)) : ""));
}

const Parameter& declared(const std::vector<Parameter>& parameters, const std::string& path,
                          const std::string& part) {
    const auto found = std::ranges::find(parameters, part, &Parameter::wire);
    if (found != parameters.end()) return *found;
    std::vector<std::string> known;
    known.reserve(parameters.size());
    for (const Parameter& parameter : parameters)
        known.push_back(parameter.wire);
    refuse_unknown(path, part, known);
}

/// A list's elements in the order of their indices.
std::vector<std::pair<std::uint32_t, const Node*>> elements_of(const Node& node,
                                                               const std::string& path) {
    if (node.value && !node.value->empty()) {
        refuse("UnknownParameter", path,
               fmt::format("The parameter {} is not recognized; did you mean {}.1?", path, path));
    }
    std::vector<std::pair<std::uint32_t, const Node*>> elements;
    for (const Node& child : node.children) {
        const auto index = to_integer(child.part);
        if (!index || *index < 1) refuse_unknown(path, child.part, {});
        if (*index > max_list_index) {
            refuse(error_code::invalid_parameter_value, path,
                   fmt::format("The index of {}.{} is over {}", path, child.part, max_list_index));
        }
        elements.emplace_back(static_cast<std::uint32_t>(*index), &child);
    }
    std::ranges::sort(elements, {}, &std::pair<std::uint32_t, const Node*>::first);
    return elements;
}

}  // namespace

class ArgumentParser {
  public:
    static Arguments parse(const std::vector<Parameter>& parameters, const Node& node,
                           const std::string& path) {
        Arguments arguments;
        for (const Node& child : node.children) {
            const Parameter& parameter = declared(parameters, path, child.part);
            add(arguments, parameter, child, join_path(path, child.part));
        }
        for (const Parameter& parameter : parameters)
            require(arguments, parameter, join_path(path, parameter.wire));
        return arguments;
    }

  private:
    static void add(Arguments& arguments, const Parameter& parameter, const Node& node,
                    const std::string& path) {
        if (parameter.list) {
            add_list(arguments, parameter, node, path);
        } else if (parameter.shape == Shape::structure) {
            arguments.structures_[parameter.wire] = structure(parameter, node, path);
        } else {
            arguments.texts_[parameter.wire] = scalar(parameter, node, path);
        }
    }

    static void add_list(Arguments& arguments, const Parameter& parameter, const Node& node,
                         const std::string& path) {
        std::uint32_t previous = 0;
        for (const auto& [index, element] : elements_of(node, path)) {
            const std::string element_path = fmt::format("{}.{}", path, index);
            if (index == previous) {  // "1" and "01"
                refuse(error_code::invalid_parameter_value, element_path,
                       fmt::format("The parameter {} is given twice", element_path));
            }
            previous = index;
            if (parameter.shape == Shape::structure) {
                arguments.structure_lists_[parameter.wire].push_back(
                    structure(parameter, *element, element_path));
            } else {
                arguments.lists_[parameter.wire].push_back(
                    scalar(parameter, *element, element_path));
            }
        }
    }

    static Arguments structure(const Parameter& parameter, const Node& node,
                               const std::string& path) {
        if (node.value) checked_value(parameter, path, *node.value);
        return parse(parameter.members, node, path);
    }

    static std::string scalar(const Parameter& parameter, const Node& node,
                              const std::string& path) {
        if (!node.children.empty()) refuse_unknown(path, node.children.front().part, {});
        return checked_value(parameter, path, node.value.value_or(""));
    }

    static void require(const Arguments& arguments, const Parameter& parameter,
                        const std::string& path) {
        if (!parameter.required || arguments.has(parameter.wire)) return;
        refuse(error_code::missing_parameter, path,
               fmt::format("The request must contain the parameter {}", path));
    }
};

bool Arguments::has(std::string_view wire) const {
    return text(wire) || lists_.contains(wire) || structures_.contains(wire) ||
           structure_lists_.contains(wire);
}

std::optional<std::string> Arguments::text(std::string_view wire) const {
    const auto found = texts_.find(wire);
    if (found == texts_.end() || found->second.empty()) return std::nullopt;
    return found->second;
}

std::optional<std::string> Arguments::text_or_empty(std::string_view wire) const {
    const auto found = texts_.find(wire);
    if (found == texts_.end()) return std::nullopt;
    return found->second;
}

std::string Arguments::required_text(std::string_view wire) const {
    return text(wire).value();
}

std::optional<std::int64_t> Arguments::integer(std::string_view wire) const {
    const auto found = text(wire);
    return found ? to_integer(*found) : std::nullopt;
}

std::optional<bool> Arguments::boolean(std::string_view wire) const {
    const auto found = text(wire);
    return found ? to_boolean(*found) : std::nullopt;
}

std::vector<std::string> Arguments::texts(std::string_view wire) const {
    const auto found = lists_.find(wire);
    return found == lists_.end() ? std::vector<std::string>{} : found->second;
}

std::vector<Arguments> Arguments::structures(std::string_view wire) const {
    const auto found = structure_lists_.find(wire);
    return found == structure_lists_.end() ? std::vector<Arguments>{} : found->second;
}

Arguments Arguments::structure(std::string_view wire) const {
    const auto found = structures_.find(wire);
    return found == structures_.end() ? Arguments{} : found->second;
}

void Arguments::resolve_images(const std::vector<Parameter>& parameters,
                               const ResolveMention& resolve) {
    for (const Parameter& parameter : parameters) {
        const auto structure = structures_.find(parameter.wire);
        if (structure != structures_.end())
            structure->second.resolve_images(parameter.members, resolve);
        const auto list = structure_lists_.find(parameter.wire);
        if (list != structure_lists_.end()) {
            for (Arguments& element : list->second)
                element.resolve_images(parameter.members, resolve);
        }
        if (parameter.image != ImageUse::none) resolve_texts(parameter, resolve);
    }
}

void Arguments::resolve_texts(const Parameter& parameter, const ResolveMention& resolve) {
    const std::string region = text(parameter.image_region).value_or("");
    const auto replace = [&](std::string& said) {
        if (said.empty()) return;  // counts as absent
        std::string found = resolve({.text = said, .use = parameter.image, .region = region});
        if (found == said) return;
        if (said.starts_with(ami_prefix)) asked_images_[found] = said;
        said = std::move(found);
    };
    if (const auto single = texts_.find(parameter.wire); single != texts_.end())
        replace(single->second);
    if (const auto several = lists_.find(parameter.wire); several != lists_.end())
        std::ranges::for_each(several->second, replace);
}

std::optional<std::string> Arguments::asked_image(const std::string& resolved) const {
    const auto found = asked_images_.find(resolved);
    if (found == asked_images_.end()) return std::nullopt;
    return found->second;
}

Arguments parse_arguments(const std::vector<Parameter>& parameters,
                          const std::vector<std::pair<std::string, std::string>>& pairs) {
    return ArgumentParser::parse(parameters, tree_of(pairs), "");
}

}  // namespace kiln::api
