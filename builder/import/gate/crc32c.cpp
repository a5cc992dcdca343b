#include "builder/import/gate/crc32c.hpp"

#include <array>

#include "builder/import/gate/record.hpp"

namespace kiln::builder::gate {

namespace {

constexpr std::uint32_t polynomial = 0x82f63b78;  // reflected

using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

/// tables[n][b]: what byte b does to the sum n bytes later, so that eight are taken at once.
constexpr Tables make_tables() {
    Tables tables{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t sum = byte;
        for (int bit = 0; bit < 8; ++bit)
            sum = sum >> 1 ^ ((sum & 1) != 0 ? polynomial : 0);
        tables[0][byte] = sum;
    }
    for (std::size_t n = 1; n < tables.size(); ++n) {
        for (std::uint32_t byte = 0; byte < 256; ++byte) {
            const std::uint32_t before = tables[n - 1][byte];
            tables[n][byte] = before >> 8 ^ tables[0][before & 0xff];
        }
    }
    return tables;
}

constexpr Tables tables = make_tables();

}  // namespace

std::uint32_t crc32c(std::uint32_t before, std::string_view bytes) {
    std::uint32_t sum = ~before;
    for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
        const auto eight = load<std::uint64_t, ByteOrder::little>(bytes.data()) ^ sum;
        sum = 0;
        for (std::size_t n = 0; n < 8; ++n)
            sum ^= tables[7 - n][eight >> (8 * n) & 0xff];
    }
    for (const char c : bytes)
        sum = sum >> 8 ^ tables[0][(sum ^ static_cast<unsigned char>(c)) & 0xff];
    return ~sum;
}

}  // namespace kiln::builder::gate
