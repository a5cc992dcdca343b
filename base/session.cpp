#include "base/session.hpp"

#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include "base/prepared_statement.hpp"

namespace kiln {

Session::Session(const std::string& connection)
    : connection_(std::make_unique<soci::session>(soci::sqlite3, connection)),
      statements_(std::make_unique<StatementCache>()) {}

Session::~Session() = default;

}  // namespace kiln
