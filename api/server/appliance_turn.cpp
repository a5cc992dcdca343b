#include "api/server/appliance_turn.hpp"

#include "base/error.hpp"

namespace kiln::api {

std::unique_lock<std::mutex> take_appliance_turn() {
    static std::mutex in_use;
    std::unique_lock lock(in_use, std::try_to_lock);
    if (lock) return lock;
    throw Error("RequestLimitExceeded", "",
                "another image is being looked into: try again in half a minute");
}

}  // namespace kiln::api
