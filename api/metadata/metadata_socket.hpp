#pragma once

#include <string>

#include "base/fd.hpp"

namespace kiln::api {

/// A socket that listens at 169.254.169.254:80 for what comes in by the bridge. The address need
/// not be one of the host's: guests are led here by a routing rule. Throws Error{InternalError}.
Fd listen_for_metadata(const std::string& bridge);

}  // namespace kiln::api
