#include "launcher/metadata/metadata_tokens.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <charconv>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/random.hpp"

namespace kiln::launcher {

namespace {

constexpr std::size_t key_digits = 64;
constexpr std::size_t expiry_digits = 16;
constexpr int hexadecimal = 16;

std::string key_in(const std::filesystem::path& file) {
    std::string key;
    if (std::filesystem::exists(file)) key = read_file(file);
    if (key.size() != key_digits) {
        key = random_hex(key_digits);
        write_file_atomically(file, key, 0600);
    }
    return key;
}

}  // namespace

MetadataTokens::MetadataTokens(const std::filesystem::path& key_file) : key_(key_in(key_file)) {}

std::string MetadataTokens::code_of(std::string_view expiry, const InstanceId& instance) const {
    const std::string text = fmt::format("{} {}", expiry, instance.str());
    std::array<unsigned char, EVP_MAX_MD_SIZE> code{};
    unsigned int size = 0;
    if (HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(), code.data(),
             &size) == nullptr) {
        throw Error(error_code::internal_error, "", "OpenSSL cannot compute a code");
    }
    std::string hex;
    for (unsigned int i = 0; i < size; ++i)
        hex += fmt::format("{:02x}", code.at(i));
    return hex;
}

std::string MetadataTokens::issue(const InstanceId& instance, std::chrono::seconds time_to_live,
                                  Time now) const {
    const std::string expiry = fmt::format("{:016x}", to_epoch_ms(now + time_to_live));
    return expiry + code_of(expiry, instance);
}

bool MetadataTokens::is_good(std::string_view token, const InstanceId& instance, Time now) const {
    if (token.size() <= expiry_digits) return false;
    const std::string_view expiry = token.substr(0, expiry_digits);
    const std::string_view code = token.substr(expiry_digits);
    const std::string expected = code_of(expiry, instance);
    if (code.size() != expected.size()) return false;
    if (CRYPTO_memcmp(code.data(), expected.data(), code.size()) != 0) return false;
    std::int64_t expiry_ms = 0;
    std::from_chars(expiry.data(), expiry.data() + expiry.size(), expiry_ms, hexadecimal);
    return to_epoch_ms(now) < expiry_ms;
}

}  // namespace kiln::launcher
