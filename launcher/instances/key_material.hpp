#pragma once

#include <string>

namespace kiln::launcher {

enum class KeyType { rsa, ed25519 };

/// A new key pair: the private key in the form that ssh reads (PKCS#1 PEM for rsa, OpenSSH's own
/// for ed25519), the public key in OpenSSH's one-line form, and EC2's fingerprint.
struct KeyMaterial {
    std::string private_key;
    std::string public_key;
    std::string fingerprint;
};

/// 2048-bit rsa, or ed25519. Throws Error{InternalError} when OpenSSL fails. Any thread.
KeyMaterial generate_key(KeyType type, const std::string& comment);

struct PublicKey {
    KeyType type;
    std::string openssh;      // "ssh-rsa AAAA… comment"
    std::string fingerprint;  // MD5 of the DER form for rsa, SHA-256 for ed25519, as EC2 has it
};

/// Reads a public key in OpenSSH's one-line form. Throws Error{InvalidKey.Format}.
PublicKey parse_public_key(const std::string& text);

}  // namespace kiln::launcher
