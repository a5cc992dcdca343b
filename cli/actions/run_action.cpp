#include "cli/actions/run_action.hpp"

#include <fmt/format.h>

#include <chrono>
#include <exception>
#include <functional>

#include "cli/actions/key_file.hpp"
#include "cli/actions/waiter.hpp"
#include "cli/help.hpp"
#include "cli/options/action_options.hpp"
#include "cli/output/print.hpp"
#include "cli/service/service.hpp"
#include "cli/terminal/terminal.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {

namespace {

constexpr const char* create_key_pair = "CreateKeyPair";

std::vector<Option> waiting_options(const api::Waiter& waiter) {
    return {{.name = "wait",
             .arity = Arity::none,
             .help = fmt::format("Go on only when the state is {}", waiter.wanted)},
            {.name = "wait-timeout",
             .placeholder = "SECONDS",
             .help = fmt::format("How long --wait waits; default {}", default_wait.count())}};
}

Option no_save_option() {
    return {.name = "no-save",
            .arity = Arity::none,
            .help = "Do not keep the private key in ~/.config/kiln/keys"};
}

bool saves_key(const api::Action& action, const CommandLine& line) {
    return action.name == create_key_pair && !line.has("no-save") && !line.has("dry-run");
}

/// What a person reads is how it came out in the end. JSON has the shape of the action's own
/// response, which is printed first, so that the ids are known whatever comes of the wait.
void print_waiting(const api::Action& action, const api::Reply& reply, Format format,
                   const std::function<api::Reply()>& wait) {
    const bool own_response = format == Format::json && action.waiter->action != action.name;
    if (own_response) print_reply(action, reply, format);
    const api::Reply last = wait();
    if (!own_response) print_reply(action_named(action.waiter->action), last, format);
}

void save_created_key(const api::Action& action, const api::Reply& reply) {
    const std::string private_key = reply_text(action.name, reply, "KeyMaterial");
    try {
        const auto path = save_key(reply_text(action.name, reply, "KeyName"), private_key);
        say(fmt::format("The private key is in {}", path.string()));
    } catch (const std::exception&) {
        print_result(private_key);  // nobody else has it, and it is not told again
        throw;
    }
}

}  // namespace

std::vector<Option> command_options(const api::Action& action) {
    std::vector<Option> options = options_of(action);
    if (action.name == create_key_pair) options.push_back(no_save_option());
    if (action.waiter) {
        const auto waiting = waiting_options(*action.waiter);
        options.insert(options.end(), waiting.begin(), waiting.end());
    }
    options = with_service_options(std::move(options));
    options.push_back(output_option());
    options.push_back(help_option());
    return options;
}

int run_action(const api::Action& action, const std::vector<std::string>& words) {
    const CommandLine line = parse_command_line(command_options(action), words);
    if (line.has("help")) {
        print_result(action_help(action));
        return exit_ok;
    }
    const Format format = format_of(line);
    const std::chrono::seconds time_limit = seconds_option(line, "wait-timeout", default_wait);
    const api::WirePairs request = request_pairs(action, line);
    if (saves_key(action, line)) {
        for (const auto& [name, value] : request) {
            if (name == "KeyName") check_no_key_file(value);
        }
    }

    Service service(line);
    const api::Reply reply = service.call(action.name, request);
    if (saves_key(action, line)) save_created_key(action, reply);
    if (line.has("wait")) {
        print_waiting(action, reply, format, [&] {
            return wait_for(*action.waiter, waited_ids(action, request, reply.root()), time_limit,
                            [&](const std::string& name, const api::WirePairs& pairs) {
                                return service.call(name, pairs);
                            });
        });
    } else {
        print_reply(action, reply, format);
    }
    return exit_ok;
}

}  // namespace kiln::cli
