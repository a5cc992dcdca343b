#include "base/sha256.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"

namespace kiln {

namespace {

void check(int result) {
    if (result == 1) return;
    throw Error(error_code::internal_error, "", "cannot compute a SHA-256 digest");
}

}  // namespace

void Sha256::Free::operator()(EVP_MD_CTX* context) const noexcept {
    EVP_MD_CTX_free(context);
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
    check(context_ ? EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) : 0);
}

void Sha256::update(std::string_view bytes) {
    check(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
}

std::string Sha256::hex() const {
    // Finishing ends a context, so a copy is finished.
    const std::unique_ptr<EVP_MD_CTX, Free> copy(EVP_MD_CTX_new());
    check(copy ? EVP_MD_CTX_copy_ex(copy.get(), context_.get()) : 0);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int length = 0;
    check(EVP_DigestFinal_ex(copy.get(), digest.data(), &length));
    std::string text;
    for (unsigned int i = 0; i < length; ++i)
        text += fmt::format("{:02x}", digest.at(i));
    return text;
}

bool is_sha256_hex(std::string_view text) {
    return text.size() == Sha256::hex_digits && std::ranges::all_of(text, [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}

}  // namespace kiln
