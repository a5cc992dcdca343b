#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>
#include <string_view>

namespace kiln {

/// A SHA-256 (FIPS 180-4) of bytes that come piece by piece. One thread.
class Sha256 {
  public:
    static constexpr std::size_t hex_digits = 64;

    Sha256();

    void update(std::string_view bytes);
    /// The digest of all bytes so far as 64 lower-case hex digits; more may follow.
    std::string hex() const;

  private:
    struct Free {
        void operator()(EVP_MD_CTX* context) const noexcept;
    };
    std::unique_ptr<EVP_MD_CTX, Free> context_;
};

/// Whether `text` is a SHA-256 as kiln writes it: 64 lower-case hex digits.
bool is_sha256_hex(std::string_view text);

}  // namespace kiln
