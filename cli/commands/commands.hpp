#pragma once

#include "cli/command.hpp"

namespace kiln::cli {

Command build_command();
Command import_command();
Command export_command();
Command ssh_command();
Command console_command();
Command doctor_command();
Command gc_command();
Command seal_command();
Command serve_command();
Command history_command();
Command diff_command();
Command tag_image_command();
Command completion_command();
Command complete_command();
Command reference_command();
Command help_command();
Command version_command();

}  // namespace kiln::cli
