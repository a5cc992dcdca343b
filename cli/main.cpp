#include <clocale>
#include <string>
#include <vector>

#include "cli/command.hpp"

int main(int argc, char** argv) {
    // How wide characters are, whatever the user's locale; what is printed is always UTF-8.
    std::setlocale(LC_CTYPE, "C.UTF-8");  // NOLINT(concurrency-mt-unsafe): before any thread
    return kiln::cli::run_program({argv + 1, argv + argc});
}
