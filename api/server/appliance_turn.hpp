#pragma once

#include <mutex>

namespace kiln::api {

/// libguestfs's appliance takes a gigabyte and a core, and boots for seconds: handlers use it one
/// at a time, or all of them would. Throws Error{RequestLimitExceeded} while another one does.
std::unique_lock<std::mutex> take_appliance_turn();

}  // namespace kiln::api
