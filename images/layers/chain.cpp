#include "images/layers/chain.hpp"

namespace kiln::images {

std::size_t choose_base(const std::vector<Bytes>& sizes) {
    std::size_t base = 1;
    if (sizes.size() < 3) return base;
    Bytes merged = sizes.front();
    const auto depth = [&] { return sizes.size() - base + 1; };
    while (base + 1 < sizes.size() && (depth() > short_chain_depth || sizes[base] <= merged)) {
        merged = merged + sizes[base];
        ++base;
    }
    return base;
}

}  // namespace kiln::images
