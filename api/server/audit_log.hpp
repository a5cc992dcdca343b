#pragma once

#include "api/server/dispatcher.hpp"

namespace kiln {
class Clock;
class Database;
}  // namespace kiln

namespace kiln::api {

/// Writes requests into the catalog's audit log. Both must outlive what it returns. Any thread.
Audit audit_log(Database& database, const Clock& clock);

}  // namespace kiln::api
