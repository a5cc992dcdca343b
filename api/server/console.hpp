#pragma once

#include <functional>
#include <memory>
#include <string>

#include "hypervisor/hypervisor.hpp"
#include "images/accounts/caller.hpp"

namespace kiln::api {

/// Opens the console of the caller's instance; throws Error as an action would. Called on one of
/// the server's handler threads.
using ConsoleOpener = std::function<std::unique_ptr<hypervisor::Console>(
    const images::Caller& caller, const std::string& instance_id,
    hypervisor::ConsoleCallbacks callbacks)>;

}  // namespace kiln::api
