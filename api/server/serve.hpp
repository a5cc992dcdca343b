#pragma once

#include "base/settings.hpp"

namespace kiln::api {

enum class Verbosity { quiet, normal, verbose };

struct ServeOptions {
    Verbosity verbosity = Verbosity::normal;
    EndpointSettings endpoint = {};
};

/// Runs the service until SIGTERM or SIGINT. Returns the exit status; throws Error when it cannot
/// start.
int serve(const Settings& settings, const ServeOptions& options);

}  // namespace kiln::api
