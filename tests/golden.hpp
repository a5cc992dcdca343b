#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/file.hpp"

namespace kiln::tests {

/// Compares with the file of that name in the test's golden folder. KILN_ACCEPT_GOLDEN=1 in the
/// environment writes the files anew instead; look at the difference before you commit it.
inline void expect_golden(const std::string& name, const std::string& actual) {
    const std::filesystem::path path = std::filesystem::path(KILN_GOLDEN_DIRECTORY) / name;
    if (std::getenv("KILN_ACCEPT_GOLDEN") != nullptr) {
        std::filesystem::create_directories(path.parent_path());
        write_file_atomically(path, actual, 0644);
        return;
    }
    ASSERT_TRUE(std::filesystem::exists(path))
        << path << " is missing; KILN_ACCEPT_GOLDEN=1 makes it";
    EXPECT_EQ(actual, read_file(path)) << "differs from " << path;
}

}  // namespace kiln::tests
