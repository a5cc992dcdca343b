#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/database.hpp"
#include "base/statement.hpp"
#include "images/catalog/field.hpp"

namespace kiln::images {

/// A table is described once, by a struct like
///
///     struct LayerTable {
///         static constexpr const char* name = "layers";
///         static Layer blank();  // any valid row: reading overwrites its fields
///         static void columns(auto&& column, auto& layer) {
///             column("layer_id", layer.id);  // the key stands first
///             column("region", layer.region);
///         }
///     };
///
/// and everything here is derived from it.

/// A valid id that names nothing, for rows that are about to be read.
template <class AnyId>
AnyId placeholder_id() {
    return AnyId(std::string(AnyId::prefix) + "-00000000");
}

inline AccountId placeholder_account() {
    return AccountId("000000000000");
}

template <class Table>
using RowOf = decltype(Table::blank());

template <class Table>
std::vector<std::pair<std::string, ColumnType>> columns_of() {
    std::vector<std::pair<std::string, ColumnType>> columns;
    auto blank = Table::blank();
    const auto collect = [&]<class T>(const char* name, const T&) {
        columns.emplace_back(name, column_type<T>());
    };
    Table::columns(collect, blank);
    return columns;
}

/// Steps through the rows of "select <the table's columns> from <table> <rest>".
template <class Table>
class Rows {
  public:
    Rows(Session& session, std::string_view rest, const std::vector<SqlParameter>& parameters)
        : statement_(session, fmt::format("{} {}", select_clause(), rest), parameters, types()) {}

    /// Steps to the next row; false when there is none.
    bool next() { return statement_.next(); }
    /// Overwrites every field that has a column.
    void read(RowOf<Table>& row) const {
        std::size_t column = 0;
        const auto read_one = [&](const char*, auto& field) {
            read_field(statement_, column++, field);
        };
        Table::columns(read_one, row);
    }

  private:
    static const std::string& select_clause() {
        static const std::string clause = [] {
            std::string names;
            for (const auto& [name, type] : columns_of<Table>())
                names += fmt::format("{}{}.{}", names.empty() ? "" : ", ", Table::name, name);
            return fmt::format("select {} from {}", names, Table::name);
        }();
        return clause;
    }
    static const std::vector<ColumnType>& types() {
        static const std::vector<ColumnType> all = [] {
            std::vector<ColumnType> collected;
            for (const auto& [name, type] : columns_of<Table>())
                collected.push_back(type);
            return collected;
        }();
        return all;
    }

    Statement statement_;
};

template <class Table>
std::vector<RowOf<Table>> select_rows(Session& session, std::string_view rest,
                                      const std::vector<SqlParameter>& parameters = {}) {
    static const RowOf<Table> blank = Table::blank();
    std::vector<RowOf<Table>> result;
    Rows<Table> rows(session, rest, parameters);
    while (rows.next())
        rows.read(result.emplace_back(blank));
    return result;
}

template <class Table>
std::optional<RowOf<Table>> select_row(Session& session, std::string_view rest,
                                       const std::vector<SqlParameter>& parameters) {
    Rows<Table> rows(session, rest, parameters);
    if (!rows.next()) return std::nullopt;
    auto row = Table::blank();
    rows.read(row);
    return row;
}

template <class Table>
std::vector<SqlParameter> parameters_of(const RowOf<Table>& row) {
    std::vector<SqlParameter> parameters;
    const auto collect = [&](const char* name, const auto& field) {
        parameters.push_back({.name = name, .value = to_value(field)});
    };
    Table::columns(collect, row);
    return parameters;
}

template <class Table>
void insert_row(Session& session, const RowOf<Table>& row) {
    const std::vector<SqlParameter> parameters = parameters_of<Table>(row);
    std::string names;
    std::string places;
    for (const SqlParameter& parameter : parameters) {
        names += fmt::format("{}{}", names.empty() ? "" : ", ", parameter.name);
        places += fmt::format("{}:{}", places.empty() ? "" : ", ", parameter.name);
    }
    run_sql(session, fmt::format("insert into {} ({}) values ({})", Table::name, names, places),
            parameters);
}

/// Writes every column of the row with that key anew.
template <class Table>
void update_row(Session& session, const RowOf<Table>& row) {
    const std::vector<SqlParameter> parameters = parameters_of<Table>(row);
    std::string assignments;
    for (std::size_t i = 1; i < parameters.size(); ++i) {
        assignments +=
            fmt::format("{}{} = :{}", i == 1 ? "" : ", ", parameters[i].name, parameters[i].name);
    }
    run_sql(session,
            fmt::format("update {} set {} where {} = :{}", Table::name, assignments,
                        parameters[0].name, parameters[0].name),
            parameters);
}

}  // namespace kiln::images
