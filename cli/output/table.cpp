#include "cli/output/table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <numeric>

#include "cli/output/text_width.hpp"

namespace kiln::cli {

namespace {

constexpr std::size_t gap = 2;             // blanks between columns
constexpr std::size_t narrow_column = 16;  // columns are not cut below this

std::vector<std::size_t> column_widths(const Rows& rows) {
    std::vector<std::size_t> widths;
    widths.reserve(rows.headings.size());
    for (const std::string& heading : rows.headings)
        widths.push_back(text_width(heading));
    for (const auto& cells : rows.cells) {
        for (std::size_t i = 0; i < cells.size(); ++i)
            widths[i] = std::max(widths[i], text_width(cells[i]));
    }
    return widths;
}

/// Takes what is too much from the last column that is wide, then from the one before it.
void fit(std::vector<std::size_t>& widths, std::size_t width) {
    const std::size_t gaps = gap * (widths.size() - 1);
    std::size_t total = std::accumulate(widths.begin(), widths.end(), gaps);
    for (auto column = widths.rbegin(); column != widths.rend() && total > width; ++column) {
        if (*column <= narrow_column) continue;
        const std::size_t cut = std::min(total - width, *column - narrow_column);
        *column -= cut;
        total -= cut;
    }
}

void append_line(std::string& table, const std::vector<std::string>& cells,
                 const std::vector<std::size_t>& widths) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const std::string cell = shortened(cells[i], widths[i]);
        table += cell;
        const bool last = i + 1 == cells.size();
        if (!last) table.append(widths[i] - text_width(cell) + gap, ' ');
    }
    while (table.ends_with(' '))
        table.pop_back();
    table += '\n';
}

/// Control characters must not reach the terminal, nor break the lines.
Rows printable(Rows rows) {
    for (auto& cells : rows.cells) {
        for (std::string& cell : cells)
            cell = without_controls(cell);
    }
    return rows;
}

std::string csv_cell(const std::string& cell) {
    if (cell.find_first_of("\",\r\n") == std::string::npos) return cell;
    std::string quoted = "\"";
    for (const char c : cell)
        quoted += c == '"' ? "\"\"" : std::string(1, c);
    return quoted + '"';
}

std::string csv_line(const std::vector<std::string>& cells) {
    std::vector<std::string> quoted;
    std::ranges::transform(cells, std::back_inserter(quoted), csv_cell);
    return fmt::format("{}\r\n", fmt::join(quoted, ","));
}

}  // namespace

std::string text_of(const Rows& rows) {
    const bool alone = rows.headings.size() == 1 && rows.cells.size() == 1;
    if (alone) {
        const std::string& cell = rows.cells.front().front();
        return cell.ends_with('\n') ? cell : cell + '\n';
    }
    std::string text;
    for (const auto& cells : rows.cells) {
        for (std::size_t i = 0; i < cells.size(); ++i) {
            if (i > 0) text += '\t';
            text += without_controls(cells[i]);
        }
        text += '\n';
    }
    return text;
}

std::string csv_of(const Rows& rows) {
    if (rows.headings.empty()) return "";
    std::string text = csv_line(rows.headings);
    for (const auto& cells : rows.cells)
        text += csv_line(cells);
    return text;
}

std::string table_of(const Rows& raw, std::optional<std::size_t> width) {
    if (raw.headings.empty()) return "";
    const bool alone = raw.headings.size() == 1 && raw.cells.size() == 1;
    // A lone text of many lines, such as a console's output, is no table.
    if (alone && raw.cells.front().front().find('\n') != std::string::npos) return text_of(raw);
    const Rows rows = printable(raw);
    std::vector<std::size_t> widths = column_widths(rows);
    if (width) fit(widths, *width);
    std::string table;
    append_line(table, rows.headings, widths);
    for (const auto& cells : rows.cells)
        append_line(table, cells, widths);
    return table;
}

}  // namespace kiln::cli
