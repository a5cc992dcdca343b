#include "cli/commands/commands.hpp"

namespace kiln::cli {

const std::vector<Command>& commands() {
    static const std::vector<Command> table{
        build_command(),      import_command(),  export_command(),  ssh_command(),
        console_command(),    history_command(), diff_command(),    tag_image_command(),
        seal_command(),       doctor_command(),  gc_command(),      serve_command(),
        completion_command(), help_command(),    version_command(), reference_command(),
        complete_command()};
    return table;
}

}  // namespace kiln::cli
