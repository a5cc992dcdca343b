#pragma once

#include <memory>
#include <string>

namespace soci {
class session;
}

namespace kiln {

class StatementCache;

/// A connection to the database, with the statements that it has prepared. One thread at a time.
class Session {
  public:
    /// Of SQLite; the text is SOCI's ("dbname=… timeout=…"). Throws soci::soci_error.
    explicit Session(const std::string& connection);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    soci::session& connection() { return *connection_; }
    StatementCache& statements() { return *statements_; }

  private:
    std::unique_ptr<soci::session> connection_;
    std::unique_ptr<StatementCache> statements_;  // go before it
};

}  // namespace kiln
