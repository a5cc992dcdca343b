#include "images/catalog/task_state.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdlib>

#include "base/error.hpp"

namespace kiln::images {

std::string_view to_text(TaskState value) {
    switch (value) {
        case TaskState::active:
            return "active";
        case TaskState::completed:
            return "completed";
        case TaskState::deleting:
            return "deleting";
        case TaskState::deleted:
            return "deleted";
    }
    std::abort();
}

TaskState parse_task_state(std::string_view text) {
    constexpr std::array all{TaskState::active, TaskState::completed, TaskState::deleting,
                             TaskState::deleted};
    for (const TaskState state : all) {
        if (to_text(state) == text) return state;
    }
    throw Error(error_code::invalid_parameter_value, std::string(text),
                fmt::format("Value ({}) for task state is invalid: expecting one of active, "
                            "completed, deleting, deleted",
                            text));
}

}  // namespace kiln::images
