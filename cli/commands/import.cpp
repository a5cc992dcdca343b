#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "base/rollback.hpp"
#include "base/sha256.hpp"
#include "builder/import/gate/gate.hpp"
#include "cli/commands/commands.hpp"
#include "cli/options/action_options.hpp"
#include "cli/output/field_path.hpp"
#include "cli/output/print.hpp"
#include "cli/service/service.hpp"
#include "cli/terminal/interrupts.hpp"
#include "cli/terminal/progress.hpp"
#include "cli/terminal/terminal.hpp"
#include "cli/transfers/send_file.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {

namespace {

/// What is made of a file: an image, or a snapshot alone.
struct Kind {
    const char* action;
    const char* container;  // the disk, in the request
    const char* describe;
    const char* status;  // where its answer has Status, Progress and StatusMessage
};
constexpr Kind image_kind{.action = "ImportImage",
                          .container = "DiskContainer.1.",
                          .describe = "DescribeImportImageTasks",
                          .status = "ImportImageTasks."};
constexpr Kind snapshot_kind{.action = "ImportSnapshot",
                             .container = "DiskContainer.",
                             .describe = "DescribeImportSnapshotTasks",
                             .status = "ImportSnapshotTasks.SnapshotTaskDetail."};
constexpr const char* snapshot_option = "snapshot";
constexpr const char* format_option = "format";
constexpr const char* sha256_option = "sha256";
constexpr std::chrono::milliseconds spinner_interval{100};
// A small file is refused or imported at once; a large one takes minutes.
constexpr std::chrono::milliseconds first_pause{100};
constexpr std::chrono::milliseconds longest_pause{1000};
constexpr int whole = 100;

bool is_url(const std::string& text) {
    return text.starts_with("http://") || text.starts_with("https://");
}

/// The one disk of the request: its members and their values.
using Disk = api::WirePairs;

void add(Disk& disk, const CommandLine& line, const std::string& option, const char* member) {
    if (const auto value = line.value(option)) disk.emplace_back(member, *value);
}

/// nullopt after ^C.
std::optional<Disk> disk_of(Service& service, const CommandLine& line) {
    const std::string& source = line.arguments.front();
    Disk disk;
    add(disk, line, format_option, "Format");
    add(disk, line, sha256_option, "Sha256");
    if (is_url(source)) {
        disk.emplace_back("Url", source);
        return disk;
    }
    Progress progress;
    const auto sent = send_file(service, source, [&](std::uint64_t done, std::uint64_t size) {
        const auto percent = static_cast<int>(done * whole / size);
        progress.show(fmt::format("{} sending {}", progress_bar(percent), source));
    });
    if (!sent) return std::nullopt;
    disk.emplace_back("UploadId", sent->upload_id);
    // So that what was sent is what arrives; what the user says of it is compared with it.
    if (!line.value(sha256_option)) disk.emplace_back("Sha256", sent->sha256);
    return disk;
}

struct TaskStatus {
    std::string state;
    std::string message;
    int percent = 0;
};

TaskStatus ask_status(Service& service, const Kind& kind, const std::string& task) {
    const api::Reply reply = service.call(kind.describe, {{"ImportTaskId.1", task}});
    const auto text = [&](const std::string& field) {
        return reply_text(kind.describe, reply, kind.status + field);
    };
    return {.state = text("Status"),
            .message = text("StatusMessage"),
            .percent = std::atoi(text("Progress").c_str())};
}

/// Returns when the task has ended, or ^C was pressed.
TaskStatus follow(Service& service, const Kind& kind, const std::string& task) {
    Progress progress;
    std::string told;
    for (auto pause = first_pause;; pause = std::min(pause * 2, longest_pause)) {
        TaskStatus status = ask_status(service, kind, task);
        if (status.state != "active" || was_interrupted()) return status;
        if (!progress.visible() && status.message != told) {
            told = status.message;
            say(fmt::format("{:3} % {}", status.percent, told));
        }
        for (auto waited = pause; waited.count() > 0 && !was_interrupted();
             waited -= spinner_interval) {
            progress.show(progress_bar(status.percent) + " " + status.message);
            std::this_thread::sleep_for(spinner_interval);
        }
    }
}

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
api::Action action_without_disk(const Kind& kind) {
    api::Action action = action_named(kind.action);
    std::erase_if(action.parameters, [](const api::Parameter& parameter) {
        // To be told what would come of it, all would have to be sent.
        return parameter.wire == "DiskContainer" || parameter.wire == "DryRun";
    });
    return action;
}

api::WirePairs request_of(const Kind& kind, const CommandLine& line, const Disk& disk) {
    CommandLine options = line;
    options.arguments.clear();
    const api::Action action = action_without_disk(kind);
    if (kind.action == snapshot_kind.action) {
        for (const char* of_image :
             {"name", "architecture", "boot-mode", "platform", "login-user"}) {
            if (line.has(of_image))
                refuse_usage(fmt::format("--{} is of an image, not of a snapshot", of_image));
        }
    }
    api::WirePairs pairs = request_pairs(action, options);
    for (const auto& [member, value] : disk)
        pairs.emplace_back(kind.container + member, value);
    return pairs;
}

/// The answer to the request. What was sent for it goes when it is refused.
api::Reply begin_import(Service& service, const Kind& kind, const CommandLine& line,
                        const Disk& disk) {
    Rollback undo;
    for (const auto& [member, value] : disk) {
        if (member == "UploadId")
            undo.add([&service, id = value] { service.call("DeleteUpload", {{"UploadId", id}}); });
    }
    api::Reply reply = service.call(kind.action, request_of(kind, line, disk));
    undo.commit();
    return reply;
}

/// false: it has ended before.
bool cancel(Service& service, const std::string& task) {
    try {
        service.call("CancelImportTask", {{"ImportTaskId", task}});
        return true;
    } catch (const Error& error) {
        if (error.code() != "IncorrectState") throw;
        return false;
    }
}

int end_interrupted() {
    say("The import was canceled; nothing of it is left.");
    return exit_interrupted;
}

int run(const CommandLine& line, const std::vector<std::string>&) {
    if (line.arguments.size() != 1) refuse_usage("give one file or URL: kiln import FILE|URL");
    const Kind& kind = line.has(snapshot_option) ? snapshot_kind : image_kind;
    // What is wrong with the options is told before anything is sent.
    check_disk_options(line);
    request_of(kind, line, {});
    const Format format = format_of(line);
    Service service(line);
    service.require();
    catch_interrupts();  // ^C ends the import, not only this program
    const auto disk = disk_of(service, line);
    if (!disk) return end_interrupted();
    const api::Reply reply = begin_import(service, kind, line, *disk);
    const std::string task = reply_text(kind.action, reply, "ImportTaskId");
    TaskStatus status = follow(service, kind, task);
    if (status.state == "active") {
        if (cancel(service, task)) return end_interrupted();
        status = ask_status(service, kind, task);
    }
    if (status.state != "completed")
        throw Error("ImportFailed", task, fmt::format("{} failed: {}", task, status.message));
    if (!status.message.empty()) say(status.message);
    print_reply(action_named(kind.describe),
                service.call(kind.describe, {{"ImportTaskId.1", task}}), format);
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
    std::ranges::move(options_of(action_without_disk(image_kind)), std::back_inserter(options));
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
