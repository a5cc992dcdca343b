#pragma once

#include <optional>
#include <string>

#include "base/database.hpp"
#include "images/catalog/scope.hpp"

namespace kiln::images {

/// What an account has decided for one region, by name. Whoever reads a setting knows what its
/// absence means.

std::optional<std::string> find_setting(Session& session, const Scope& scope, const char* name);
void set_setting(Session& session, const Scope& scope, const char* name, const std::string& value);

}  // namespace kiln::images
