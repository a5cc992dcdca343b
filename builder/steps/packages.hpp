#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder/steps/build.hpp"

namespace kiln::builder {

/// What mmdebstrap's own lines (with --verbose) say about how far it is.
class MmdebstrapProgress {
  public:
    struct Update {
        int percent = 0;  // of mmdebstrap's work
        std::string step;
    };
    /// The new state, when the line changes it.
    std::optional<Update> on_line(std::string_view line);

  private:
    Update installing() const;

    int package_sets_ = 0;  // mmdebstrap installs the essential packages first, then the others
    int packages_ = 0;      // in the set that is being installed
    int lines_ = 0;         // "Unpacking" and "Setting up" of the set
    int percent_ = 0;
};

/// A run of mmdebstrap. https://manpages.debian.org/bookworm/mmdebstrap/mmdebstrap.1.en.html
struct Mmdebstrap {
    std::vector<std::string> options;
    std::filesystem::path target;
    /// The part of the build's percentage that the run fills.
    int first_percent = 0;
    int last_percent = 0;
};
void run_mmdebstrap(const Build& build, const Mmdebstrap& run);

}  // namespace kiln::builder
