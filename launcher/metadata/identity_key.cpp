#include "launcher/metadata/identity_key.hpp"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
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
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using SignedData = std::unique_ptr<PKCS7, Deleter<PKCS7_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;
using MemoryBio = std::unique_ptr<BIO, Deleter<BIO_free>>;

constexpr int rsa_bits = 2048;
constexpr long lifetime_days = 365L * 100;
constexpr std::size_t base64_line = 76;

[[noreturn]] void fail(const char* what) {
    throw Error(error_code::internal_error, "", fmt::format("OpenSSL cannot {}", what));
}

MemoryBio reader_of(const std::string& text) {
    return MemoryBio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string text_of(const MemoryBio& bio) {
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &bytes);
    return {bytes, static_cast<std::size_t>(size)};
}

std::string in_lines(const std::string& text) {
    std::string lines;
    for (std::size_t start = 0; start < text.size(); start += base64_line)
        lines += (start == 0 ? "" : "\n") + text.substr(start, base64_line);
    return lines;
}

Certificate make_certificate(EVP_PKEY* key, const std::string& region) {
    Certificate certificate(X509_new());
    X509_set_version(certificate.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
    X509_time_adj_ex(X509_getm_notAfter(certificate.get()), lifetime_days, 0, nullptr);
    X509_set_pubkey(certificate.get(), key);
    const std::string common_name = "kiln region " + region;
    X509_NAME* name = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                               0);
    X509_set_issuer_name(certificate.get(), name);
    if (X509_sign(certificate.get(), key, EVP_sha256()) == 0) fail("sign a certificate");
    return certificate;
}

}  // namespace

struct IdentityKey::Parts {
    PrivateKey key;
    Certificate certificate;
};

IdentityKey::IdentityKey(const std::filesystem::path& file, const std::string& region)
    : parts_(std::make_unique<Parts>()) {
    if (std::filesystem::exists(file)) {
        const std::string pem = read_file(file);
        parts_->key.reset(PEM_read_bio_PrivateKey(reader_of(pem).get(), nullptr, nullptr, nullptr));
        parts_->certificate.reset(
            PEM_read_bio_X509(reader_of(pem).get(), nullptr, nullptr, nullptr));
        if (parts_->key && parts_->certificate) return;
        throw Error(error_code::internal_error, file.string(),
                    fmt::format("'{}' does not hold a key and its certificate: restore it from a "
                                "backup, or remove it for a new one",
                                file.string()));
    }
    parts_->key.reset(EVP_RSA_gen(rsa_bits));
    if (!parts_->key) fail("make a key");
    parts_->certificate = make_certificate(parts_->key.get(), region);
    const MemoryBio pem(BIO_new(BIO_s_mem()));
    if (PEM_write_bio_PKCS8PrivateKey(pem.get(), parts_->key.get(), nullptr, nullptr, 0, nullptr,
                                      nullptr) != 1 ||
        PEM_write_bio_X509(pem.get(), parts_->certificate.get()) != 1) {
        fail("write a key");
    }
    write_file_atomically(file, text_of(pem), 0600);
}

IdentityKey::~IdentityKey() = default;

std::string IdentityKey::sign(const std::string& text) const {
    const DigestContext context(EVP_MD_CTX_new());
    std::size_t size = 0;
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, parts_->key.get()) != 1 ||
        EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size()) != 1) {
        fail("sign");
    }
    std::string signature(size, '\0');
    if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                       bytes, text.size()) != 1) {
        fail("sign");
    }
    signature.resize(size);
    return in_lines(base64_encode(signature));
}

std::string IdentityKey::sign_pkcs7(const std::string& text) const {
    const SignedData data(PKCS7_sign(parts_->certificate.get(), parts_->key.get(), nullptr,
                                     reader_of(text).get(), PKCS7_BINARY));
    if (!data) fail("sign");
    unsigned char* bytes = nullptr;
    const int size = i2d_PKCS7(data.get(), &bytes);
    if (size < 0) fail("write a signature");
    const std::string der(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    OPENSSL_free(bytes);
    return in_lines(base64_encode(der));
}

std::string IdentityKey::certificate() const {
    const MemoryBio pem(BIO_new(BIO_s_mem()));
    if (PEM_write_bio_X509(pem.get(), parts_->certificate.get()) != 1) fail("write a certificate");
    return text_of(pem);
}

IdentityKeys::IdentityKeys(std::filesystem::path directory) : directory_(std::move(directory)) {
    std::filesystem::create_directories(directory_);
    std::filesystem::permissions(directory_, std::filesystem::perms(0700));
}

const IdentityKey& IdentityKeys::of(const std::string& region) {
    const std::lock_guard lock(mutex_);
    const auto known = keys_.find(region);
    if (known != keys_.end()) return known->second;
    return keys_
        .emplace(std::piecewise_construct, std::forward_as_tuple(region),
                 std::forward_as_tuple(directory_ / (region + ".pem"), region))
        .first->second;
}

}  // namespace kiln::launcher
