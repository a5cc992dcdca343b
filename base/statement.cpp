#include "base/statement.hpp"

#include <exception>

#include "base/log.hpp"
#include "base/prepared_statement.hpp"
#include "base/session.hpp"

namespace kiln {

Statement::Statement(Session& session, const std::string& sql,
                     const std::vector<SqlParameter>& parameters,
                     const std::vector<ColumnType>& columns)
    : session_(session), sql_(sql), prepared_(session.statements().take(sql, parameters, columns)) {
    if (!prepared_) {
        prepared_ =
            std::make_unique<PreparedStatement>(session.connection(), sql, parameters, columns);
    }
    has_row_ = prepared_->run(parameters);
}

Statement::~Statement() {
    try {
        // One that has more rows would keep its transaction from ending; SOCI cannot reset it.
        const bool has_ended = !has_row_ || (prepared_->selects_columns() && !prepared_->fetch());
        if (has_ended) session_.statements().give_back(sql_, std::move(prepared_));
    } catch (const std::exception& error) {
        log::warn("a statement could not be read to its end: {}", error.what());
    }
}

bool Statement::next() {
    if (!first_) has_row_ = has_row_ && prepared_->fetch();
    first_ = false;
    return has_row_;
}

const std::string& Statement::text(std::size_t column) const {
    static const std::string empty;
    return is_null(column) ? empty : prepared_->text(column);
}

std::int64_t Statement::number(std::size_t column) const {
    return is_null(column) ? 0 : prepared_->number(column);
}

bool Statement::is_null(std::size_t column) const {
    return prepared_->is_null(column);
}

void run_sql(Session& session, const std::string& sql,
             const std::vector<SqlParameter>& parameters) {
    const Statement statement(session, sql, parameters);
}

}  // namespace kiln
