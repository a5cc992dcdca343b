#include "images/accounts/key_material.hpp"

#include "base/random.hpp"
#include "base/text.hpp"

namespace kiln::images {

std::string new_key_id(std::string_view prefix) {
    constexpr std::size_t random_letters = 16;
    constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    std::string id(prefix);
    for (const char byte : random_bytes(random_letters))
        id += letters[static_cast<unsigned char>(byte) % letters.size()];
    return id;
}

std::string new_secret() {
    constexpr std::size_t secret_bytes = 30;  // 40 characters of base64
    return base64_encode(random_bytes(secret_bytes));
}

}  // namespace kiln::images
