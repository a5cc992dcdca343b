#include "cli/output/print.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "cli/output/json.hpp"
#include "cli/output/table.hpp"
#include "cli/terminal/terminal.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {

Option output_option() {
    return {.name = "output",
            .placeholder = "table|json|text|csv",
            .help = "How to print the result; default: table on a terminal, json elsewhere",
            .choices = {"table", "json", "text", "csv"}};
}

Format format_of(const CommandLine& line) {
    const auto name = line.value("output");
    if (!name) return is_terminal(STDOUT_FILENO) ? Format::table : Format::json;
    if (*name == "table") return Format::table;
    if (*name == "json") return Format::json;
    if (*name == "text") return Format::text;
    if (*name == "csv") return Format::csv;
    refuse_usage(fmt::format("--output: '{}' is not one of: table, json, text, csv", *name));
}

Option text_or_json_option() {
    return {.name = "output",
            .placeholder = "text|json",
            .help = "How to print the result; default: text",
            .choices = {"text", "json"}};
}

bool is_json(const CommandLine& line) {
    const std::string name = line.value("output").value_or("text");
    if (name != "text" && name != "json")
        refuse_usage(fmt::format("--output: '{}' is not one of: text, json", name));
    return name == "json";
}

void print_reply(const api::Action& action, const api::Reply& reply, Format format) {
    switch (format) {
        case Format::table:
            print_result(table_of(rows_of(action, reply.root()), terminal_width(STDOUT_FILENO)));
            break;
        case Format::text:
            print_result(text_of(rows_of(action, reply.root())));
            break;
        case Format::csv:
            print_result(csv_of(rows_of(action, reply.root())));
            break;
        case Format::json:
            print_json(reply.root(), *action.output, print_result);
            break;
    }
}

}  // namespace kiln::cli
