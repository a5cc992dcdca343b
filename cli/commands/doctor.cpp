#include <fmt/format.h>

#include "cli/commands/commands.hpp"
#include "cli/output/field_path.hpp"
#include "cli/service/service.hpp"
#include "cli/terminal/terminal.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {

namespace {

constexpr const char* describe_host_checks = "DescribeHostChecks";

struct Check {
    std::string name;
    std::string status;
    std::string message;
    std::string remedy;
};

void print(const Check& check) {
    std::string line = fmt::format("{:<8} {:<14} {}\n", check.status, check.name, check.message);
    if (!check.remedy.empty()) line += fmt::format("{:<23} mend it: {}\n", "", check.remedy);
    print_result(line);
}

bool print_checks(const api::Reply& reply) {
    bool healthy = true;
    const api::OutputShape& shape = *action_named(describe_host_checks).output;
    for (const OutputNode& place : find_all(reply.root(), shape, "Checks")) {
        const auto text = [&](const char* name) {
            return text_at(place.node, *place.field->shape, name);
        };
        const Check check{text("Name"), text("Status"), text("Message"), text("Remedy")};
        print(check);
        healthy = healthy && check.status != "failed";
    }
    return healthy;
}

int run(const CommandLine& line, const std::vector<std::string>&) {
    try {
        Service service(line);
        const api::Reply reply = service.call(describe_host_checks, {});
        print({"service", "ok", "answers at " + service.settings().socket.string(), ""});
        return print_checks(reply) ? exit_ok : exit_failed;
    } catch (const Error& error) {
        print({"service", "failed", error.message(), ""});
        return exit_failed;
    }
}

}  // namespace

Command doctor_command() {
    return {.name = "doctor",
            .summary = "Check whether this host can build and run guests, and say how to mend it",
            .example = "kiln doctor",
            .options = with_service_options({}),
            .run = run};
}

}  // namespace kiln::cli
