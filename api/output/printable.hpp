#pragma once

#include <string>
#include <string_view>

namespace kiln::api {

/// Bytes of somebody's, such as a path on a disk, as text: UTF-8 stands for itself but for
/// backslashes, which are doubled; control characters and what is no UTF-8 are \xNN, byte by byte.
/// Different bytes are different texts.
std::string printable(std::string_view bytes);

}  // namespace kiln::api
