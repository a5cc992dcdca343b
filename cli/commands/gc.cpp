#include <fmt/format.h>

#include <string>

#include "base/units.hpp"
#include "cli/commands/commands.hpp"
#include "cli/output/print.hpp"
#include "cli/service/service.hpp"
#include "cli/terminal/terminal.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {

namespace {

constexpr const char* collect_garbage = "CollectGarbage";

std::string readable(Bytes size) {
    return size < Bytes::mebibytes(1) ? fmt::format("{} KiB", size.value >> 10U)
                                      : fmt::format("{} MiB", size.in_mebibytes());
}

int run(const CommandLine& line, const std::vector<std::string>&) {
    if (!line.arguments.empty()) {
        refuse_usage(fmt::format("unexpected argument '{}'", line.arguments.front()));
    }
    const Format format = format_of(line);
    const bool dry_run = line.has("dry-run");
    Service service(line);
    const api::Reply reply = service.call(
        collect_garbage, dry_run ? api::WirePairs{{"DryRun", "true"}} : api::WirePairs{});
    print_reply(action_named(collect_garbage), reply, format);
    const Bytes freed{std::stoull(reply_text(collect_garbage, reply, "FreedSize"))};
    say(fmt::format("{} {}", readable(freed), dry_run ? "would be freed at most" : "are freed"));
    return exit_ok;
}

}  // namespace

Command gc_command() {
    return {.name = "gc",
            .summary = "Free the space of layers that are not needed any more, and merge others",
            .usage = "[options]",
            .details =
                "A layer that no volume, snapshot or operation needs is removed. A frozen "
                "layer that only one other needs is merged into it, unless something in use "
                "reads through that one: stop the instance, or collect again later. Sizes "
                "are bytes. It is the action CollectGarbage, and for administrators.",
            .example = "kiln gc --dry-run",
            .options = with_service_options(
                {{.name = "dry-run",
                  .arity = Arity::none,
                  .help = "Only explain: show what would become of each layer and why, and "
                          "change nothing"},
                 output_option()}),
            .run = run};
}

}  // namespace kiln::cli
