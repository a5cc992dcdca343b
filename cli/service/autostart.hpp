#pragma once

#include <chrono>

#include "api/client/client.hpp"
#include "base/settings.hpp"

namespace kiln::cli {

/// Starts `kiln serve` of this same program in the background (its own session, output to
/// serve.log in the state directory) and returns when it answers. Of several programs that do so
/// at once, one starts it and the others wait. Throws Error{ServiceUnavailable} with the service's
/// last words when it ends, or does not answer in time.
void start_service(const Settings& settings, const api::Client& client);

}  // namespace kiln::cli
