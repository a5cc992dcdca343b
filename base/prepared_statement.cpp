#include "base/prepared_statement.hpp"

#include <soci/soci.h>

#include <algorithm>

namespace kiln {

namespace {

/// More than kiln's SQL has; whatever is beyond is prepared each time.
constexpr std::size_t most_statements = 1024;

/// A variable that SOCI reads from or writes to.
struct Cell {
    std::string name;  // of a parameter
    ColumnType type = ColumnType::text;
    std::string text;
    long long number = 0;
    soci::indicator indicator = soci::i_ok;
};

bool fits(const Cell& cell, const SqlParameter& parameter) {
    if (cell.name != parameter.name) return false;
    if (std::holds_alternative<std::monostate>(parameter.value)) return true;
    const bool is_number = std::holds_alternative<std::int64_t>(parameter.value);
    return is_number == (cell.type == ColumnType::number);
}

void put(Cell& cell, const SqlValue& value) {
    cell.indicator = soci::i_ok;
    if (const auto* text = std::get_if<std::string>(&value)) {
        cell.text = *text;
    } else if (const auto* number = std::get_if<std::int64_t>(&value)) {
        cell.number = *number;
    } else {
        cell.indicator = soci::i_null;
    }
}

}  // namespace

class PreparedStatement::Impl {
  public:
    Impl(soci::session& session, const std::string& sql, const std::vector<SqlParameter>& values,
         const std::vector<ColumnType>& types)
        : parameters(values.size()), columns(types.size()), statement(session) {
        statement.alloc();
        for (std::size_t i = 0; i < values.size(); ++i)
            use(parameters[i], values[i]);
        for (std::size_t i = 0; i < types.size(); ++i)
            define(columns[i], types[i]);
        statement.prepare(sql);
        statement.define_and_bind();
    }

    std::vector<Cell> parameters;  // SOCI keeps the cells' addresses
    std::vector<Cell> columns;
    soci::statement statement;

  private:
    void use(Cell& cell, const SqlParameter& parameter) {
        cell.name = parameter.name;
        if (std::holds_alternative<std::int64_t>(parameter.value)) {
            cell.type = ColumnType::number;
            statement.exchange(soci::use(cell.number, cell.indicator, cell.name));
        } else {
            statement.exchange(soci::use(cell.text, cell.indicator, cell.name));
        }
    }

    void define(Cell& cell, ColumnType type) {
        cell.type = type;
        if (type == ColumnType::text) {
            statement.exchange(soci::into(cell.text, cell.indicator));
        } else {
            statement.exchange(soci::into(cell.number, cell.indicator));
        }
    }
};

PreparedStatement::PreparedStatement(soci::session& session, const std::string& sql,
                                     const std::vector<SqlParameter>& parameters,
                                     const std::vector<ColumnType>& columns)
    : impl_(std::make_unique<Impl>(session, sql, parameters, columns)) {}

PreparedStatement::~PreparedStatement() = default;

bool PreparedStatement::takes(const std::vector<SqlParameter>& parameters,
                              const std::vector<ColumnType>& columns) const {
    const auto has_type = [](const Cell& cell, ColumnType type) { return cell.type == type; };
    return std::ranges::equal(impl_->parameters, parameters, fits) &&
           std::ranges::equal(impl_->columns, columns, has_type);
}

bool PreparedStatement::run(const std::vector<SqlParameter>& parameters) {
    for (std::size_t i = 0; i < parameters.size(); ++i)
        put(impl_->parameters[i], parameters[i].value);
    return impl_->statement.execute(true);
}

bool PreparedStatement::fetch() {
    return impl_->statement.fetch();
}

bool PreparedStatement::selects_columns() const {
    return !impl_->columns.empty();
}

const std::string& PreparedStatement::text(std::size_t column) const {
    return impl_->columns[column].text;
}

std::int64_t PreparedStatement::number(std::size_t column) const {
    return impl_->columns[column].number;
}

bool PreparedStatement::is_null(std::size_t column) const {
    return impl_->columns[column].indicator == soci::i_null;
}

std::unique_ptr<PreparedStatement> StatementCache::take(const std::string& sql,
                                                        const std::vector<SqlParameter>& parameters,
                                                        const std::vector<ColumnType>& columns) {
    const auto found = statements_.find(sql);
    if (found == statements_.end() || !found->second) return nullptr;
    if (!found->second->takes(parameters, columns)) return nullptr;
    return std::move(found->second);
}

void StatementCache::give_back(const std::string& sql,
                               std::unique_ptr<PreparedStatement> statement) {
    const auto found = statements_.find(sql);
    if (found != statements_.end()) {
        found->second = std::move(statement);
    } else if (statements_.size() < most_statements) {
        statements_.emplace(sql, std::move(statement));
    }
}

}  // namespace kiln
