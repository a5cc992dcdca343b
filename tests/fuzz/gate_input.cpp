#include "tests/fuzz/gate_input.hpp"

#include <algorithm>

#include "builder/import/gate/crc32c.hpp"
#include "builder/import/gate/record.hpp"

namespace kiln::tests {

namespace {

using builder::gate::ByteOrder;
using builder::gate::DiskFormat;
using builder::gate::load;

// Flags: the lowest three bits are what is declared.
constexpr std::uint8_t is_in_pieces = 1 << 3;
constexpr std::uint8_t seals = 1 << 4;

constexpr std::size_t piece_head = 10;
constexpr std::size_t most_pieces = 64;
constexpr std::size_t longest_piece = 0xffff;
constexpr std::uint64_t most_bytes_read = 2 << 20;
// A bit for each cluster of a large one takes the time of a thousand small ones.
constexpr std::uint64_t largest_qcow2 = 64 << 20;
constexpr std::uint64_t largest_file = ~0ULL >> 1;

std::optional<DiskFormat> declared_by(std::uint8_t flags) {
    const int number = flags & 7;
    if (number == 0 || number > 6) return std::nullopt;
    return static_cast<DiskFormat>(number - 1);
}

std::size_t end_of_run(std::string_view bytes, std::size_t begin, std::size_t gap) {
    std::size_t end = begin;
    while (end < bytes.size()) {
        const std::size_t next = bytes.find_first_not_of('\0', end);
        if (next == std::string_view::npos || next - end > gap) break;
        end = next + 1;
    }
    return end;
}

struct Run {
    std::size_t offset;
    std::size_t length;
};

std::vector<Run> runs_of(std::string_view bytes, std::size_t gap) {
    std::vector<Run> runs;
    std::size_t begin = bytes.find_first_not_of('\0');
    while (begin != std::string_view::npos) {
        const std::size_t end = std::min(end_of_run(bytes, begin, gap), begin + longest_piece);
        runs.push_back({begin, end - begin});
        begin = bytes.find_first_not_of('\0', end);
    }
    return runs;
}

}  // namespace

GateInput::GateInput(std::uint64_t size, std::vector<Piece> pieces, std::uint8_t flags)
    : ByteSource(size), pieces_(std::move(pieces)), declared_(declared_by(flags)) {
    if ((flags & seals) != 0) seal();
    bytes_read_ = 0;
}

GateInput GateInput::parse(std::string_view input) {
    const std::uint8_t flags = input.empty() ? 0 : static_cast<std::uint8_t>(input[0]);
    if (!input.empty()) input.remove_prefix(1);
    if ((flags & is_in_pieces) == 0 || input.size() < 8) {
        return GateInput(input.size(), {{0, input}}, flags);
    }
    std::uint64_t size = load<std::uint64_t, ByteOrder::little>(input.data()) & largest_file;
    input.remove_prefix(8);
    std::vector<Piece> pieces;
    while (input.size() >= piece_head && pieces.size() < most_pieces) {
        const auto offset = load<std::uint64_t, ByteOrder::little>(input.data()) & largest_file;
        const auto length = load<std::uint16_t, ByteOrder::little>(input.data() + 8);
        pieces.push_back({offset, input.substr(piece_head).substr(0, length)});
        input.remove_prefix(std::min(input.size(), piece_head + length));
    }
    const bool is_qcow2 = !pieces.empty() && pieces[0].bytes.starts_with("QFI");
    if (is_qcow2) size %= largest_qcow2;
    return GateInput(size, std::move(pieces), flags);
}

void GateInput::read_inside(std::uint64_t offset, std::span<char> to) const {
    bytes_read_ += to.size();
    if (bytes_read_ > most_bytes_read) throw TooMuchRead{};
    std::ranges::fill(to, '\0');
    for (const Piece& piece : pieces_) {
        const std::uint64_t begin = std::max(offset, piece.offset);
        const std::uint64_t end = std::min(offset + to.size(), piece.offset + piece.bytes.size());
        if (begin >= end) continue;
        const std::string_view part = piece.bytes.substr(begin - piece.offset, end - begin);
        std::ranges::copy(part, to.begin() + static_cast<std::ptrdiff_t>(begin - offset));
    }
}

void GateInput::put(std::uint64_t offset, std::string bytes) {
    sealed_.push_back(std::move(bytes));
    pieces_.push_back({offset, sealed_.back()});
}

void GateInput::seal() {
    sealed_.reserve(most_pieces);  // so that the views stay
    std::string head(8, '\0');
    read(0, head);
    if (head == "vhdxfile") return seal_vhdx();
    if (size() >= 512) seal_vhd(size() - 512, 512, 64);
    if (head == "conectix") {
        seal_vhd(0, 512, 64);
        seal_vhd(512, 1024, 36);
    }
    seal_tar();
}

void GateInput::seal_vhd(std::uint64_t offset, std::size_t size, std::size_t checksum) {
    std::string bytes(size, '\0');
    read(offset, bytes);
    if (!bytes.starts_with("conectix") && !bytes.starts_with("cxsparse")) return;
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i < checksum || i >= checksum + 4) sum += static_cast<unsigned char>(bytes[i]);
    }
    std::string sealed;
    put_big_endian(sealed, 0, ~sum);
    put(offset + checksum, sealed);
}

void GateInput::seal_vhdx() {
    std::string bytes;
    for (const auto& [offset, size] : {std::pair{vhdx_place::headers[0], 4096},
                                       {vhdx_place::headers[1], 4096},
                                       {vhdx_place::region_tables[0], 65536},
                                       {vhdx_place::region_tables[1], 65536}}) {
        bytes.resize(static_cast<std::size_t>(size));
        read(offset, bytes);
        bytes.replace(4, 4, 4, '\0');
        std::string sealed;
        put_little_endian(sealed, 0, builder::gate::crc32c(0, bytes));
        put(offset + 4, sealed);
    }
}

void GateInput::seal_tar() {
    constexpr std::uint64_t headers_end = 8192;
    for (std::uint64_t offset = 0; offset < std::min(size(), headers_end); offset += 512) {
        std::string header(512, '\0');
        read(offset, header);
        if (header.substr(257, 5) != "ustar") continue;
        seal_tar_header(header, 0);
        put(offset + 148, header.substr(148, 8));
    }
}

std::string fuzzer_input_of(const DiskFile& file) {
    std::vector<Run> runs = runs_of(file.bytes, 16);
    for (std::size_t gap = 64; runs.size() > most_pieces && gap <= 65536; gap *= 4) {
        runs = runs_of(file.bytes, gap);
    }
    std::string input(1, static_cast<char>(is_in_pieces | seals));
    put_little_endian(input, input.size(), file.size);
    for (const Run& run : runs) {
        put_little_endian<std::uint64_t>(input, input.size(), run.offset);
        put_little_endian(input, input.size(), static_cast<std::uint16_t>(run.length));
        input += file.bytes.substr(run.offset, run.length);
    }
    return input;
}

std::string plain_fuzzer_input_of(const DiskFile& file) {
    return std::string(1, '\0') + file.bytes;
}

}  // namespace kiln::tests
