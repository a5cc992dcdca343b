#pragma once

namespace kiln::tests::places {

/// Paths of what the tests need besides themselves. CMake writes them into one file of each
/// program, so that the others compile to the same in every directory.
extern const char* const source_directory;  // the checkout
extern const char* const golden_directory;  // of this program
extern const char* const kiln;              // the program under test
extern const char* const guest_probe;       // runs inside guests

}  // namespace kiln::tests::places
