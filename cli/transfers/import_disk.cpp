#include "cli/transfers/import_disk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.hpp"
#include "base/rollback.hpp"
#include "cli/terminal/interrupts.hpp"
#include "cli/terminal/progress.hpp"
#include "cli/terminal/task_progress.hpp"
#include "cli/terminal/terminal.hpp"
#include "cli/transfers/send_file.hpp"

namespace kiln::cli {

namespace {

// A small file is refused or imported at once; a large one takes minutes.
constexpr std::chrono::milliseconds first_pause{100};
constexpr std::chrono::milliseconds longest_pause{1000};
constexpr int whole = 100;
constexpr const char* active = "active";

/// The one disk of the request: its members and their values.
using Members = api::WirePairs;

/// nullopt after ^C.
std::optional<Members> members_of(Service& service, const DiskToImport& disk) {
    Members members;
    if (disk.format) members.emplace_back("Format", *disk.format);
    if (disk.sha256) members.emplace_back("Sha256", *disk.sha256);
    if (is_url(disk.source)) {
        members.emplace_back("Url", disk.source);
        return members;
    }
    Progress progress;
    const auto sent = send_file(service, disk.source, [&](std::uint64_t done, std::uint64_t size) {
        const auto percent = static_cast<int>(done * whole / size);
        progress.show(fmt::format("{} sending {}", progress_bar(percent), disk.source));
    });
    if (!sent) return std::nullopt;
    members.emplace_back("UploadId", sent->upload_id);
    // So that what was sent is what arrives; what the user says of it is compared with it.
    if (!disk.sha256) members.emplace_back("Sha256", sent->sha256);
    return members;
}

/// The id of the task. What was sent for it goes when it is refused.
std::string begin_import(Service& service, const ImportKind& kind, const DiskToImport& disk,
                         const Members& members) {
    Rollback undo;
    api::WirePairs request = disk.parameters;
    for (const auto& [member, value] : members) {
        request.emplace_back(kind.container + member, value);
        if (member == "UploadId")
            undo.add([&service, id = value] { service.call("DeleteUpload", {{"UploadId", id}}); });
    }
    std::string task = reply_text(kind.action, service.call(kind.action, request), "ImportTaskId");
    undo.commit();
    return task;
}

struct TaskStatus {
    std::string state;
    std::string message;
    int percent = 0;
};

TaskStatus ask_status(Service& service, const ImportKind& kind, const std::string& task) {
    const api::Reply reply = service.call(kind.describe, {{"ImportTaskId.1", task}});
    const auto text = [&](const std::string& field) {
        return reply_text(kind.describe, reply, kind.status + field);
    };
    return {.state = text("Status"),
            .message = text("StatusMessage"),
            .percent = std::atoi(text("Progress").c_str())};
}

/// Returns when the task has ended, or ^C was pressed.
TaskStatus follow(Service& service, const ImportKind& kind, const std::string& task) {
    TaskProgress progress;
    for (auto pause = first_pause;; pause = std::min(pause * 2, longest_pause)) {
        TaskStatus status = ask_status(service, kind, task);
        if (status.state != active || was_interrupted()) return status;
        progress.show_for(pause, status.percent, status.message);
    }
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

}  // namespace

bool is_url(const std::string& source) {
    return source.starts_with("http://") || source.starts_with("https://");
}

std::optional<EndOfImport> import_disk(Service& service, const ImportKind& kind,
                                       const DiskToImport& disk) {
    const auto members = members_of(service, disk);
    if (!members) return std::nullopt;
    const std::string task = begin_import(service, kind, disk, *members);
    TaskStatus status = follow(service, kind, task);
    if (status.state == active) {
        if (cancel(service, task)) return std::nullopt;
        status = ask_status(service, kind, task);
    }
    if (status.state != "completed")
        throw Error("ImportFailed", task, fmt::format("{} failed: {}", task, status.message));
    return EndOfImport{.task = task, .message = status.message};
}

}  // namespace kiln::cli
