#pragma once

#include <functional>
#include <string_view>

namespace kiln::builder {

/// Takes the bytes of a file one piece after the other; throws what writing throws.
using ByteSink = std::function<void(std::string_view bytes)>;

}  // namespace kiln::builder
