#pragma once

#include <optional>
#include <string>

#include "api/action.hpp"
#include "api/client/client.hpp"
#include "cli/options/option.hpp"

namespace kiln::cli {

enum class Format { table, json, text, csv };

/// The option --output.
Option output_option();
/// What --output says; without it a table on a terminal and JSON elsewhere. Throws
/// Error{UsageError}.
Format format_of(const CommandLine& line);

/// The option --output of commands that print for people unless they are asked for JSON.
Option text_or_json_option();
/// Whether that option asks for JSON. Throws Error{UsageError}.
bool is_json(const CommandLine& line);

/// Prints what an action has answered to standard output.
void print_reply(const api::Action& action, const api::Reply& reply, Format format);

}  // namespace kiln::cli
