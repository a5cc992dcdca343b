#include "launcher/instances/key_material.hpp"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <memory>
#include <vector>

#include "base/error.hpp"
#include "base/random.hpp"
#include "base/text.hpp"

namespace kiln::launcher {

namespace {

template <auto free_function>
struct Deleter {
    template <class T>
    void operator()(T* pointer) const {
        free_function(pointer);
    }
};
using PrivateKey = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using BigNumber = std::unique_ptr<BIGNUM, Deleter<BN_free>>;
using MemoryBio = std::unique_ptr<BIO, Deleter<BIO_free>>;

constexpr int rsa_bits = 2048;
constexpr std::size_t ed25519_bytes = 32;
constexpr std::size_t openssh_line_length = 70;

[[noreturn]] void fail(const char* what) {
    throw Error(error_code::internal_error, "", fmt::format("OpenSSL cannot {}", what));
}

[[noreturn]] void refuse_format(const std::string& why) {
    throw Error("InvalidKey.Format", "",
                fmt::format("Key is not in valid OpenSSH public key format: {}", why));
}

std::string hex_with_colons(std::string_view bytes) {
    std::string text;
    for (const char byte : bytes) {
        if (!text.empty()) text += ':';
        text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    }
    return text;
}

std::string digest(std::string_view bytes, const EVP_MD* algorithm) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> result{};
    unsigned int length = 0;
    if (EVP_Digest(bytes.data(), bytes.size(), result.data(), &length, algorithm, nullptr) != 1) {
        fail("compute a digest");
    }
    return {reinterpret_cast<const char*>(result.data()), length};
}

std::string bio_text(BIO* bio) {
    char* data = nullptr;
    const long length = BIO_get_mem_data(bio, &data);
    return {data, static_cast<std::size_t>(length)};
}

/// A string of the ssh wire format (RFC 4251, section 5): its length in four bytes, then its bytes.
std::string wire_string(std::string_view bytes) {
    std::string text;
    for (int shift = 24; shift >= 0; shift -= 8) {
        text += static_cast<char>((bytes.size() >> shift) & 0xff);
    }
    text += bytes;
    return text;
}

/// A positive number of the ssh wire format: big-endian, with a zero byte before a set top bit.
std::string wire_number(const BIGNUM* number) {
    std::string bytes(static_cast<std::size_t>(BN_num_bytes(number)), '\0');
    BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes.data()));
    if (!bytes.empty() && (static_cast<unsigned char>(bytes[0]) & 0x80) != 0)
        bytes.insert(0, 1, '\0');
    return wire_string(bytes);
}

BigNumber rsa_number(const EVP_PKEY* key, const char* name) {
    BIGNUM* number = nullptr;
    if (EVP_PKEY_get_bn_param(key, name, &number) != 1) fail("read an RSA key");
    return BigNumber(number);
}

std::string rsa_public_line(const EVP_PKEY* key, const std::string& comment) {
    const std::string blob = wire_string("ssh-rsa") +
                             wire_number(rsa_number(key, OSSL_PKEY_PARAM_RSA_E).get()) +
                             wire_number(rsa_number(key, OSSL_PKEY_PARAM_RSA_N).get());
    return fmt::format("ssh-rsa {} {}", base64_encode(blob), comment);
}

std::string ed25519_blob(std::string_view public_bytes) {
    return wire_string("ssh-ed25519") + wire_string(public_bytes);
}

std::string sha256_fingerprint(std::string_view blob) {
    return base64_encode(digest(blob, EVP_sha256()));
}

KeyMaterial generate_rsa(const std::string& comment) {
    const PrivateKey key(EVP_RSA_gen(rsa_bits));
    if (!key) fail("generate an RSA key");
    const MemoryBio pem(BIO_new(BIO_s_mem()));
    if (PEM_write_bio_PrivateKey_traditional(pem.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                             nullptr) != 1) {
        fail("write an RSA key");
    }
    // EC2's fingerprint of a key that it made is the SHA-1 of the private key's PKCS#8 DER form.
    const std::unique_ptr<PKCS8_PRIV_KEY_INFO, Deleter<PKCS8_PRIV_KEY_INFO_free>> pkcs8(
        EVP_PKEY2PKCS8(key.get()));
    const MemoryBio der(BIO_new(BIO_s_mem()));
    if (!pkcs8 || i2d_PKCS8_PRIV_KEY_INFO_bio(der.get(), pkcs8.get()) != 1)
        fail("encode an RSA key");
    return {.private_key = bio_text(pem.get()),
            .public_key = rsa_public_line(key.get(), comment),
            .fingerprint = hex_with_colons(digest(bio_text(der.get()), EVP_sha1()))};
}

/// OpenSSH's private key file (its PROTOCOL.key): ssh does not read ed25519 keys in PKCS#8.
std::string openssh_private_key(std::string_view public_bytes, std::string_view secret_bytes,
                                const std::string& comment) {
    const std::string check = random_hex(4);  // any four bytes, twice: tells a wrong passphrase
    std::string secrets = check + check + ed25519_blob(public_bytes) +
                          wire_string(std::string(secret_bytes) + std::string(public_bytes)) +
                          wire_string(comment);
    for (char pad = 1; secrets.size() % 8 != 0; ++pad)
        secrets += pad;
    const std::string one_key{'\0', '\0', '\0', '\1'};
    const std::string blob = std::string("openssh-key-v1") + '\0' + wire_string("none") +
                             wire_string("none") + wire_string("") + one_key +
                             wire_string(ed25519_blob(public_bytes)) + wire_string(secrets);
    std::string text = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
    const std::string encoded = base64_encode(blob);
    for (std::size_t at = 0; at < encoded.size(); at += openssh_line_length) {
        text += encoded.substr(at, openssh_line_length) + "\n";
    }
    return text + "-----END OPENSSH PRIVATE KEY-----\n";
}

KeyMaterial generate_ed25519(const std::string& comment) {
    const PrivateKey key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    if (!key) fail("generate an ed25519 key");
    std::string public_bytes(ed25519_bytes, '\0');
    std::string secret_bytes(ed25519_bytes, '\0');
    std::size_t length = ed25519_bytes;
    const auto pointer = [](std::string& s) { return reinterpret_cast<unsigned char*>(s.data()); };
    if (EVP_PKEY_get_raw_public_key(key.get(), pointer(public_bytes), &length) != 1 ||
        EVP_PKEY_get_raw_private_key(key.get(), pointer(secret_bytes), &length) != 1) {
        fail("read an ed25519 key");
    }
    const std::string blob = ed25519_blob(public_bytes);
    return {.private_key = openssh_private_key(public_bytes, secret_bytes, comment),
            .public_key = fmt::format("ssh-ed25519 {} {}", base64_encode(blob), comment),
            .fingerprint = sha256_fingerprint(blob)};
}

/// Takes strings of the ssh wire format off the front of a blob.
class WireReader {
  public:
    explicit WireReader(std::string_view bytes) : bytes_(bytes) {}

    std::string_view next() {
        if (bytes_.size() < 4) refuse_format("it ends early");
        std::size_t length = 0;
        for (int i = 0; i < 4; ++i)
            length = length << 8 | static_cast<unsigned char>(bytes_[i]);
        bytes_.remove_prefix(4);
        if (length > bytes_.size()) refuse_format("it ends early");
        const std::string_view found = bytes_.substr(0, length);
        bytes_.remove_prefix(length);
        return found;
    }

  private:
    std::string_view bytes_;
};

BigNumber number_of(std::string_view bytes) {
    return BigNumber(BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()),
                               static_cast<int>(bytes.size()), nullptr));
}

PrivateKey rsa_public_key(std::string_view exponent, std::string_view modulus) {
    const BigNumber e = number_of(exponent);
    const BigNumber n = number_of(modulus);
    const std::unique_ptr<OSSL_PARAM_BLD, Deleter<OSSL_PARAM_BLD_free>> builder(
        OSSL_PARAM_BLD_new());
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
    const std::unique_ptr<OSSL_PARAM, Deleter<OSSL_PARAM_free>> parameters(
        OSSL_PARAM_BLD_to_param(builder.get()));
    const std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>> context(
        EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
    EVP_PKEY* key = nullptr;
    if (EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
        refuse_format("its RSA numbers are no key");
    }
    return PrivateKey(key);
}

/// EC2's fingerprint of an imported RSA key: the MD5 of the public key's DER form.
std::string imported_rsa_fingerprint(WireReader reader) {
    const std::string_view exponent = reader.next();
    const std::string_view modulus = reader.next();
    const PrivateKey key = rsa_public_key(exponent, modulus);
    unsigned char* der = nullptr;
    const int length = i2d_PUBKEY(key.get(), &der);
    if (length <= 0) fail("encode an RSA public key");
    const std::string bytes(reinterpret_cast<const char*>(der), static_cast<std::size_t>(length));
    OPENSSL_free(der);
    return hex_with_colons(digest(bytes, EVP_md5()));
}

}  // namespace

KeyMaterial generate_key(KeyType type, const std::string& comment) {
    switch (type) {
        case KeyType::rsa:
            return generate_rsa(comment);
        case KeyType::ed25519:
            return generate_ed25519(comment);
    }
    fail("generate a key of an unknown type");
}

PublicKey parse_public_key(const std::string& text) {
    const std::string line(trim(text));
    if (line.find('\n') != std::string::npos) refuse_format("it has more than one line");
    const std::vector<std::string> words = split(line, ' ');
    if (words.size() < 2) refuse_format("expecting \"ssh-rsa AAAA… comment\" or ssh-ed25519");
    const auto blob = base64_decode(words[1]);
    if (!blob) refuse_format("its second word is not base64");
    WireReader reader(*blob);
    const std::string_view type = reader.next();
    if (type != words[0]) refuse_format(fmt::format("it is not the '{}' that it says", words[0]));
    if (type == "ssh-rsa") {
        return {
            .type = KeyType::rsa, .openssh = line, .fingerprint = imported_rsa_fingerprint(reader)};
    }
    if (type == "ssh-ed25519" && reader.next().size() == ed25519_bytes) {
        return {
            .type = KeyType::ed25519, .openssh = line, .fingerprint = sha256_fingerprint(*blob)};
    }
    refuse_format("only ssh-rsa and ssh-ed25519 keys are supported");
}

}  // namespace kiln::launcher
