#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/sha256.hpp"
#include "builder/recipe/step.hpp"

namespace kiln::builder {

/// The digest of named values. Each stands with its length, so that no two different lists of
/// values read the same, whatever is in them.
class CanonicalText {
  public:
    void add(std::string_view name, std::string_view value);
    void add(std::string_view name, std::uint64_t value);
    void add(std::string_view name, const std::vector<std::string>& values);

    std::string sha256_hex() const { return digest_.hex(); }

  private:
    Sha256 digest_;
};

/// What the step does, and nothing that only says how it is tried.
void add_action(CanonicalText& text, const StepAction& action);

}  // namespace kiln::builder
