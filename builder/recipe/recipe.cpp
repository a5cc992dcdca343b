#include "builder/recipe/recipe.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <regex>
#include <set>

#include "base/error.hpp"
#include "base/text.hpp"
#include "builder/recipe/target.hpp"
#include "images/firmware/check_firmware.hpp"

namespace kiln::builder {

namespace {

constexpr const char* invalid_recipe = "InvalidRecipe";
constexpr Bytes largest_size = Bytes::gibibytes(16384);  // of an EBS volume
constexpr std::size_t max_packages = 500;
// std::regex needs stack for each character.
constexpr std::size_t max_mirror_length = 1'024;
constexpr std::size_t max_package_length = 128;
constexpr std::size_t max_description_length = 255;  // EC2's for an image

Bytes smallest_size(RecipeKind kind) {
    switch (kind) {
        case RecipeKind::debian:
            return Bytes::gibibytes(2);
        case RecipeKind::tiny:
        case RecipeKind::pv_appliance:
            return Bytes::mebibytes(128);
    }
    return {};
}

std::string base_name(RecipeKind kind) {
    switch (kind) {
        case RecipeKind::debian:
            return "debian-12";
        case RecipeKind::tiny:
            return "tiny";
        case RecipeKind::pv_appliance:
            return "pv-appliance";
    }
    return {};
}

std::string did_you_mean(const std::string& word, const std::vector<std::string>& known) {
    const auto near = nearest(word, known);
    return near ? fmt::format("; did you mean '{}'?", *near)
                : fmt::format("; known are {}", fmt::join(known, ", "));
}

bool is_mirror(const std::string& text) {
    static const std::regex address("https?://[^\\s'\"]+");
    return text.size() <= max_mirror_length && std::regex_match(text, address);
}

/// Reads one recipe; every complaint begins with the source and the line.
class RecipeReader {
  public:
    RecipeReader(const YAML::Node& root, const std::string& source)
        : root_(root), source_(source) {}

    Recipe read() const {
        if (!root_.IsMap()) fail(root_, "a recipe is a mapping: 'base: debian-12' and so on");
        check_keys();
        const YAML::Node base = root_["base"];
        if (!base)
            fail(root_, fmt::format("'base' is missing: one of {}",
                                    fmt::join(builtin_recipe_names(), ", ")));
        Recipe recipe = read_base(base);
        read_machine(recipe);
        if (const auto node = root_["description"]) recipe.description = read_description(node);
        if (const auto node = root_["mirror"]) recipe.mirror = read_mirror(node);
        if (const auto node = root_["size"]) recipe.size = read_size(node, recipe.kind);
        if (const auto node = root_["packages"]) recipe.packages = read_packages(node, recipe.kind);
        if (const auto node = root_["login_user"]) recipe.login_user = read_user(node, recipe.kind);
        return recipe;
    }

  private:
    [[noreturn]] void fail(const YAML::Node& node, const std::string& what) const {
        throw Error(invalid_recipe, source_,
                    fmt::format("{}:{}: {}", source_, node.Mark().line + 1, what));
    }

    void check_keys() const {
        static const std::vector<std::string> known{
            "description",  "base",      "mirror",      "size", "packages", "login_user",
            "architecture", "boot_mode", "secure_boot", "tpm",  "kernel"};
        std::set<std::string> seen;
        for (const auto& entry : root_) {
            if (!entry.first.IsScalar()) fail(entry.first, "a key must be a text");
            const std::string& key = entry.first.Scalar();
            if (std::ranges::find(known, key) == known.end()) {
                fail(entry.first, fmt::format("unknown key '{}'{}", key, did_you_mean(key, known)));
            }
            if (!seen.insert(key).second) {
                fail(entry.first, fmt::format("key '{}' is there twice", key));
            }
        }
    }

    std::string text_of(const YAML::Node& node, const std::string& key) const {
        if (!node.IsScalar() || node.Scalar().empty()) {
            fail(node, fmt::format("'{}' must be a text", key));
        }
        return node.Scalar();
    }

    std::optional<bool> read_truth(const char* key) const {
        const YAML::Node node = root_[key];
        if (!node) return std::nullopt;
        try {
            return node.as<bool>();
        } catch (const YAML::Exception&) {
            fail(node, fmt::format("'{}' is true or false", key));
        }
    }

    std::optional<std::string> read_word(const char* key) const {
        const YAML::Node node = root_[key];
        if (!node) return std::nullopt;
        return text_of(node, key);
    }

    void read_machine(Recipe& recipe) const {
        try {
            apply({.architecture = read_word("architecture"),
                   .boot_mode = read_word("boot_mode"),
                   .secure_boot = read_truth("secure_boot"),
                   .tpm = read_truth("tpm"),
                   .kernel = read_word("kernel")},
                  recipe);
        } catch (const Error& error) {
            if (error.resource() == source_) throw;
            // What the recipe leaves out is as its base or its architecture has it.
            for (const std::string& key :
                 {error.resource(), std::string("architecture"), std::string("base")}) {
                if (const YAML::Node node = root_[key]) fail(node, error.message());
            }
        }
    }

    Recipe read_base(const YAML::Node& node) const {
        const std::string name = text_of(node, "base");
        const std::vector<std::string> known = builtin_recipe_names();
        if (std::ranges::find(known, name) == known.end()) {
            fail(node, fmt::format("unknown base '{}'{}", name, did_you_mean(name, known)));
        }
        return builtin_recipe(name);
    }

    std::string read_description(const YAML::Node& node) const {
        std::string text = text_of(node, "description");
        if (text.size() > max_description_length) {
            fail(node,
                 fmt::format("'description' is longer than {} characters", max_description_length));
        }
        return text;
    }

    std::string read_mirror(const YAML::Node& node) const {
        std::string text = text_of(node, "mirror");
        if (!is_mirror(text)) {
            fail(node,
                 fmt::format("'mirror' is no http or https address: '{}'", text.substr(0, 80)));
        }
        return text;
    }

    Bytes read_size(const YAML::Node& node, RecipeKind kind) const {
        static const std::regex form("([0-9]{1,8})(MiB|GiB|TiB)");
        const std::string text = text_of(node, "size");
        std::smatch parts;
        if (!std::regex_match(text, parts, form)) {
            fail(node, fmt::format("'size' is '{}': write it like 10GiB or 512MiB", text));
        }
        const std::string unit = parts[2];
        const unsigned shift = unit == "MiB" ? 20 : unit == "GiB" ? 30 : 40;
        const Bytes size{std::stoull(parts[1]) << shift};
        if (size < smallest_size(kind) || size > largest_size) {
            fail(node,
                 fmt::format("'size' is {}, but '{}' needs {} MiB to {} GiB", text, base_name(kind),
                             smallest_size(kind).in_mebibytes(), largest_size.in_gibibytes()));
        }
        return size;
    }

    std::vector<std::string> read_packages(const YAML::Node& node, RecipeKind kind) const {
        static const std::regex name_form("[a-z0-9][a-z0-9+.-]+");
        if (!node.IsSequence()) fail(node, "'packages' must be a list: [nginx, curl]");
        if (kind != RecipeKind::debian && node.size() > 0) {
            fail(node, fmt::format("base '{}' takes no packages; use debian-12", base_name(kind)));
        }
        if (node.size() > max_packages) {
            fail(node, fmt::format("more than {} packages", max_packages));
        }
        std::vector<std::string> packages;
        for (const auto& entry : node) {
            packages.push_back(text_of(entry, "packages"));
            const std::string& name = packages.back();
            if (name.size() > max_package_length || !std::regex_match(name, name_form)) {
                fail(entry, fmt::format("'{}' is no package name", name.substr(0, 80)));
            }
        }
        return packages;
    }

    std::string read_user(const YAML::Node& node, RecipeKind kind) const {
        static const std::regex name_form("[a-z_][a-z0-9_-]{0,31}");
        std::string name = text_of(node, "login_user");
        if (!std::regex_match(name, name_form)) {
            fail(node, fmt::format("'{}' is no user name", name));
        }
        if (kind != RecipeKind::debian && name != "root") {
            fail(node, fmt::format("base '{}' has only the user root", base_name(kind)));
        }
        return name;
    }

    const YAML::Node& root_;
    const std::string& source_;
};

/// What is wrong with the recipe's key: the error's resource.
[[noreturn]] void refuse(const char* key, const std::string& why) {
    throw Error(invalid_recipe, key, why);
}

images::Architecture architecture_named(const std::string& name) {
    static const std::vector<std::string> known{"x86_64", "i386", "arm64"};
    if (std::ranges::find(known, name) != known.end()) return images::parse_architecture(name);
    refuse("architecture",
           fmt::format("unknown architecture '{}'{}", name, did_you_mean(name, known)));
}

images::BootMode boot_mode_named(const std::string& name) {
    static const std::vector<std::string> known{"legacy-bios", "uefi", "uefi-preferred"};
    if (std::ranges::find(known, name) != known.end()) return images::parse_boot_mode(name);
    refuse("boot_mode", fmt::format("unknown boot_mode '{}'{}", name, did_you_mean(name, known)));
}

RecipeBoot kernel_named(const std::string& name) {
    if (name == "pv-grub-hd0") return RecipeBoot::pv_grub_hd0;
    if (name == "pv-grub-hd00") return RecipeBoot::pv_grub_hd00;
    refuse("kernel",
           fmt::format("unknown kernel '{}': expecting pv-grub-hd0 or pv-grub-hd00", name));
}

void check_firmware(const Recipe& recipe) {
    const Target& target = target_of(recipe.architecture);
    const auto architecture = to_text(recipe.architecture);
    const bool is_uefi = recipe.boot_mode == images::BootMode::uefi;
    if (*target.efi_format == '\0') {
        if (recipe.secure_boot)
            refuse("secure_boot", fmt::format("{} has no secure_boot", architecture));
        if (recipe.tpm) refuse("tpm", fmt::format("{} has no tpm", architecture));
        if (recipe.boot_mode != images::BootMode::legacy_bios)
            refuse("boot_mode",
                   fmt::format("{} boots through BIOS: boot_mode is legacy-bios", architecture));
    }
    if (!target.boots_bios && !is_uefi)
        refuse("boot_mode", fmt::format("{} boots through UEFI: boot_mode is uefi", architecture));
    if (recipe.secure_boot && !is_uefi) refuse("secure_boot", "secure_boot needs boot_mode: uefi");
    if (recipe.tpm && !is_uefi) refuse("tpm", "tpm needs boot_mode: uefi");
}

void check_kernel(const Recipe& recipe) {
    if (recipe.boot == RecipeBoot::boot_loader) return;
    if (recipe.kind != RecipeKind::tiny) refuse("kernel", "kernel is for the base 'tiny'");
    if (*target_of(recipe.architecture).paravirtual_kernel_package == '\0')
        refuse("kernel", fmt::format("Debian's kernel for {} is no paravirtual guest's",
                                     to_text(recipe.architecture)));
    if (recipe.boot_mode != images::BootMode::legacy_bios)
        refuse("kernel", "a paravirtual guest has no firmware: leave boot_mode out");
}

void check_machine(const Recipe& recipe) {
    if (recipe.kind == RecipeKind::pv_appliance &&
        (recipe.architecture != images::Architecture::x86_64 ||
         recipe.boot_mode != images::BootMode::legacy_bios)) {
        refuse("base", "the pv-appliance is of the architecture x86_64 and boots through BIOS");
    }
    check_firmware(recipe);
    check_kernel(recipe);
}

}  // namespace

void apply(const RecipeChanges& changes, Recipe& recipe) {
    if (changes.architecture) {
        const auto architecture = architecture_named(*changes.architecture);
        // What it says of one architecture's firmware is not said of another's.
        if (architecture != recipe.architecture)
            recipe.boot_mode = images::default_boot_mode(architecture);
        recipe.architecture = architecture;
    }
    if (changes.secure_boot) recipe.secure_boot = *changes.secure_boot;
    if (changes.tpm) recipe.tpm = *changes.tpm;
    // Both can be had with UEFI alone, so that nobody needs to say it.
    if (recipe.secure_boot || recipe.tpm) recipe.boot_mode = images::BootMode::uefi;
    if (changes.boot_mode) recipe.boot_mode = boot_mode_named(*changes.boot_mode);
    if (changes.kernel) recipe.boot = kernel_named(*changes.kernel);
    if (changes.mirror) {
        if (!is_mirror(*changes.mirror)) {
            refuse("mirror", fmt::format("the mirror is no http or https address: '{}'",
                                         changes.mirror->substr(0, 80)));
        }
        recipe.mirror = *changes.mirror;
    }
    check_machine(recipe);
}

std::vector<std::string> builtin_recipe_names() {
    return {"debian-12", "tiny", "pv-appliance"};
}

Recipe builtin_recipe(const std::string& name) {
    if (name == "debian-12") {
        return {.description = "Debian 12 (bookworm)",
                .kind = RecipeKind::debian,
                .suite = "bookworm",
                .size = Bytes::gibibytes(8),
                .login_user = "debian"};
    }
    if (name == "tiny") {
        return {.description = "Linux, busybox, dropbear and the guest agent",
                .kind = RecipeKind::tiny,
                .suite = "bookworm",
                .size = Bytes::mebibytes(256),
                .login_user = "root"};
    }
    if (name == "pv-appliance") {
        return {.description = "Xen, which runs paravirtual guests without virtualization hardware",
                .kind = RecipeKind::pv_appliance,
                .suite = "bookworm",
                .size = Bytes::mebibytes(256),
                .login_user = "root"};
    }
    throw Error(
        invalid_recipe, name,
        fmt::format("no built-in recipe '{}'{}", name, did_you_mean(name, builtin_recipe_names())));
}

Recipe parse_recipe(const std::string& yaml, const std::string& source) {
    YAML::Node root;
    try {
        root = YAML::Load(yaml);
    } catch (const YAML::ParserException& exception) {
        throw Error(invalid_recipe, source,
                    fmt::format("{}:{}: {}", source, exception.mark.line + 1, exception.msg));
    }
    if (!root.IsDefined() || root.IsNull()) {
        throw Error(invalid_recipe, source, fmt::format("{}:1: the recipe is empty", source));
    }
    return RecipeReader(root, source).read();
}

}  // namespace kiln::builder
