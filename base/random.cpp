#include "base/random.hpp"

#include <fmt/format.h>
#include <sys/random.h>

#include <span>

#include "base/error.hpp"

namespace kiln {

namespace {

void fill_random(std::span<unsigned char> bytes) {
    // getrandom() gives up to 256 bytes whole once the kernel's pool is ready; all callers ask for
    // less.
    if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
        throw system_error("read random bytes from the kernel");
    }
}

/// Of 32 hexadecimal digits, some of which become the version and the variant.
std::string uuid_of(std::string hex, char version) {
    hex[12] = version;
    hex[16] = "89ab"[random_number() % 4];
    return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                       hex.substr(16, 4), hex.substr(20));
}

}  // namespace

std::string random_hex(std::size_t digits) {
    std::string text;
    text.reserve(digits + 16);
    while (text.size() < digits)
        text += fmt::format("{:016x}", random_number());
    text.resize(digits);
    return text;
}

std::uint64_t random_number() {
    std::uint64_t number = 0;
    fill_random({reinterpret_cast<unsigned char*>(&number), sizeof number});
    return number;
}

std::string random_bytes(std::size_t size) {
    std::string bytes(size, '\0');
    fill_random({reinterpret_cast<unsigned char*>(bytes.data()), bytes.size()});
    return bytes;
}

std::string random_uuid() {
    return uuid_of(random_hex(32), '4');
}

std::string uuid_of_time(Time time) {
    constexpr std::uint64_t digits_of_time = 12;
    const auto ms = static_cast<std::uint64_t>(to_epoch_ms(time)) & 0xffff'ffff'ffff;
    return uuid_of(fmt::format("{:012x}{}", ms, random_hex(32 - digits_of_time)), '7');
}

}  // namespace kiln
