#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "base/error.hpp"
#include "builder/import/gate/gate.hpp"
#include "tests/disk_image_makers.hpp"
#include "tests/memory_bytes.hpp"

namespace kiln::builder::gate {

/// The message with which the gate refuses the file; empty when it lets it pass.
inline std::string refusal_of(const tests::DiskFile& file,
                              std::optional<DiskFormat> declared = std::nullopt) {
    try {
        inspect(tests::MemoryBytes(file), declared);
        return "";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), error_code::invalid_parameter_value) << error.message();
        return error.message();
    }
}

inline void expect_refused(const tests::DiskFile& file, const std::string& words,
                           std::optional<DiskFormat> declared = std::nullopt) {
    const std::string message = refusal_of(file, declared);
    EXPECT_NE(message.find(words), std::string::npos)
        << "'" << words << "' is not in '" << message << "'";
}

/// The only disk of a file that has to pass.
inline InspectedDisk pass(const tests::DiskFile& file,
                          std::optional<DiskFormat> declared = std::nullopt) {
    const InspectedFile found = inspect(tests::MemoryBytes(file), declared);
    EXPECT_EQ(found.disks.size(), 1);
    return found.disks.at(0);
}

inline void expect_disk(const InspectedDisk& disk, DiskFormat format, Bytes virtual_size) {
    EXPECT_STREQ(to_text(disk.format), to_text(format));
    EXPECT_EQ(disk.virtual_size, virtual_size);
}

}  // namespace kiln::builder::gate
