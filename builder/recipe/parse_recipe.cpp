#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <regex>

#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/settings.hpp"
#include "builder/recipe/image_name.hpp"
#include "builder/recipe/read_base.hpp"
#include "builder/recipe/read_files.hpp"
#include "builder/recipe/read_steps.hpp"
#include "builder/recipe/recipe.hpp"
#include "images/accounts/organization.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/permission.hpp"

namespace kiln::builder {

namespace {

constexpr Bytes largest_size = Bytes::gibibytes(16384);  // of an EBS volume
constexpr std::size_t max_description_length = 255;      // EC2's for an image
constexpr std::size_t max_mirror_length = 1'024;
constexpr std::size_t max_word_length = 256;
constexpr std::size_t max_permissions = 100;
constexpr std::size_t max_regions = 10;

/// What a recipe with a base from packages alone can say.
const std::vector<std::string>& machine_keys() {
    static const std::vector<std::string> keys{"architecture", "boot_mode", "secure_boot",
                                               "tpm",          "kernel",    "mirror"};
    return keys;
}

const std::vector<std::string>& known_keys() {
    static const std::vector<std::string> keys = [] {
        std::vector<std::string> all{"name",  "version",  "description", "base",
                                     "size",  "packages", "login_user",  "tags",
                                     "steps", "verify",   "regions",     "launch_permissions"};
        all.insert(all.end(), machine_keys().begin(), machine_keys().end());
        return all;
    }();
    return keys;
}

Bytes smallest_size(const Recipe& recipe) {
    if (!is_made_of_packages(recipe)) return Bytes::mebibytes(1);
    switch (recipe.kind) {
        case RecipeKind::debian:
            return Bytes::gibibytes(2);
        case RecipeKind::tiny:
        case RecipeKind::pv_appliance:
            return Bytes::mebibytes(128);
    }
    std::abort();
}

/// Reads one recipe; every complaint begins with the source, the line and the column.
class RecipeReader {
  public:
    RecipeReader(const YamlReader& reader, const ReadSource& read_source, const YAML::Node& root)
        : reader_(reader), sources_(reader, read_source), root_(root) {}

    Recipe read() {
        if (!root_.IsMap())
            reader_.fail(root_, "a recipe is a mapping: 'base: debian-12' and so on");
        reader_.check_mapping(root_, "a recipe", known_keys());
        const YAML::Node base = root_["base"];
        if (!base)
            reader_.fail(root_, fmt::format("'base' is missing: one of {}, or an image",
                                            fmt::join(builtin_recipe_names(), ", ")));
        Recipe recipe = read_base(reader_, base);
        read_machine(recipe);
        if (const auto node = root_["description"])
            recipe.description = reader_.text(node, "description", max_description_length);
        if (const auto node = root_["size"]) recipe.size = read_size(node, recipe);
        if (const auto node = root_["login_user"]) recipe.login_user = read_user(node, recipe);
        read_all_steps(recipe);
        read_fate(recipe);
        return recipe;
    }

  private:
    std::optional<std::string> read_word(const char* key) const {
        const YAML::Node node = root_[key];
        if (!node) return std::nullopt;
        return reader_.text(node, key, max_mirror_length);
    }

    std::optional<bool> read_truth(const char* key) const {
        const YAML::Node node = root_[key];
        if (!node) return std::nullopt;
        return reader_.truth(node, key);
    }

    void read_machine(Recipe& recipe) const {
        if (!is_made_of_packages(recipe)) {
            for (const std::string& key : machine_keys()) {
                if (const auto node = root_[key])
                    reader_.fail(node,
                                 fmt::format("'{}' is as the base has it: leave it out", key));
            }
            return;
        }
        const RecipeChanges changes{.architecture = read_word("architecture"),
                                    .boot_mode = read_word("boot_mode"),
                                    .secure_boot = read_truth("secure_boot"),
                                    .tpm = read_truth("tpm"),
                                    .kernel = read_word("kernel"),
                                    .mirror = read_word("mirror")};
        try {
            apply(changes, recipe);
        } catch (const Error& error) {
            // What the recipe leaves out is as its base or its architecture has it.
            for (const std::string& key :
                 {error.resource(), std::string("architecture"), std::string("base")}) {
                if (const YAML::Node node = root_[key]) reader_.fail(node, error.message());
            }
        }
    }

    Bytes read_size(const YAML::Node& node, const Recipe& recipe) const {
        static const std::regex form("([0-9]{1,8})(MiB|GiB|TiB)");
        const std::string text = reader_.text(node, "size", max_word_length);
        std::smatch parts;
        if (!std::regex_match(text, parts, form))
            reader_.fail(node, fmt::format("'size' is '{}': write it like 10GiB or 512MiB", text));
        const std::string unit = parts[2];
        const unsigned shift = unit == "MiB" ? 20 : unit == "GiB" ? 30 : 40;
        const Bytes size{std::stoull(parts[1]) << shift};
        const Bytes smallest = smallest_size(recipe);
        if (size >= smallest && size <= largest_size) return size;
        reader_.fail(node, fmt::format("'size' is {}, but '{}' needs {} MiB to {} GiB", text,
                                       base_name(recipe), smallest.in_mebibytes(),
                                       largest_size.in_gibibytes()));
    }

    std::string read_user(const YAML::Node& node, const Recipe& recipe) const {
        std::string name = read_user_name(reader_, node, "login_user");
        if (is_made_of_packages(recipe) && recipe.kind != RecipeKind::debian && name != "root") {
            reader_.fail(node, fmt::format("base '{}' has only the user root", base_name(recipe)));
        }
        return name;
    }

    /// Packages of a base from packages come with it; others are installed by a first step.
    void take_packages(const YAML::Node& node, Recipe& recipe) const {
        std::vector<std::string> packages = read_packages(reader_, node);
        if (packages.empty()) return;
        if (!is_made_of_packages(recipe)) {
            recipe.steps.push_back(
                {.name = "packages", .action = PackagesStep{.packages = std::move(packages)}});
            return;
        }
        if (recipe.kind != RecipeKind::debian) {
            reader_.fail(
                node, fmt::format("base '{}' takes no packages; use debian-12", base_name(recipe)));
        }
        recipe.packages = std::move(packages);
    }

    /// What an instance of the image had of its own is in no instance of the result.
    static void seal_what_ran(Recipe& recipe) {
        bool is_sealed = true;
        for (const Step& step : recipe.steps) {
            if (is_online(step)) is_sealed = false;
            if (std::holds_alternative<SealStep>(step.action)) is_sealed = true;
        }
        if (!is_sealed) recipe.steps.push_back({.name = "seal", .action = SealStep{}});
    }

    void read_all_steps(Recipe& recipe) {
        if (const auto node = root_["packages"]) take_packages(node, recipe);
        if (const auto node = root_["steps"]) {
            for (Step& step : read_steps(reader_, sources_, node, recipe))
                recipe.steps.push_back(std::move(step));
        }
        seal_what_ran(recipe);
        if (const auto node = root_["verify"]) recipe.verify = read_verify(reader_, sources_, node);
    }

    /// What becomes of the image.
    void read_fate(Recipe& recipe) const {
        if (const auto node = root_["version"])
            recipe.version = reader_.text(node, "version", max_word_length);
        if (const auto node = root_["name"]) recipe.name = read_name(node, recipe);
        if (const auto node = root_["tags"]) recipe.tags = read_tags(node);
        if (const auto node = root_["launch_permissions"])
            recipe.launch_permissions = read_permissions(node);
        if (const auto node = root_["regions"]) recipe.regions = read_regions(node);
    }

    /// As far as it can be told before the build.
    std::string read_name(const YAML::Node& node, const Recipe& recipe) const {
        std::string name = reader_.text(node, "name", max_word_length);
        try {
            images::check_image_name(expand_name(
                name,
                {.now = Time(), .version = recipe.version, .architecture = recipe.architecture}));
        } catch (const Error& error) {
            reader_.fail(node, error.message());
        }
        return name;
    }

    std::vector<images::Tag> read_tags(const YAML::Node& node) const {
        if (!node.IsMap() || node.size() > images::max_tags_per_resource) {
            reader_.fail(node, fmt::format("'tags' is a mapping of at most {} keys and values",
                                           images::max_tags_per_resource));
        }
        std::vector<images::Tag> tags;
        for (const auto& entry : node) {
            if (!entry.first.IsScalar() || !entry.second.IsScalar())
                reader_.fail(entry.first, "a tag is a text: 'team: web'");
            tags.push_back({.key = entry.first.Scalar(), .value = entry.second.Scalar()});
            try {
                images::check_tag(tags.back());
            } catch (const Error& error) {
                reader_.fail(entry.first, error.message());
            }
        }
        return tags;
    }

    std::vector<std::string> read_permissions(const YAML::Node& node) const {
        auto grantees = reader_.texts(node, "launch_permissions", max_permissions, max_word_length);
        for (const std::string& grantee : grantees) {
            if (grantee == images::everybody || AccountId::is_valid(grantee) ||
                images::is_organization_arn(grantee) || images::is_unit_arn(grantee))
                continue;
            reader_.fail(node, fmt::format("'{}' is no grantee: all, the 12 digits of an account, "
                                           "or the ARN of an organization or a unit",
                                           grantee));
        }
        return grantees;
    }

    std::vector<std::string> read_regions(const YAML::Node& node) const {
        auto regions = reader_.texts(node, "regions", max_regions, max_word_length);
        for (const std::string& region : regions) {
            if (!is_region_name(region))
                reader_.fail(node, fmt::format("'{}' is no name of a region", region));
        }
        return regions;
    }

    const YamlReader& reader_;
    SourceReader sources_;
    const YAML::Node& root_;
};

}  // namespace

Recipe parse_recipe(const std::string& yaml, const std::string& source,
                    const ReadSource& read_source) {
    const YamlReader reader(source);
    const YAML::Node root = reader.load(yaml);
    return RecipeReader(reader, read_source, root).read();
}

}  // namespace kiln::builder
