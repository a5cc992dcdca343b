#include "base/statement.hpp"

#include <soci/soci.h>

namespace kiln {

namespace {

/// A variable that SOCI reads from or writes to.
struct Cell {
    ColumnType type = ColumnType::text;
    std::string text;
    long long number = 0;
    soci::indicator indicator = soci::i_ok;
};

Cell to_cell(const SqlValue& value) {
    if (const auto* text = std::get_if<std::string>(&value)) return {.text = *text};
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
        return {.type = ColumnType::number, .number = *number};
    }
    return {.indicator = soci::i_null};
}

}  // namespace

class Statement::Impl {
  public:
    Impl(Session& session, const std::string& sql, const std::vector<SqlParameter>& parameters,
         const std::vector<ColumnType>& columns)
        : statement_(session), columns_(columns.size()) {
        parameters_.reserve(parameters.size());  // SOCI keeps the cells' addresses
        statement_.alloc();
        for (const SqlParameter& parameter : parameters)
            bind(parameter);
        for (std::size_t i = 0; i < columns.size(); ++i) {
            columns_[i].type = columns[i];
            define(columns_[i]);
        }
        statement_.prepare(sql);
        statement_.define_and_bind();
        has_row_ = statement_.execute(true);
    }

    bool next() {
        if (!first_) has_row_ = has_row_ && statement_.fetch();
        first_ = false;
        return has_row_;
    }

    const Cell& cell(std::size_t column) const { return columns_[column]; }

  private:
    void bind(const SqlParameter& parameter) {
        Cell& cell = parameters_.emplace_back(to_cell(parameter.value));
        if (cell.type == ColumnType::text) {
            statement_.exchange(soci::use(cell.text, cell.indicator, parameter.name));
        } else {
            statement_.exchange(soci::use(cell.number, cell.indicator, parameter.name));
        }
    }

    void define(Cell& cell) {
        if (cell.type == ColumnType::text) {
            statement_.exchange(soci::into(cell.text, cell.indicator));
        } else {
            statement_.exchange(soci::into(cell.number, cell.indicator));
        }
    }

    soci::statement statement_;
    std::vector<Cell> parameters_;
    std::vector<Cell> columns_;
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
    return is_null(column) ? empty : impl_->cell(column).text;
}

std::int64_t Statement::number(std::size_t column) const {
    return is_null(column) ? 0 : impl_->cell(column).number;
}

bool Statement::is_null(std::size_t column) const {
    return impl_->cell(column).indicator == soci::i_null;
}

void run_sql(Session& session, const std::string& sql,
             const std::vector<SqlParameter>& parameters) {
    const Statement statement(session, sql, parameters);
}

}  // namespace kiln
