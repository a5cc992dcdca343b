#pragma once

#include <string_view>

namespace kiln::images {

/// States of import and export tasks in EC2's words: one that fails or is canceled is deleted.
enum class TaskState { active, completed, deleting, deleted };

std::string_view to_text(TaskState value);
/// Throws Error{InvalidParameterValue} for any other word.
TaskState parse_task_state(std::string_view text);

inline void parse_word(std::string_view text, TaskState& field) {
    field = parse_task_state(text);
}

}  // namespace kiln::images
