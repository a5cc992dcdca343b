#include "base/rollback.hpp"

#include "base/log.hpp"

namespace kiln {

Rollback::~Rollback() {
    for (auto step = undo_steps_.rbegin(); step != undo_steps_.rend(); ++step) {
        try {
            (*step)();
        } catch (const std::exception& error) {
            log::error("an undo step failed: {}", error.what());
        }
    }
}

}  // namespace kiln
