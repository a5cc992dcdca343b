#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "base/file.hpp"
#include "cli/commands/commands.hpp"
#include "cli/options/action_options.hpp"
#include "cli/output/field_path.hpp"
#include "cli/output/print.hpp"
#include "cli/service/service.hpp"
#include "cli/terminal/interrupts.hpp"
#include "cli/terminal/progress.hpp"
#include "cli/terminal/terminal.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {

namespace {

constexpr const char* build_image = "BuildImage";
constexpr const char* describe_builds = "DescribeImageBuilds";
constexpr const char* cancel_build = "CancelImageBuild";
constexpr std::chrono::milliseconds poll_interval{500};
constexpr std::chrono::milliseconds spinner_interval{100};

struct BuildStatus {
    std::string state;
    std::string step;
    int percent = 0;
    std::string message;
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
            .log = texts_at(reply.root(), shape, "Builds.Log")};
}

/// A bar on a terminal; elsewhere a line for each step.
class BuildProgress {
  public:
    void show(const BuildStatus& status) {
        progress_.show(progress_bar(status.percent) + " " + status.step);
        if (progress_.visible() || status.step == step_) return;
        step_ = status.step;
        say(fmt::format("{:3} % {}", status.percent, step_));
    }

  private:
    Progress progress_;
    std::string step_;
};

/// Returns when the build has ended, or ^C was pressed.
BuildStatus follow(Service& service, const std::string& image) {
    BuildProgress progress;
    while (true) {
        BuildStatus status = ask_status(service, image);
        if (status.state != "building" || was_interrupted()) return status;
        for (auto waited = poll_interval; waited.count() > 0 && !was_interrupted();
             waited -= spinner_interval) {
            progress.show(status);
            std::this_thread::sleep_for(spinner_interval);
        }
    }
}

int cancel(Service& service, const std::string& image) {
    say("Canceling the build…");
    service.call(cancel_build, {{"ImageId", image}});
    say("The build was canceled; nothing of it is left.");
    return exit_interrupted;
}

[[noreturn]] void report_failure(const std::string& image, const BuildStatus& status) {
    for (const std::string& line : status.log)
        say("  " + line);
    throw Error("BuildFailed", image,
                fmt::format("the build of {} {}{}", image,
                            status.state == "canceled" ? "was canceled" : "failed",
                            status.message.empty() ? "" : ": " + status.message));
}

/// A recipe's file is read here: the service may not see it, or another one of that name.
api::WirePairs recipe_pairs(const std::string& recipe) {
    const bool file = recipe.find('/') != std::string::npos || recipe.ends_with(".yaml") ||
                      recipe.ends_with(".yml") || std::filesystem::is_regular_file(recipe);
    if (!file) return {{"Recipe", recipe}};
    return {{"Recipe", recipe}, {"RecipeText", read_file(recipe, Bytes::mebibytes(1))}};
}

int run(const CommandLine& line, const std::vector<std::string>&) {
    if (line.arguments.size() != 1) refuse_usage("give one recipe: kiln build RECIPE --name NAME");
    const Format format = format_of(line);
    api::WirePairs request = recipe_pairs(line.arguments.front());
    CommandLine options = line;
    options.arguments.clear();
    const api::Action& action = action_named(build_image);
    std::ranges::move(request_pairs(action, options), std::back_inserter(request));

    Service service(line);
    service.require();
    catch_interrupts();  // ^C ends the build, not only this program
    const api::Reply reply = service.call(build_image, request);
    const std::string image = reply_text(build_image, reply, "ImageId");
    const BuildStatus status = follow(service, image);
    if (status.state == "building") return cancel(service, image);
    if (status.state != "available") report_failure(image, status);
    print_reply(action, reply, format);
    return exit_ok;
}

/// Those of the action, but for the recipe.
std::vector<Option> build_options() {
    std::vector<Option> options = options_of(action_named(build_image));
    std::erase_if(options, [](const Option& option) { return option.name.starts_with("recipe"); });
    options.push_back(output_option());
    return with_service_options(std::move(options));
}

}  // namespace

Command build_command() {
    return {.name = "build",
            .summary = "Build an image from a recipe",
            .usage = "RECIPE --name NAME [options]",
            .details =
                "RECIPE is the name of a built-in recipe (debian-12, tiny, pv-appliance) or a YAML "
                "file. ^C "
                "cancels the build and leaves nothing behind.",
            .example = "kiln build debian-12 --name golden-1",
            .options = build_options(),
            .run = run};
}

}  // namespace kiln::cli
