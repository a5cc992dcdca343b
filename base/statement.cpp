#include "base/statement.hpp"

#include <exception>

#include "base/log.hpp"
#include "base/prepared_statement.hpp"
#include "base/session.hpp"

namespace kiln {

class Statement::Impl {
  public:
    Impl(Session& session, const std::string& sql, const std::vector<SqlParameter>& parameters,
         const std::vector<ColumnType>& columns)
        : session_(session),
          sql_(sql),
          prepared_(session.statements().take(sql, parameters, columns)) {
        if (!prepared_) {
            prepared_ =
                std::make_unique<PreparedStatement>(session.connection(), sql, parameters, columns);
        }
        has_row_ = prepared_->run(parameters);
    }
    ~Impl() {
        try {
            // One that has more rows would keep its transaction from ending; SOCI cannot reset it.
            const bool has_ended =
                !has_row_ || (prepared_->selects_columns() && !prepared_->fetch());
            if (has_ended) session_.statements().give_back(sql_, std::move(prepared_));
        } catch (const std::exception& error) {
            log::warn("a statement could not be read to its end: {}", error.what());
        }
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    bool next() {
        if (!first_) has_row_ = has_row_ && prepared_->fetch();
        first_ = false;
        return has_row_;
    }

    const PreparedStatement& prepared() const { return *prepared_; }

  private:
    Session& session_;
    std::string sql_;
    std::unique_ptr<PreparedStatement> prepared_;
    bool first_ = true;
    bool has_row_ = false;
};

Statement::Statement(Session& session, const std::string& sql,
                     const std::vector<SqlParameter>& parameters,
                     const std::vector<ColumnType>& columns)
    : impl_(std::make_unique<Impl>(session, sql, parameters, columns)) {}

Statement::~Statement() = default;

bool Statement::next() {
    return impl_->next();
}

const std::string& Statement::text(std::size_t column) const {
    static const std::string empty;
    return is_null(column) ? empty : impl_->prepared().text(column);
}

std::int64_t Statement::number(std::size_t column) const {
    return is_null(column) ? 0 : impl_->prepared().number(column);
}

bool Statement::is_null(std::size_t column) const {
    return impl_->prepared().is_null(column);
}

void run_sql(Session& session, const std::string& sql,
             const std::vector<SqlParameter>& parameters) {
    const Statement statement(session, sql, parameters);
}

}  // namespace kiln
