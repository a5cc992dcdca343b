#include "builder/recipe/recipe.hpp"

#include <gmock/gmock.h>

#include "tests/catalog_fixture.hpp"

namespace kiln::builder {

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(recipe, every_key_is_read) {
    const Recipe recipe = parse_recipe(
        "description: Debian 12 with nginx\n"
        "base: debian-12\n"
        "mirror: http://mirror.example/debian\n"
        "size: 10GiB\n"
        "packages: [nginx, libc++1]\n"
        "login_user: admin\n",
        "web.yaml");

    EXPECT_EQ(recipe.description, "Debian 12 with nginx");
    EXPECT_EQ(recipe.kind, RecipeKind::debian);
    EXPECT_EQ(recipe.suite, "bookworm");
    EXPECT_EQ(recipe.mirror, "http://mirror.example/debian");
    EXPECT_EQ(recipe.size, Bytes::gibibytes(10));
    EXPECT_THAT(recipe.packages, ElementsAre("nginx", "libc++1"));
    EXPECT_EQ(recipe.login_user, "admin");
}

TEST(recipe, what_is_not_said_is_as_in_its_base) {
    const Recipe recipe = parse_recipe("base: tiny\n", "mine.yaml");

    EXPECT_EQ(recipe.kind, RecipeKind::tiny);
    EXPECT_EQ(recipe.description, builtin_recipe("tiny").description);
    EXPECT_EQ(recipe.size, Bytes::mebibytes(256));
    EXPECT_EQ(recipe.login_user, "root");
    EXPECT_THAT(recipe.mirror, IsEmpty());
    EXPECT_THAT(recipe.packages, IsEmpty());
}

TEST(recipe, the_machine_is_read) {
    const Recipe secure = parse_recipe("base: debian-12\nsecure_boot: true\ntpm: true\n", "r");
    EXPECT_EQ(secure.architecture, images::Architecture::x86_64);
    EXPECT_EQ(secure.boot_mode, images::BootMode::uefi) << "it can be had with UEFI alone";
    EXPECT_TRUE(secure.secure_boot);
    EXPECT_TRUE(secure.tpm);

    const Recipe arm = parse_recipe("base: tiny\narchitecture: arm64\n", "r");
    EXPECT_EQ(arm.architecture, images::Architecture::arm64);
    EXPECT_EQ(arm.boot_mode, images::BootMode::uefi);

    const Recipe preferred = parse_recipe("base: tiny\nboot_mode: uefi-preferred\n", "r");
    EXPECT_EQ(preferred.boot_mode, images::BootMode::uefi_preferred);

    const Recipe paravirtual = parse_recipe("base: tiny\nkernel: pv-grub-hd00\n", "r");
    EXPECT_EQ(paravirtual.boot, RecipeBoot::pv_grub_hd00);
}

TEST(recipe, what_is_said_over_it_goes_before_what_it_says) {
    Recipe recipe = parse_recipe("base: tiny\nmirror: http://old.example\n", "r");
    apply({.architecture = "arm64", .mirror = "http://new.example/debian"}, recipe);
    EXPECT_EQ(recipe.architecture, images::Architecture::arm64);
    EXPECT_EQ(recipe.boot_mode, images::BootMode::uefi);
    EXPECT_EQ(recipe.mirror, "http://new.example/debian");
    EXPECT_EQ(tests::error_message_of([&] { apply({.mirror = "ftp://new.example"}, recipe); }),
              "the mirror is no http or https address: 'ftp://new.example'");
}

TEST(recipe, the_same_architecture_said_again_changes_nothing) {
    Recipe recipe = parse_recipe("base: tiny\nboot_mode: uefi\n", "r");
    apply({.architecture = "x86_64"}, recipe);
    EXPECT_EQ(recipe.boot_mode, images::BootMode::uefi);
    apply({.architecture = "i386"}, recipe);
    EXPECT_EQ(recipe.boot_mode, images::BootMode::legacy_bios);
}

TEST(recipe, the_built_in_ones_are_these) {
    EXPECT_THAT(builtin_recipe_names(),
                ElementsAre("debian-12", "debian-13", "tiny", "pv-appliance"));
    EXPECT_EQ(builtin_recipe("debian-12").size, Bytes::gibibytes(8));
    EXPECT_EQ(builtin_recipe("debian-12").login_user, "debian");
    EXPECT_EQ(builtin_recipe("debian-12").kind, RecipeKind::debian);
}

TEST(recipe, an_unknown_built_in_name_is_answered_with_the_nearest) {
    const auto call = [] { builtin_recipe("debian-21"); };

    EXPECT_EQ(tests::error_code_of(call), "InvalidRecipe");
    EXPECT_EQ(tests::error_message_of(call),
              "no built-in recipe 'debian-21'; did you mean 'debian-12'?");
    EXPECT_EQ(
        tests::error_message_of([] { builtin_recipe("windows-2022"); }),
        "no built-in recipe 'windows-2022'; known are debian-12, debian-13, tiny, pv-appliance");
}

struct Size {
    const char* text;
    Bytes size;
};

class RecipeSize : public testing::TestWithParam<Size> {};

TEST_P(RecipeSize, is_read_with_its_unit) {
    const std::string yaml = std::string("base: debian-12\nsize: ") + GetParam().text + "\n";

    EXPECT_EQ(parse_recipe(yaml, "r.yaml").size, GetParam().size);
}

INSTANTIATE_TEST_SUITE_P(sizes, RecipeSize,
                         testing::Values(Size{"2GiB", Bytes::gibibytes(2)},
                                         Size{"2049MiB", Bytes::mebibytes(2049)},
                                         Size{"16TiB", Bytes::gibibytes(16384)}));

struct Refused {
    const char* name;
    const char* yaml;
    const char* message;
};

class RefusedRecipe : public testing::TestWithParam<Refused> {};

TEST_P(RefusedRecipe, names_the_line_and_what_is_wrong) {
    const auto call = [] { parse_recipe(GetParam().yaml, "web.yaml"); };

    EXPECT_EQ(tests::error_code_of(call), "InvalidRecipe");
    EXPECT_EQ(tests::error_message_of(call), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    recipes, RefusedRecipe,
    testing::Values(
        Refused{"empty", "", "web.yaml:1:1: the recipe is empty"},
        Refused{"list", "- a\n",
                "web.yaml:1:1: a recipe is a mapping: 'base: debian-12' and so on"},
        Refused{"no_yaml", "base: debian-12\npackages: [nginx\n",
                "web.yaml:3:1: end of sequence flow not found"},
        Refused{"no_base", "size: 10GiB\n",
                "web.yaml:1:1: 'base' is missing: one of debian-12, debian-13, tiny, pv-appliance, "
                "or an image"},
        Refused{"unknown_key", "base: debian-12\npakages: [nginx]\n",
                "web.yaml:2:1: unknown key 'pakages'; did you mean 'packages'?"},
        Refused{"strange_key", "base: debian-12\nprovisioners: []\n",
                "web.yaml:2:1: unknown key 'provisioners'; known are name, version, description, "
                "base, size, packages, login_user, tags, steps, verify, regions, "
                "launch_permissions, architecture, boot_mode, secure_boot, tpm, kernel, mirror"},
        Refused{"same_key_again", "base: tiny\nsize: 200MiB\nsize: 300MiB\n",
                "web.yaml:3:1: key 'size' is there twice"},
        Refused{"key_is_a_list", "base: tiny\n[a, b]: c\n", "web.yaml:2:1: a key must be a text"},
        Refused{"unknown_base", "\nbase: debian12\n",
                "web.yaml:2:7: unknown base 'debian12'; did you mean 'debian-12'?"},
        Refused{"base_is_a_list", "base: [tiny]\n", "web.yaml:1:7: 'base' must be a text"},
        Refused{"size_without_unit", "base: tiny\nsize: 300\n",
                "web.yaml:2:7: 'size' is '300': write it like 10GiB or 512MiB"},
        Refused{"size_of_other_unit", "base: tiny\nsize: 10GB\n",
                "web.yaml:2:7: 'size' is '10GB': write it like 10GiB or 512MiB"},
        Refused{"negative_size", "base: tiny\nsize: -1GiB\n",
                "web.yaml:2:7: 'size' is '-1GiB': write it like 10GiB or 512MiB"},
        Refused{"size_too_small", "base: debian-12\nsize: 512MiB\n",
                "web.yaml:2:7: 'size' is 512MiB, but 'debian-12' needs 2048 MiB to 16384 GiB"},
        Refused{"size_too_large", "base: tiny\nsize: 17TiB\n",
                "web.yaml:2:7: 'size' is 17TiB, but 'tiny' needs 128 MiB to 16384 GiB"},
        Refused{"size_beyond_all", "base: tiny\nsize: 99999999TiB\n",
                "web.yaml:2:7: 'size' is 99999999TiB, but 'tiny' needs 128 MiB to 16384 GiB"},
        Refused{"packages_are_text", "base: debian-12\npackages: nginx\n",
                "web.yaml:2:11: 'packages' must be a list: [nginx, curl]"},
        Refused{"package_is_an_option", "base: debian-12\npackages:\n  - curl\n  - --force\n",
                "web.yaml:4:5: '--force' is no package name"},
        Refused{"package_is_two", "base: debian-12\npackages: ['nginx,curl']\n",
                "web.yaml:2:12: 'nginx,curl' is no package name"},
        Refused{"packages_for_tiny", "base: tiny\npackages: [nginx]\n",
                "web.yaml:2:11: base 'tiny' takes no packages; use debian-12"},
        Refused{"mirror_is_a_path", "base: tiny\nmirror: /srv/debian\n",
                "web.yaml:2:9: the mirror is no http or https address: '/srv/debian'"},
        Refused{"mirror_with_more", "base: tiny\nmirror: http://a/ evil main\n",
                "web.yaml:2:9: the mirror is no http or https address: 'http://a/ evil main'"},
        Refused{"user_with_capitals", "base: debian-12\nlogin_user: Admin\n",
                "web.yaml:2:13: 'Admin' is no user name"},
        Refused{"unknown_architecture", "base: tiny\narchitecture: amd64\n",
                "web.yaml:2:15: unknown architecture 'amd64'; did you mean 'arm64'?"},
        Refused{"unknown_boot_mode", "base: tiny\nboot_mode: bios\n",
                "web.yaml:2:12: unknown boot_mode 'bios'; known are legacy-bios, uefi, "
                "uefi-preferred"},
        Refused{"bios_on_arm", "base: tiny\narchitecture: arm64\nboot_mode: legacy-bios\n",
                "web.yaml:3:12: arm64 boots through UEFI: boot_mode is uefi"},
        Refused{"uefi_on_i386", "base: tiny\narchitecture: i386\nboot_mode: uefi\n",
                "web.yaml:3:12: i386 boots through BIOS: boot_mode is legacy-bios"},
        Refused{"secure_bios", "base: tiny\nboot_mode: legacy-bios\nsecure_boot: true\n",
                "web.yaml:3:14: secure_boot needs boot_mode: uefi"},
        Refused{"the_line_is_that_of_the_wrong_key", "tpm: true\narchitecture: amd64\nbase: tiny\n",
                "web.yaml:2:15: unknown architecture 'amd64'; did you mean 'arm64'?"},
        Refused{"secure_i386", "base: tiny\narchitecture: i386\nsecure_boot: true\n",
                "web.yaml:3:14: i386 has no secure_boot"},
        Refused{"tpm_of_i386", "base: tiny\narchitecture: i386\ntpm: true\n",
                "web.yaml:3:6: i386 has no tpm"},
        Refused{"truth_is_no_number", "base: tiny\ntpm: 2.0\n",
                "web.yaml:2:6: 'tpm' is true or false"},
        Refused{"unknown_kernel", "base: tiny\nkernel: linux\n",
                "web.yaml:2:9: unknown kernel 'linux': expecting pv-grub-hd0 or pv-grub-hd00"},
        Refused{"paravirtual_debian", "base: debian-12\nkernel: pv-grub-hd0\n",
                "web.yaml:2:9: kernel is for the base 'tiny'"},
        Refused{"paravirtual_arm", "base: tiny\narchitecture: arm64\nkernel: pv-grub-hd0\n",
                "web.yaml:3:9: Debian's kernel for arm64 is no paravirtual guest's"},
        Refused{"paravirtual_i386", "base: tiny\narchitecture: i386\nkernel: pv-grub-hd0\n",
                "web.yaml:3:9: Debian's kernel for i386 is no paravirtual guest's"},
        Refused{"other_user_for_tiny", "base: tiny\nlogin_user: debian\n",
                "web.yaml:2:13: base 'tiny' has only the user root"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(recipe, a_description_longer_than_an_image_may_have_is_refused) {
    const std::string yaml = "base: tiny\ndescription: " + std::string(256, 'x') + "\n";

    EXPECT_EQ(tests::error_message_of([&] { parse_recipe(yaml, "web.yaml"); }),
              "web.yaml:2:14: 'description' is longer than 255 characters");
}

}  // namespace

}  // namespace kiln::builder
