#include "builder/recipe/read_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <regex>

namespace kiln::builder {

namespace {

constexpr std::size_t max_packages = 500;
constexpr std::size_t max_files = 100;
constexpr std::size_t max_users = 50;
constexpr std::size_t max_groups = 50;
constexpr std::size_t max_ssh_keys = 50;
constexpr std::size_t max_package_length = 128;  // std::regex needs stack for each character
constexpr std::size_t max_word_length = 64;
constexpr std::size_t max_path_length = 1'024;
constexpr std::size_t max_key_length = 16U << 10U;
constexpr std::size_t max_content_length = 256U << 10U;
constexpr std::int64_t largest_uid = 65'533;  // nobody comes after it

bool is_guest_path(const std::string& text) {
    const std::filesystem::path path(text);
    return path.is_absolute() && path.has_filename() && path.lexically_normal() == path &&
           text.find('\n') == std::string::npos;
}

std::string read_guest_path(const YamlReader& reader, const YAML::Node& node,
                            const std::string& key) {
    std::string path = reader.text(node, key, max_path_length);
    if (is_guest_path(path)) return path;
    reader.fail(node, fmt::format("'{}' is '{}': the absolute path of a file in the guest, as "
                                  "/etc/motd",
                                  key, path));
}

std::uint32_t read_mode(const YamlReader& reader, const YAML::Node& node) {
    constexpr int octal = 8;
    constexpr std::uint32_t most = 07777;
    const std::string text = node.IsScalar() ? node.Scalar() : "";
    std::uint32_t mode = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, mode, octal);
    if (text.size() >= 3 && error == std::errc() && rest == end && mode <= most) return mode;
    reader.fail(node, "'mode' is written in octal digits, as \"0644\"");
}

/// A user's or a group's name, or a number.
std::string read_owner(const YamlReader& reader, const YAML::Node& node, const std::string& key) {
    static const std::regex form("[a-z_][a-z0-9_-]{0,31}|[0-9]{1,5}");
    std::string owner = reader.text(node, key, max_word_length);
    if (std::regex_match(owner, form)) return owner;
    reader.fail(node, fmt::format("'{}' is '{}': a name or a number", key, owner));
}

std::string read_content(const YamlReader& reader, SourceReader& sources, const YAML::Node& file) {
    const YAML::Node content = file["content"];
    const YAML::Node source = file["source"];
    if (!content == !source) reader.fail(file, "a file has either 'content' or 'source'");
    if (source) return sources.read(source, "source");
    if (!content.IsScalar() || content.Scalar().size() > max_content_length) {
        reader.fail(content, fmt::format("'content' is a text of at most {} KiB",
                                         max_content_length >> 10U));
    }
    reader.count(content, content.Scalar().size());
    return content.Scalar();
}

RecipeFile read_file_entry(const YamlReader& reader, SourceReader& sources,
                           const YAML::Node& node) {
    reader.check_mapping(node, "a file", {"path", "content", "source", "mode", "owner", "group"});
    if (!node["path"]) reader.fail(node, "'path' is missing: where the file lies in the guest");
    RecipeFile entry{.path = read_guest_path(reader, node["path"], "path"),
                     .content = read_content(reader, sources, node)};
    if (const auto mode = node["mode"]) entry.mode = read_mode(reader, mode);
    if (const auto owner = node["owner"]) entry.owner = read_owner(reader, owner, "owner");
    if (const auto group = node["group"]) entry.group = read_owner(reader, group, "group");
    return entry;
}

std::vector<std::string> read_groups(const YamlReader& reader, const YAML::Node& node) {
    reader.check_list(node, "groups", max_groups);
    std::vector<std::string> groups;
    for (const auto& entry : node)
        groups.push_back(read_user_name(reader, entry, "groups"));
    return groups;
}

std::vector<std::string> read_ssh_keys(const YamlReader& reader, const YAML::Node& node) {
    static const std::vector<std::string> kinds{"ssh-", "ecdsa-", "sk-"};
    reader.check_list(node, "ssh_keys", max_ssh_keys);
    std::vector<std::string> keys;
    for (const auto& entry : node) {
        keys.push_back(reader.text(entry, "ssh_keys", max_key_length));
        const std::string& key = keys.back();
        const bool is_key =
            key.find('\n') == std::string::npos &&
            std::ranges::any_of(kinds, [&](const auto& kind) { return key.starts_with(kind); });
        if (!is_key)
            reader.fail(entry, "that is no public key: 'ssh-ed25519 AAAA… name', one line");
    }
    return keys;
}

UserEntry read_user(const YamlReader& reader, const YAML::Node& node) {
    reader.check_mapping(node, "a user", {"name", "uid", "groups", "shell", "ssh_keys", "sudo"});
    if (!node["name"]) reader.fail(node, "'name' is missing: the user's");
    UserEntry user{.name = read_user_name(reader, node["name"], "name")};
    if (const auto uid = node["uid"]) {
        user.uid = static_cast<std::uint32_t>(
            reader.number(uid, "uid", {.least = 1, .most = largest_uid}));
    }
    if (const auto groups = node["groups"]) user.groups = read_groups(reader, groups);
    if (const auto shell = node["shell"]) user.shell = read_guest_path(reader, shell, "shell");
    if (const auto keys = node["ssh_keys"]) user.ssh_keys = read_ssh_keys(reader, keys);
    if (const auto sudo = node["sudo"]) user.sudo = reader.truth(sudo, "sudo");
    return user;
}

}  // namespace

std::vector<std::string> read_packages(const YamlReader& reader, const YAML::Node& node) {
    static const std::regex form("[a-z0-9][a-z0-9+.-]+");
    if (!node.IsSequence()) reader.fail(node, "'packages' must be a list: [nginx, curl]");
    if (node.size() > max_packages)
        reader.fail(node, fmt::format("more than {} packages", max_packages));
    std::vector<std::string> packages;
    for (const auto& entry : node) {
        packages.push_back(reader.text(entry, "packages", max_package_length));
        if (std::regex_match(packages.back(), form)) continue;
        reader.fail(entry, fmt::format("'{}' is no package name", packages.back()));
    }
    return packages;
}

std::string read_user_name(const YamlReader& reader, const YAML::Node& node,
                           const std::string& key) {
    static const std::regex form("[a-z_][a-z0-9_-]{0,31}");
    std::string name = reader.text(node, key, max_word_length);
    if (std::regex_match(name, form)) return name;
    reader.fail(node, fmt::format("'{}' is no user name", name));
}

FilesStep read_files(const YamlReader& reader, SourceReader& sources, const YAML::Node& node) {
    reader.check_list(node, "files", max_files);
    FilesStep step;
    for (const auto& entry : node)
        step.files.push_back(read_file_entry(reader, sources, entry));
    return step;
}

UsersStep read_users(const YamlReader& reader, const YAML::Node& node) {
    reader.check_list(node, "users", max_users);
    UsersStep step;
    for (const auto& entry : node)
        step.users.push_back(read_user(reader, entry));
    return step;
}

}  // namespace kiln::builder
