#pragma once

#include <string_view>

namespace kiln::builder {

/// A file of builder/steps/files, by its path below that folder ("tiny/inittab"): it is part of the
/// binary.
std::string_view guest_file(std::string_view name);

}  // namespace kiln::builder
