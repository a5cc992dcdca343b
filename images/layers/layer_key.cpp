#include "images/layers/layer_key.hpp"

#include "base/random.hpp"

namespace kiln::images {

LayerKey generate_layer_key() {
    constexpr std::size_t digits = 64;
    return {.id = random_uuid(), .passphrase = random_hex(digits)};
}

}  // namespace kiln::images
