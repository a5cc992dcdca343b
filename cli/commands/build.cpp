#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>

#include "api/output/printable.hpp"
#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"
#include "cli/command.hpp"
#include "cli/commands/commands.hpp"
#include "cli/options/action_options.hpp"
#include "cli/output/field_path.hpp"
#include "cli/output/print.hpp"
#include "cli/recipe/import_base.hpp"
#include "cli/recipe/recipe_argument.hpp"
#include "cli/service/service.hpp"
#include "cli/terminal/interrupts.hpp"
#include "cli/terminal/task_progress.hpp"
#include "cli/terminal/terminal.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {

namespace {

constexpr const char* build_image = "BuildImage";
constexpr const char* describe_builds = "DescribeImageBuilds";
constexpr const char* cancel_build = "CancelImageBuild";
constexpr const char* get_plan = "GetImageBuildPlan";
constexpr std::chrono::milliseconds poll_interval{500};

struct BuildStatus {
    std::string state;
    std::string step;
    int percent = 0;
    std::string message;
    std::string kept;
    std::vector<std::string> log;
};

BuildStatus ask_status(Service& service, const std::string& image) {
    const api::Reply reply = service.call(describe_builds, {{"ImageId.1", image}});
    const api::OutputShape& shape = *action_named(describe_builds).output;
    const auto text = [&](const char* field) {
        return text_at(reply.root(), shape, std::string("Builds.") + field);
    };
    return {.state = text("State"),
            .step = text("Step"),
            .percent = std::atoi(text("Percent").c_str()),
            .message = text("Message"),
            .kept = text("KeptId"),
            .log = texts_at(reply.root(), shape, "Builds.Log")};
}

/// Returns when the build has ended, or ^C was pressed.
BuildStatus follow(Service& service, const std::string& image) {
    TaskProgress progress;
    while (true) {
        BuildStatus status = ask_status(service, image);
        if (status.state != "building" || was_interrupted()) return status;
        progress.show_for(poll_interval, status.percent, status.step);
    }
}

int cancel(Service& service, const std::string& image) {
    say("Canceling the build…");
    service.call(cancel_build, {{"ImageId", image}});
    say("The build was canceled; nothing of it is left.");
    return exit_interrupted;
}

bool is_instance(const std::string& kept) {
    return kept.starts_with(std::string(InstanceId::prefix) + "-");
}

/// What stays of a build that failed, and how to look at it.
void tell_what_is_kept(const std::string& kept) {
    if (is_instance(kept)) {
        say(
            fmt::format("The instance of the step stays: 'kiln ssh {0}' to look at it, 'kiln "
                        "terminate-instances {0}' to be rid of it.",
                        kept));
    } else if (!kept.empty()) {
        say(
            fmt::format("The disk as the step left it is {0}: 'kiln create-volume --snapshot-id "
                        "{0}' to look at it, 'kiln delete-snapshot {0}' to be rid of it.",
                        kept));
    }
}

/// Logs in to the instance whose step has failed: this program becomes ssh.
void open_shell(const CommandLine& line, const std::string& instance) {
    CommandLine ssh{.options = {}, .arguments = {instance}};
    for (const CommandLine::Given& option : line.options) {
        if (option.name == "region" || option.name == "account") ssh.options.push_back(option);
    }
    find_command("ssh")->run(ssh, {});
}

/// A guest has said it: line by line, and nothing that a terminal would obey.
std::string shown(const std::string& text) {
    std::vector<std::string> lines;
    for (const std::string& line : split(text, '\n'))
        lines.push_back(api::printable(line));
    return fmt::format("{}", fmt::join(lines, "\n"));
}

[[noreturn]] void report_failure(const CommandLine& line, const std::string& image,
                                 const BuildStatus& status) {
    for (const std::string& logged : status.log)
        say("  " + shown(logged));
    const std::string failure = fmt::format(
        "the build of {} {}{}", image, status.state == "canceled" ? "was canceled" : "failed",
        status.message.empty() ? "" : ": " + shown(status.message));
    tell_what_is_kept(status.kept);
    if (line.value("on-failure") == "shell" && is_instance(status.kept)) {
        say(failure);
        open_shell(line, status.kept);
    }
    throw Error("BuildFailed", image, failure);
}

int show_plan(Service& service, const api::WirePairs& request, Format format) {
    api::WirePairs asked;
    std::ranges::copy_if(request, std::back_inserter(asked), [](const auto& pair) {
        return pair.first != "DryRun" && pair.first != "Name" && pair.first != "Description" &&
               pair.first != "OnFailure" && pair.first != "KeyName";
    });
    print_reply(action_named(get_plan), service.call(get_plan, asked), format);
    return exit_ok;
}

int run(const CommandLine& line, const std::vector<std::string>&) {
    if (line.arguments.size() != 1) refuse_usage("give one recipe: kiln build RECIPE --name NAME");
    const Format format = format_of(line);
    if (line.value("on-failure") == "shell" && !line.has("key-name"))
        refuse_usage("--on-failure shell logs in with a key pair: give --key-name NAME");
    const RecipeArgument recipe = read_recipe(line.arguments.front());
    api::WirePairs request = recipe.pairs;
    CommandLine options = line;
    options.arguments.clear();
    const api::Action& action = action_named(build_image);
    std::ranges::move(request_pairs(action, options), std::back_inserter(request));

    Service service(line);
    service.require();
    if (line.has("dry-run")) return show_plan(service, request, format);
    catch_interrupts();  // ^C ends the build, not only this program
    if (recipe.base && !import_base(service, *recipe.base)) {
        say("The build was canceled; nothing of it is left.");
        return exit_interrupted;
    }
    const api::Reply reply = service.call(build_image, request);
    const std::string image = reply_text(build_image, reply, "ImageId");
    const BuildStatus status = follow(service, image);
    if (status.state == "building") return cancel(service, image);
    if (status.state != "available") report_failure(line, image, status);
    if (!status.message.empty()) say(status.message);
    print_reply(action, reply, format);
    return exit_ok;
}

/// Those of the action, but for the recipe.
std::vector<Option> build_options() {
    std::vector<Option> options = options_of(action_named(build_image));
    std::erase_if(options, [](const Option& option) {
        return option.name.starts_with("recipe") || option.name == "sources";
    });
    for (Option& option : options) {
        if (option.name == "dry-run")
            option.help = "Only show the stages of the build, and which need not be run";
    }
    options.push_back(output_option());
    return with_service_options(std::move(options));
}

}  // namespace

Command build_command() {
    return {.name = "build",
            .summary = "Build an image from a recipe",
            .usage = "RECIPE [--name NAME] [options]",
            .details =
                "RECIPE is the name of a built-in recipe (debian-12, debian-13, tiny, "
                "pv-appliance) or a YAML file (docs/recipes.md), which may have a name for the "
                "image. The files that it names are sent along. Stages that an earlier build has "
                "made are not run again; --dry-run shows which. ^C cancels the build and leaves "
                "nothing behind.",
            .example = "kiln build debian-12 --name golden-1",
            .options = build_options(),
            .run = run};
}

}  // namespace kiln::cli
