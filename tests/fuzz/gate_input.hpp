#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "builder/import/gate/byte_source.hpp"
#include "builder/import/gate/gate.hpp"
#include "tests/disk_image_makers.hpp"

namespace kiln::tests {

/// A file as the fuzzer writes it, short also where the file is large: a byte of flags, then the
/// file's size, then pieces of it, each with its offset and length; zeros stand between them. With
/// another flag the bytes that follow are the file.
class GateInput final : public builder::gate::ByteSource {
  public:
    static GateInput parse(std::string_view input);

    std::optional<builder::gate::DiskFormat> declared() const { return declared_; }

    /// Thrown when more was read than a fuzzer has time for.
    struct TooMuchRead {};

  private:
    struct Piece {
        std::uint64_t offset;
        std::string_view bytes;
    };

    GateInput(std::uint64_t size, std::vector<Piece> pieces, std::uint8_t flags);
    void read_inside(std::uint64_t offset, std::span<char> to) const override;
    /// Makes checksums right, behind which a fuzzer would not come otherwise.
    void seal();
    void seal_vhd(std::uint64_t offset, std::size_t size, std::size_t checksum);
    void seal_vhdx();
    void seal_tar();
    void put(std::uint64_t offset, std::string bytes);

    std::vector<Piece> pieces_;
    std::vector<std::string> sealed_;  // what some pieces view
    std::optional<builder::gate::DiskFormat> declared_;
    mutable std::uint64_t bytes_read_ = 0;
};

/// The file in pieces, with its checksums to be made right.
std::string fuzzer_input_of(const DiskFile& file);
/// The file as it is.
std::string plain_fuzzer_input_of(const DiskFile& file);

}  // namespace kiln::tests
