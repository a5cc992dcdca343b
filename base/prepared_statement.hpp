#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/statement.hpp"

namespace soci {
class session;
}

namespace kiln {

/// A statement that the database has prepared, with the cells that its values go through. One
/// thread.
class PreparedStatement {
  public:
    /// Throws soci::soci_error, as run() and fetch() do.
    PreparedStatement(soci::session& session, const std::string& sql,
                      const std::vector<SqlParameter>& parameters,
                      const std::vector<ColumnType>& columns);
    ~PreparedStatement();
    PreparedStatement(const PreparedStatement&) = delete;
    PreparedStatement& operator=(const PreparedStatement&) = delete;

    /// Whether it can run with values of these names and types.
    bool takes(const std::vector<SqlParameter>& parameters,
               const std::vector<ColumnType>& columns) const;
    /// Returns whether there is a first row, whose values are in the cells then.
    bool run(const std::vector<SqlParameter>& parameters);
    /// The next row, in the same way. Always false when no columns are selected.
    bool fetch();
    bool selects_columns() const;

    const std::string& text(std::size_t column) const;
    std::int64_t number(std::size_t column) const;
    bool is_null(std::size_t column) const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

/// The statements of one session that nobody uses now, by their SQL. One thread.
class StatementCache {
  public:
    /// nullptr when there is none that fits.
    std::unique_ptr<PreparedStatement> take(const std::string& sql,
                                            const std::vector<SqlParameter>& parameters,
                                            const std::vector<ColumnType>& columns);
    void give_back(const std::string& sql, std::unique_ptr<PreparedStatement> statement);

  private:
    std::unordered_map<std::string, std::unique_ptr<PreparedStatement>> statements_;
};

}  // namespace kiln
