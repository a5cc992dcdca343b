#include "launcher/instances/key_material.hpp"

#include <gmock/gmock.h>

#include "base/file.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "tests/catalog_fixture.hpp"

namespace kiln::tests {

namespace {

using launcher::generate_key;
using launcher::KeyType;
using launcher::parse_public_key;

/// What ssh-keygen makes of a private key: its own reading of the public one.
std::string public_key_by_ssh_keygen(const std::string& private_key) {
    const TemporaryDirectory directory;
    const auto file = directory.path() / "key";
    write_file_atomically(file, private_key, 0600);
    return std::string(trim(run_checked({.arguments = {"ssh-keygen", "-y", "-f", file.string()}})));
}

TEST(KeyMaterialTest, ssh_reads_the_private_keys_and_finds_the_public_ones_in_them) {
    for (const KeyType type : {KeyType::rsa, KeyType::ed25519}) {
        const auto key = generate_key(type, "k");
        const auto words = split(key.public_key, ' ');
        EXPECT_THAT(public_key_by_ssh_keygen(key.private_key),
                    ::testing::StartsWith(words.at(0) + " " + words.at(1)));
    }
}

TEST(KeyMaterialTest, fingerprints_are_ec2s) {
    // SHA-1 of the private key, MD5 of the imported one, SHA-256 as ssh-keygen prints it.
    const auto made = generate_key(KeyType::rsa, "k");
    EXPECT_EQ(split(made.fingerprint, ':').size(), 20U);
    EXPECT_EQ(split(parse_public_key(made.public_key).fingerprint, ':').size(), 16U);

    const auto small = generate_key(KeyType::ed25519, "k");
    const TemporaryDirectory directory;
    const auto file = directory.path() / "key.pub";
    write_file_atomically(file, small.public_key, 0600);
    const auto line = run_checked({.arguments = {"ssh-keygen", "-l", "-f", file.string()}});
    EXPECT_THAT(line, ::testing::HasSubstr("SHA256:" + small.fingerprint.substr(0, 43)));
    EXPECT_EQ(parse_public_key(small.public_key).fingerprint, small.fingerprint);
}

TEST(KeyMaterialTest, an_imported_rsa_fingerprint_is_the_md5_of_its_der_form) {
    const TemporaryDirectory directory;
    const auto file = (directory.path() / "key").string();
    run_checked(
        {.arguments = {"ssh-keygen", "-q", "-t", "rsa", "-m", "PEM", "-N", "", "-f", file}});
    const auto der =
        run_checked({.arguments = {"openssl", "rsa", "-in", file, "-pubout", "-outform", "DER"}});
    write_file_atomically(file + ".der", der, 0600);
    const auto md5 = run_checked({.arguments = {"openssl", "md5", "-c", file + ".der"}});
    EXPECT_THAT(md5, ::testing::HasSubstr(parse_public_key(read_file(file + ".pub")).fingerprint));
}

TEST(KeyMaterialTest, refuses_what_is_no_public_key) {
    for (const char* text :
         {"", "ssh-rsa", "ssh-rsa %%%", "ssh-rsa AAAA",
          "ssh-dss AAAAB3NzaC1kc3M=", "ssh-ed25519 AAAAB3NzaC1yc2E= k", "a\nb"}) {
        EXPECT_EQ(error_code_of([&] { parse_public_key(text); }), "InvalidKey.Format") << text;
    }
}

}  // namespace

}  // namespace kiln::tests
