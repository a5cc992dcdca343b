#include "builder/export/tar_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "base/error.hpp"

namespace kiln::builder {

namespace {

constexpr std::size_t block_size = 512;
constexpr std::size_t longest_name = 100;
constexpr std::uint64_t least_in_base_256 = 1ULL << 33U;  // what 11 octal digits do not hold

/// Where the fields of a header are.
struct Field {
    std::size_t begin;
    std::size_t size;
};
constexpr Field name_field{0, longest_name};
constexpr Field mode_field{100, 8};
constexpr Field uid_field{108, 8};
constexpr Field gid_field{116, 8};
constexpr Field size_field{124, 12};
constexpr Field time_field{136, 12};
constexpr Field checksum_field{148, 8};
constexpr Field type_field{156, 1};
constexpr Field magic_field{257, 8};
constexpr Field user_field{265, 32};
constexpr Field group_field{297, 32};

class Header {
  public:
    void text(const Field& field, std::string_view text) {
        std::ranges::copy(text.substr(0, field.size), block_.begin() + at(field));
    }
    /// Octal digits and a zero byte.
    void number(const Field& field, std::uint64_t value) {
        text(field, fmt::format("{:0{}o}", value, field.size - 1));
    }
    void base_256(const Field& field, std::uint64_t value) {
        constexpr unsigned bits_of_byte = 8;
        constexpr char is_binary = '\x80';
        for (std::size_t i = field.size - 1; i > 0; --i) {
            block_[field.begin + i] = static_cast<char>(value & 0xffU);
            value >>= bits_of_byte;
        }
        block_[field.begin] = is_binary;
    }
    std::string_view finished() {
        text(checksum_field, "        ");
        const unsigned sum = std::accumulate(
            block_.begin(), block_.end(), 0U,
            [](unsigned total, char byte) { return total + static_cast<unsigned char>(byte); });
        text(checksum_field, fmt::format("{:06o}", sum));
        block_[checksum_field.begin + checksum_field.size - 2] = '\0';
        return {block_.data(), block_.size()};
    }

  private:
    static std::ptrdiff_t at(const Field& field) {
        return static_cast<std::ptrdiff_t>(field.begin);
    }

    std::array<char, block_size> block_{};
};

std::string_view zeros(std::size_t count) {
    static constexpr std::array<char, 2 * block_size> bytes{};
    return {bytes.data(), count};
}

}  // namespace

void TarWriter::add(const std::string& name, std::string_view content) {
    begin(name, {content.size()});
    write(content);
    end();
}

void TarWriter::begin(const std::string& name, Bytes size) {
    if (name.empty() || name.size() > longest_name) {
        throw Error(error_code::internal_error, name,
                    fmt::format("'{}' is no name for a file in an archive", name));
    }
    constexpr std::uint64_t readable_by_all = 0644;
    constexpr std::uint64_t ms_of_second = 1000;
    Header header;
    header.text(name_field, name);
    header.number(mode_field, readable_by_all);
    header.number(uid_field, 0);
    header.number(gid_field, 0);
    if (size.value < least_in_base_256) {
        header.number(size_field, size.value);
    } else {
        header.base_256(size_field, size.value);
    }
    header.number(time_field, static_cast<std::uint64_t>(to_epoch_ms(modified_)) / ms_of_second);
    header.text(type_field, "0");
    header.text(magic_field, std::string_view("ustar\00000", magic_field.size));
    header.text(user_field, "root");
    header.text(group_field, "root");
    sink_(header.finished());
    name_ = name;
    size_ = size;
    written_ = {};
}

void TarWriter::write(std::string_view piece) {
    if (!piece.empty()) sink_(piece);
    written_ = written_ + Bytes{piece.size()};
}

void TarWriter::end() {
    if (written_ != size_) {
        throw Error(error_code::internal_error, name_,
                    fmt::format("'{}' was to have {} bytes, and {} came", name_, size_.value,
                                written_.value));
    }
    const std::size_t rest = written_.value % block_size;
    if (rest != 0) sink_(zeros(block_size - rest));
}

void TarWriter::finish() {
    sink_(zeros(2 * block_size));
}

}  // namespace kiln::builder
