#include <fmt/format.h>

#include <algorithm>

#include "base/sha256.hpp"
#include "builder/import/gate/gate.hpp"
#include "cli/commands/commands.hpp"
#include "cli/options/action_options.hpp"
#include "cli/output/print.hpp"
#include "cli/service/service.hpp"
#include "cli/terminal/interrupts.hpp"
#include "cli/terminal/terminal.hpp"
#include "cli/transfers/import_disk.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {

namespace {

constexpr const char* snapshot_option = "snapshot";
constexpr const char* format_option = "format";
constexpr const char* sha256_option = "sha256";

/// What is wrong with the disk's options.
void check_disk_options(const CommandLine& line) {
    const auto format = line.value(format_option);
    if (format && !builder::gate::parse_disk_format(*format)) {
        refuse_usage(
            fmt::format("--format takes raw, qcow2, vmdk, vhd, vhdx or ova, not '{}'", *format));
    }
    const auto sha256 = line.value(sha256_option);
    if (sha256 && !is_sha256_hex(*sha256)) refuse_usage("--sha256 takes 64 digits of 0-9 and a-f");
}

/// The action's parameters that are options here: the disk is what the command is about.
api::Action action_without_disk(const ImportKind& kind) {
    api::Action action = action_named(kind.action);
    std::erase_if(action.parameters, [](const api::Parameter& parameter) {
        // To be told what would come of it, all would have to be sent.
        return parameter.wire == "DiskContainer" || parameter.wire == "DryRun";
    });
    return action;
}

api::WirePairs parameters_of(const ImportKind& kind, const CommandLine& line) {
    CommandLine options = line;
    options.arguments.clear();
    if (kind.action == import_snapshot_kind.action) {
        for (const char* of_image :
             {"name", "architecture", "boot-mode", "platform", "login-user"}) {
            if (line.has(of_image))
                refuse_usage(fmt::format("--{} is of an image, not of a snapshot", of_image));
        }
    }
    return request_pairs(action_without_disk(kind), options);
}

int run(const CommandLine& line, const std::vector<std::string>&) {
    if (line.arguments.size() != 1) refuse_usage("give one file or URL: kiln import FILE|URL");
    const ImportKind& kind = line.has(snapshot_option) ? import_snapshot_kind : import_image_kind;
    // What is wrong with the options is told before anything is sent.
    check_disk_options(line);
    const DiskToImport disk{.source = line.arguments.front(),
                            .format = line.value(format_option),
                            .sha256 = line.value(sha256_option),
                            .parameters = parameters_of(kind, line)};
    const Format format = format_of(line);
    Service service(line);
    service.require();
    catch_interrupts();  // ^C ends the import, not only this program
    const auto end = import_disk(service, kind, disk);
    if (!end) {
        say("The import was canceled; nothing of it is left.");
        return exit_interrupted;
    }
    if (!end->message.empty()) say(end->message);
    print_reply(action_named(kind.describe),
                service.call(kind.describe, {{"ImportTaskId.1", end->task}}), format);
    return exit_ok;
}

std::vector<Option> import_options() {
    std::vector<Option> options{{.name = format_option,
                                 .placeholder = "FORMAT",
                                 .help = "What the file is; without it what its header says",
                                 .choices = {"raw", "qcow2", "vmdk", "vhd", "vhdx", "ova"}},
                                {.name = sha256_option,
                                 .placeholder = "DIGITS",
                                 .help = "What the file's SHA-256 must be, in hexadecimal digits"},
                                {.name = snapshot_option,
                                 .arity = Arity::none,
                                 .help = "Make a snapshot of the disk, and no image"}};
    std::ranges::move(options_of(action_without_disk(import_image_kind)),
                      std::back_inserter(options));
    options.push_back(output_option());
    return with_service_options(std::move(options));
}

}  // namespace

Command import_command() {
    return {
        .name = "import",
        .summary = "Make an image of a disk that was made elsewhere",
        .usage = "FILE|URL [options]",
        .details =
            "The disk is raw, qcow2, VMDK, VHD, VHDX or an OVA. It is looked at before anything "
            "else reads it, checked and copied within limits, so that no foreign file reaches "
            "an image; the system on it tells architecture, boot mode and platform. ^C cancels "
            "the import and leaves nothing behind.",
        .example = "kiln import debian.vmdk --name imported-1",
        .options = import_options(),
        .run = run};
}

}  // namespace kiln::cli
