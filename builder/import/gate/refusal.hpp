#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace kiln::builder::gate {

/// Throws the Error{InvalidParameterValue} with which the gate turns a file away. `format` is what
/// the file claims to be ("qcow2"), `what` says which field is wrong, and how to mend it.
[[noreturn]] void refuse(std::string_view format, const std::string& what);

/// A text out of a foreign file as it may stand in a message: in quotes, printable, not too long.
std::string in_quotes(std::string_view foreign);

/// How a user makes a plain image of one that has more to it.
inline constexpr const char* make_it_plain =
    "make it whole where it comes from: qemu-img convert -O qcow2 FILE NEW";
/// How a user mends a damaged qcow2 image.
inline constexpr const char* mend_qcow2 =
    "the image is damaged: try qemu-img check -r all FILE, or copy it again";

}  // namespace kiln::builder::gate
