#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/database.hpp"

namespace kiln {

/// A value on its way into the database: null, text or a whole number.
using SqlValue = std::variant<std::monostate, std::string, std::int64_t>;

/// What :name stands for in an SQL text.
struct SqlParameter {
    std::string name;
    SqlValue value;
};

enum class ColumnType { text, number };

class PreparedStatement;

/// One SQL statement inside a transaction. The SQL text is made of constants alone: whatever comes
/// from outside is a parameter.
class Statement {
  public:
    /// Prepares and runs the statement. `columns` are the types of what it selects, in their order.
    Statement(Session& session, const std::string& sql, const std::vector<SqlParameter>& parameters,
              const std::vector<ColumnType>& columns = {});
    ~Statement();
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;

    /// Steps to the next row, the first one at the first call; false when there is none.
    bool next();
    /// Of the row, by the column's number from 0; "" and 0 when it is null.
    const std::string& text(std::size_t column) const;
    std::int64_t number(std::size_t column) const;
    bool is_null(std::size_t column) const;

  private:
    Session& session_;
    std::string sql_;
    std::unique_ptr<PreparedStatement> prepared_;  // of the session, and given back to it
    bool first_ = true;
    bool has_row_ = false;
};

/// Runs a statement that selects nothing.
void run_sql(Session& session, const std::string& sql,
             const std::vector<SqlParameter>& parameters = {});

}  // namespace kiln
