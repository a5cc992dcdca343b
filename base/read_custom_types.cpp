#include "base/read_custom_types.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <regex>

#include "base/text.hpp"

namespace kiln {

namespace {

constexpr std::uint32_t most_vcpus = 254;  // 255 without an IOMMU; an appliance has one more
constexpr std::size_t most_disks = 4;
constexpr Bytes least_memory = Bytes::mebibytes(64);
constexpr Bytes most_memory = Bytes::gibibytes(4096);
constexpr Bytes least_disk = Bytes::gibibytes(1);
constexpr Bytes most_disk = Bytes::gibibytes(16'384);

[[noreturn]] void refuse(const YAML::Node& node, const std::string& message) {
    throw YAML::RepresentationException(node.Mark(), message);
}

std::uint32_t number_of(const YAML::Node& node, const char* key, std::uint32_t most) {
    const auto number = node.as<std::uint32_t>(0);
    if (number >= 1 && number <= most) return number;
    refuse(node, fmt::format("{} is 1 to {}", key, most));
}

Bytes size_of(const YAML::Node& node, const char* key, Bytes least, Bytes most) {
    static const std::regex form("([0-9]{1,8})(MiB|GiB)");
    const auto text = node.as<std::string>("");
    std::smatch parts;
    if (text.size() <= 16 && std::regex_match(text, parts, form)) {
        const std::uint64_t count = std::stoull(parts[1]);
        const Bytes size = parts[2] == "MiB" ? Bytes::mebibytes(count) : Bytes::gibibytes(count);
        if (size >= least && size <= most) return size;
    }
    refuse(node, fmt::format("{} is {}MiB to {}GiB, written like 512MiB or 2GiB", key,
                             least.in_mebibytes(), most.in_gibibytes()));
}

std::vector<std::string> words_of(const YAML::Node& node, const char* key,
                                  const std::vector<std::string>& known) {
    if (!node.IsSequence() || node.size() == 0)
        refuse(node, fmt::format("{} is a list of {}", key, fmt::join(known, ", ")));
    std::vector<std::string> words;
    for (const YAML::Node& element : node) {
        const auto word = element.as<std::string>("");
        if (std::ranges::find(known, word) == known.end())
            refuse(element, fmt::format("{} is a list of {}", key, fmt::join(known, ", ")));
        if (std::ranges::find(words, word) == words.end()) words.push_back(word);
    }
    return words;
}

std::vector<Bytes> disks_of(const YAML::Node& node) {
    if (!node.IsSequence() || node.size() > most_disks)
        refuse(node, fmt::format("storage is a list of at most {} sizes", most_disks));
    std::vector<Bytes> disks;
    for (const YAML::Node& element : node)
        disks.push_back(size_of(element, "a disk of storage", least_disk, most_disk));
    return disks;
}

using Setter = std::function<void(CustomType&, const YAML::Node&)>;

const std::map<std::string, Setter>& setters() {
    static const std::map<std::string, Setter> table{
        {"vcpus",
         [](CustomType& t, const YAML::Node& n) { t.vcpus = number_of(n, "vcpus", most_vcpus); }},
        {"memory",
         [](CustomType& t, const YAML::Node& n) {
             t.memory = size_of(n, "memory", least_memory, most_memory);
         }},
        {"architectures",
         [](CustomType& t, const YAML::Node& n) {
             t.architectures = words_of(n, "architectures", {"i386", "x86_64", "arm64"});
         }},
        {"virtualization_types",
         [](CustomType& t, const YAML::Node& n) {
             t.virtualization_types = words_of(n, "virtualization_types", {"hvm", "paravirtual"});
         }},
        {"storage", [](CustomType& t, const YAML::Node& n) { t.storage = disks_of(n); }},
        {"baseline_percent",
         [](CustomType& t, const YAML::Node& n) {
             t.baseline_percent = number_of(n, "baseline_percent", 100);
         }},
    };
    return table;
}

[[noreturn]] void refuse_key(const YAML::Node& key) {
    std::vector<std::string> known;
    for (const auto& [name, setter] : setters())
        known.push_back(name);
    const auto name = key.as<std::string>("");
    const auto suggestion = nearest(name, known);
    refuse(key, fmt::format("unknown key '{}' of an instance type{}", name,
                            suggestion ? fmt::format("; did you mean '{}'?", *suggestion)
                                       : fmt::format("; known keys: {}", fmt::join(known, ", "))));
}

CustomType read_type(const YAML::Node& name, const YAML::Node& node) {
    if (!node.IsMap()) refuse(name, "expecting lines of key: value below the type's name");
    CustomType type;
    for (const auto& entry : node) {
        const auto setter = setters().find(entry.first.as<std::string>(""));
        if (setter == setters().end()) refuse_key(entry.first);
        setter->second(type, entry.second);
    }
    if (type.vcpus == 0 || type.memory.value == 0)
        refuse(name, "an instance type needs vcpus and memory");
    return type;
}

}  // namespace

CustomTypes read_custom_types(const YAML::Node& node) {
    static const std::regex name_form("[a-z][a-z0-9-]{0,30}\\.[a-z0-9-]{1,30}");
    if (!node.IsMap()) refuse(node, "expecting names of types below instance_types");
    CustomTypes types;
    for (const auto& entry : node) {
        const auto name = entry.first.as<std::string>("");
        if (name.size() > 64 || !std::regex_match(name, name_form))
            refuse(entry.first, "the name of an instance type is like lab.small");
        if (!types.emplace(name, read_type(entry.first, entry.second)).second)
            refuse(entry.first, fmt::format("'{}' is there twice", name));
    }
    return types;
}

}  // namespace kiln
