#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "builder/import/gate/gate.hpp"
#include "tests/disk_image_makers.hpp"

namespace kiln::tests {

enum class Outcome {
    refused,
    normalized,  // imported without what is odd about it
    accepted,
};

/// What else than the bytes of a file makes an import hostile: for the import's own tests.
enum class Circumstance {
    none,
    over_quota,             // the virtual size is more than the account may have
    fifo,                   // it is no regular file
    socket,                 // likewise
    device,                 // likewise
    directory,              // likewise
    changes_during_import,  // after the gate looked at it
    hard_link,              // it is another account's image too
    shorter_than_declared,
    wrong_sha256,
};

/// An input that must do no harm. Several may have one number.
struct HostileImage {
    int number;  // 1 to 72
    std::string name;
    Outcome outcome;
    std::string words;               // that stand in the refusal
    std::function<DiskFile()> make;  // a plain disk where only the circumstance is hostile
    std::optional<builder::gate::DiskFormat> declared;
    Circumstance circumstance = Circumstance::none;

    /// Whether the gate is who refuses it: it sees the bytes, and whether they are a file.
    bool is_for_the_gate() const { return circumstance == Circumstance::none; }
};

/// All of them, by number.
const std::vector<HostileImage>& hostile_images();

}  // namespace kiln::tests
