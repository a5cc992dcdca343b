#include "base/rollback.hpp"

#include <spdlog/spdlog.h>

namespace kiln {

Rollback::~Rollback() {
    for (auto step = undo_steps_.rbegin(); step != undo_steps_.rend(); ++step) {
        try {
            (*step)();
        } catch (const std::exception& error) {
            spdlog::error("an undo step failed: {}", error.what());
        }
    }
}

}  // namespace kiln
