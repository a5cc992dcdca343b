#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/file.hpp"
#include "tests/places.hpp"

namespace kiln::tests {

/// Compares with the file of that name in the test's golden folder. KILN_ACCEPT_GOLDEN=1 in the
/// environment writes the files anew instead; look at the difference before you commit it.
inline void expect_golden(const std::string& name, const std::string& actual) {
    const std::filesystem::path path = std::filesystem::path(places::golden_directory) / name;
    if (std::getenv("KILN_ACCEPT_GOLDEN") != nullptr) {
        std::filesystem::create_directories(path.parent_path());
        write_file_atomically(path, actual, 0644);
        return;
    }
    ASSERT_TRUE(std::filesystem::exists(path))
        << path << " is missing; KILN_ACCEPT_GOLDEN=1 makes it";
    const std::string expected = read_file(path);
    if (actual == expected) return;
    const auto same = std::ranges::mismatch(expected, actual);
    const auto start = static_cast<std::size_t>(std::distance(expected.begin(), same.in1));
    const std::size_t line_start = start == 0 ? 0 : expected.rfind('\n', start - 1) + 1;
    const auto line_in = [&](const std::string& text) {
        return text.substr(line_start, text.find('\n', line_start) - line_start);
    };
    ADD_FAILURE() << path << ':'
                  << 1 + std::count(expected.begin(),
                                    expected.begin() + static_cast<long>(line_start), '\n')
                  << " has\n  " << line_in(expected) << "\nbut it is\n  " << line_in(actual)
                  << "\nKILN_ACCEPT_GOLDEN=1 writes it anew";
}

}  // namespace kiln::tests
