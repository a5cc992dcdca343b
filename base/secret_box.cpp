#include "base/secret_box.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <memory>
#include <optional>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/random.hpp"
#include "base/text.hpp"

namespace kiln {

namespace {

constexpr std::size_t key_size = 32;
constexpr std::size_t nonce_size = 12;
constexpr std::size_t tag_size = 16;
constexpr int key_file_mode = 0600;

struct Free {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, Free>;

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* bytes_of(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
}

void check(int result, const char* verb) {
    if (result == 1) return;
    throw Error(error_code::internal_error, "", fmt::format("OpenSSL cannot {} a secret", verb));
}

std::string key_in(const std::filesystem::path& file) {
    if (!std::filesystem::exists(file)) {
        write_file_atomically(file, base64_encode(random_bytes(key_size)), key_file_mode);
    }
    std::string key = base64_decode(read_file(file)).value_or("");
    if (key.size() == key_size) return key;
    throw Error("InvalidConfiguration", file.string(),
                fmt::format("'{}' does not hold a key: put back the file that was there, or remove "
                            "it and make all access keys anew",
                            file.string()));
}

}  // namespace

SecretBox::SecretBox(const std::filesystem::path& key_file) : key_(key_in(key_file)) {}

std::string SecretBox::seal(std::string_view secret, std::string_view label) const {
    const std::string nonce = random_bytes(nonce_size);
    std::string hidden(secret.size(), '\0');
    std::string tag(tag_size, '\0');
    int size = 0;
    const Context context(EVP_CIPHER_CTX_new());
    const char* verb = "seal";
    check(EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes_of(key_),
                             bytes_of(nonce)),
          verb);
    check(EVP_EncryptUpdate(context.get(), nullptr, &size, bytes_of(label),
                            static_cast<int>(label.size())),
          verb);
    check(EVP_EncryptUpdate(context.get(), bytes_of(hidden), &size, bytes_of(secret),
                            static_cast<int>(secret.size())),
          verb);
    check(EVP_EncryptFinal_ex(context.get(), bytes_of(hidden), &size), verb);
    check(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, tag_size, tag.data()), verb);
    return base64_encode(nonce + tag + hidden);
}

std::string SecretBox::open(const std::string& sealed, std::string_view label) const {
    const std::string all = base64_decode(sealed).value_or("");
    const char* verb = "open";
    check(all.size() >= nonce_size + tag_size ? 1 : 0, verb);
    const std::string nonce = all.substr(0, nonce_size);
    std::string tag = all.substr(nonce_size, tag_size);
    const std::string hidden = all.substr(nonce_size + tag_size);
    std::string secret(hidden.size(), '\0');
    int size = 0;
    const Context context(EVP_CIPHER_CTX_new());
    check(EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes_of(key_),
                             bytes_of(nonce)),
          verb);
    check(EVP_DecryptUpdate(context.get(), nullptr, &size, bytes_of(label),
                            static_cast<int>(label.size())),
          verb);
    check(EVP_DecryptUpdate(context.get(), bytes_of(secret), &size, bytes_of(hidden),
                            static_cast<int>(hidden.size())),
          verb);
    check(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, tag_size, tag.data()), verb);
    check(EVP_DecryptFinal_ex(context.get(), bytes_of(secret), &size), verb);
    return secret;
}

}  // namespace kiln
