#pragma once

namespace kiln::cli {

/// From now on the first ^C or SIGTERM does not end this program: it looks, and cleans up after
/// itself. A call that is under way is still answered. A second one ends it.
void catch_interrupts();
/// Whether there has been one since.
bool was_interrupted();

}  // namespace kiln::cli
