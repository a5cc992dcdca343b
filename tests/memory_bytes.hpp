#pragma once

#include <algorithm>
#include <string_view>

#include "builder/import/gate/byte_source.hpp"
#include "tests/disk_image_makers.hpp"

namespace kiln::tests {

/// A file that is nowhere: what it is made of outlives it.
class MemoryBytes final : public builder::gate::ByteSource {
  public:
    MemoryBytes(std::string_view bytes, std::uint64_t size) : ByteSource(size), bytes_(bytes) {}
    explicit MemoryBytes(const DiskFile& file) : MemoryBytes(file.bytes, file.size) {}

  private:
    void read_inside(std::uint64_t offset, std::span<char> to) const override {
        const std::string_view found =
            offset < bytes_.size() ? bytes_.substr(offset, to.size()) : std::string_view();
        std::ranges::copy(found, to.begin());
        std::ranges::fill(to.subspan(found.size()), '\0');
    }

    std::string_view bytes_;
};

}  // namespace kiln::tests
