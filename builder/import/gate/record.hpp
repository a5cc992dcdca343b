#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "builder/import/gate/byte_source.hpp"

namespace kiln::builder::gate {

enum class ByteOrder { big, little };

template <std::unsigned_integral Number, ByteOrder order>
Number load(const char* bytes) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < sizeof(Number); ++i) {
        const std::size_t at = order == ByteOrder::big ? i : sizeof(Number) - 1 - i;
        number = number << 8 | static_cast<unsigned char>(bytes[at]);
    }
    return static_cast<Number>(number);
}

/// Some bytes of a file, of which fields are read by their offset. A field outside of the record is
/// our bug, and an exception.
template <ByteOrder order>
class Record {
  public:
    /// Zeros where the file has ended: compare with its size before.
    Record(const ByteSource& source, std::uint64_t offset, std::size_t size) : bytes_(size, '\0') {
        source.read(offset, bytes_);
    }

    std::uint8_t u8(std::size_t at) const { return field<std::uint8_t>(at); }
    std::uint16_t u16(std::size_t at) const { return field<std::uint16_t>(at); }
    std::uint32_t u32(std::size_t at) const { return field<std::uint32_t>(at); }
    std::uint64_t u64(std::size_t at) const { return field<std::uint64_t>(at); }
    std::string_view text(std::size_t at, std::size_t length) const {
        return std::string_view(bytes_).substr(at, length);
    }
    std::string_view bytes() const { return bytes_; }

  private:
    template <std::unsigned_integral Number>
    Number field(std::size_t at) const {
        if (at > bytes_.size() || bytes_.size() - at < sizeof(Number)) {
            throw std::out_of_range("a field outside of its record");
        }
        return load<Number, order>(bytes_.data() + at);
    }

    std::string bytes_;
};

using BigEndianRecord = Record<ByteOrder::big>;
using LittleEndianRecord = Record<ByteOrder::little>;

/// A table of numbers in a file.
struct Table {
    std::uint64_t offset;
    std::uint64_t entries;
};

/// Calls `look(index, entry)` with each entry of a table; those past the file's end are 0. Holds a
/// few KiB of it at a time.
template <std::unsigned_integral Number, ByteOrder order, typename Look>
void for_each_entry(const ByteSource& source, const Table& table, Look look) {
    std::array<char, 16384> buffer;
    constexpr std::uint64_t capacity = buffer.size() / sizeof(Number);
    for (std::uint64_t first = 0; first < table.entries; first += capacity) {
        const std::uint64_t count = std::min(capacity, table.entries - first);
        source.read(table.offset + first * sizeof(Number),
                    std::span(buffer).first(count * sizeof(Number)));
        for (std::uint64_t i = 0; i < count; ++i) {
            look(first + i, load<Number, order>(buffer.data() + i * sizeof(Number)));
        }
    }
}

}  // namespace kiln::builder::gate
