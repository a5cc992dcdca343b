#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "api/output/printable.hpp"
#include "builder/export/export_files.hpp"
#include "cli/commands/commands.hpp"
#include "cli/export/download.hpp"
#include "cli/output/field_path.hpp"
#include "cli/service/service.hpp"
#include "cli/terminal/interrupts.hpp"
#include "cli/terminal/task_progress.hpp"
#include "cli/terminal/terminal.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {

namespace {

namespace fs = std::filesystem;

constexpr const char* export_image = "ExportImage";
constexpr const char* get_ancestry = "GetImageAncestry";
constexpr const char* describe_tasks = "DescribeExportImageTasks";
constexpr std::chrono::milliseconds poll_interval{500};

/// By the names that people know, and those of the API.
struct FormatName {
    const char* name;
    const char* wire;
};
constexpr std::array<FormatName, 7> formats{{{"qcow2", "qcow2"},
                                             {"raw", "RAW"},
                                             {"vmdk", "VMDK"},
                                             {"vhd", "VHD"},
                                             {"vhdx", "vhdx"},
                                             {"ova", "ova"},
                                             {"vagrant-libvirt", "vagrant-libvirt"}}};

std::vector<std::string> format_names() {
    std::vector<std::string> names;
    names.reserve(formats.size());
    for (const FormatName& format : formats)
        names.emplace_back(format.name);
    return names;
}

std::string wire_format(const std::string& name) {
    const auto found = std::ranges::find(formats, name, &FormatName::name);
    if (found != formats.end()) return found->wire;
    refuse_usage(fmt::format("unknown format '{}'{}", name, did_you_mean(name, format_names())));
}

struct Wanted {
    std::string image;
    std::string format;  // the API's
    std::optional<std::string> base;
    std::optional<fs::path> output;
    bool overwrites = false;

    api::WirePairs pairs() const {
        api::WirePairs pairs{{"ImageId", image}, {"DiskImageFormat", format}};
        if (base) pairs.emplace_back("BaseImageId", *base);
        return pairs;
    }
    /// Where the file goes.
    fs::path file() const {
        if (output) return *output;
        return builder::export_file_name(ImageId(image), images::parse_disk_image_format(format));
    }
};

struct Task {
    std::string id;
    std::string image;
    std::string format;
    std::string base;
    std::string status;
    std::string message;
    int percent = 0;
    Bytes size;
    std::string sha256;

    bool is_for(const Wanted& wanted) const {
        const bool is_alive = status == "active" || status == "completed";
        return is_alive && format == wanted.format && base == wanted.base.value_or("") &&
               image == wanted.image;
    }
};

Task read_task(const api::Reply& reply, const char* action, const std::string& path) {
    const auto text = [&](const char* field) { return reply_text(action, reply, path + field); };
    const std::string size = text("FileSize");
    return {.id = text("ExportImageTaskId"),
            .image = text("ImageId"),
            .format = text("DiskImageFormat"),
            .base = text("BaseImageId"),
            .status = text("Status"),
            .message = text("StatusMessage"),
            .percent = std::atoi(text("Progress").c_str()),
            .size = {size.empty() ? 0 : std::stoull(size)},
            .sha256 = text("Sha256")};
}

Task ask_task(Service& service, const std::string& id) {
    return read_task(service.call(describe_tasks, {{"ExportImageTaskId.1", id}}), describe_tasks,
                     "ExportImageTasks.");
}

/// The one that an earlier run of this command has begun, if it is still there.
std::optional<Task> find_begun(Service& service, const Wanted& wanted) {
    const auto id = begun_task(wanted.file());
    if (!id) return std::nullopt;
    try {
        Task task = ask_task(service, *id);
        if (task.is_for(wanted)) return task;
    } catch (const Error& error) {
        if (!error.code().starts_with("InvalidExportTaskID")) throw;
    }
    return std::nullopt;
}

int stop_waiting(const Task& task) {
    say(
        fmt::format("The export goes on as {0}. Run the same command again to fetch it, or end it: "
                    "kiln cancel-export-task --export-task-id {0}",
                    task.id));
    return exit_interrupted;
}

/// Returns when the task has ended, or ^C was pressed.
Task follow(Service& service, const std::string& id) {
    TaskProgress progress;
    while (true) {
        Task task = ask_task(service, id);
        if (task.status != "active" || was_interrupted()) return task;
        progress.show_for(poll_interval, task.percent, task.message);
    }
}

void show_fetched(TaskProgress& progress, Bytes done, Bytes size) {
    const int percent = size.value == 0 ? 100 : static_cast<int>(100 * done.value / size.value);
    progress.show(percent, "fetching",
                  fmt::format("fetching, {} of {} MiB", done.in_mebibytes(), size.in_mebibytes()));
}

bool fetch_file(Service& service, const Task& task, const fs::path& file, bool overwrites) {
    TaskProgress progress;
    return fetch(
        {.file = file,
         .task = task.id,
         .size = task.size,
         .sha256 = task.sha256,
         .overwrites = overwrites,
         .has_holes = task.format == "RAW"},
        [&](std::uint64_t offset, std::uint64_t size) {
            return service.download_export(task.id, offset, size);
        },
        [&](Bytes done) { show_fetched(progress, done, task.size); },
        [] { return was_interrupted(); });
}

int stop_fetching(const Task& task, const fs::path& file) {
    say(
        fmt::format("{} of {} MiB are in '{}.part'. Run the same command again to go on; the "
                    "service keeps the file for a day.",
                    size_of_part(file).in_mebibytes(), task.size.in_mebibytes(), file.string()));
    return exit_interrupted;
}

void finish(Service& service, const Task& task, const fs::path& file) {
    try {
        service.call("DeleteExportedImage", {{"ExportImageTaskId", task.id}});
    } catch (const Error& error) {
        say(fmt::format("The service keeps its copy for a day: {}", error.message()));
    }
    if (!task.base.empty()) {
        say(fmt::format(
            "'{0}' holds what {1} has beyond {2}, and stands on '{2}.qcow2' beside it (kiln export "
            "{2} --format qcow2). Both in one: qemu-img convert -O qcow2 '{0}' whole.qcow2",
            file.string(), task.image, task.base));
    }
    print_result(file.string() + "\n");
}

Wanted wanted_of(const CommandLine& line) {
    if (line.arguments.size() != 1) refuse_usage("give one image: kiln export AMI --format FORMAT");
    const auto format = line.value("format");
    if (!format) {
        refuse_usage(fmt::format("give a format: --format {}", fmt::join(format_names(), "|")));
    }
    Wanted wanted{.image = line.arguments.front(),
                  .format = wire_format(*format),
                  .base = line.value("base"),
                  .overwrites = line.has("force")};
    if (const auto output = line.value("output")) {
        // Everywhere else the option says how the answer is printed.
        for (const char* word : {"json", "table", "text", "csv"}) {
            if (*output != word) continue;
            refuse_usage(fmt::format(
                "--output names the file here; './{0}' is one of the name '{0}'", *output));
        }
        wanted.output = *output;
    }
    return wanted;
}

std::string id_of(Service& service, const std::string& image) {
    // The first of the ancestry is the image itself.
    return reply_text(get_ancestry, service.call(get_ancestry, {{"ImageId", image}}),
                      "ImageAncestryEntries.ImageId");
}

int run(const CommandLine& line, const std::vector<std::string>&) {
    Wanted wanted = wanted_of(line);
    Service service(line);
    service.require();
    // What an alias stands for now: what is begun is of that image.
    wanted.image = id_of(service, wanted.image);
    if (wanted.base) wanted.base = id_of(service, *wanted.base);
    const fs::path file = wanted.file();
    if (!wanted.overwrites) check_no_file(file);
    check_directory(file);
    catch_interrupts();  // ^C ends the command between two pieces, so that it can say how to go on
    auto task = find_begun(service, wanted);
    if (!task) task = read_task(service.call(export_image, wanted.pairs()), export_image, "");
    begin_part(file, task->id);
    task = follow(service, task->id);
    if (task->status == "active") return stop_waiting(*task);
    if (task->status != "completed") {
        throw Error("ExportFailed", task->id,
                    fmt::format("the export of {} is {}: {}", task->image, task->status,
                                api::printable(task->message)));
    }
    if (!fetch_file(service, *task, file, wanted.overwrites)) return stop_fetching(*task, file);
    finish(service, *task, file);
    return exit_ok;
}

}  // namespace

Command export_command() {
    return {
        .name = "export",
        .summary = "Make a file of an image, for other programs, and fetch it",
        .usage = "AMI --format FORMAT [--output FILE] [options]",
        .details =
            "The file is AMI.FORMAT without --output; FILE.sha256 beside it has its checksum "
            "(sha256sum --check). What is interrupted goes on when the same command is run "
            "again. With --base it is a qcow2 file of what the image has beyond that one, "
            "which it names as BASE.qcow2 beside it. The format vagrant-libvirt is a box: of "
            "images that kiln builds, debian-12 and, without sudo, tiny.",
        .example = "kiln export ami-0123456789abcdef0 --format ova --output golden.ova",
        .options = with_service_options(
            {{.name = "format",
              .placeholder = "FORMAT",
              .help = "qcow2 (compressed), raw (with holes), vmdk (streamOptimized), vhd, vhdx, "
                      "ova or vagrant-libvirt",
              .required = true,
              .choices = format_names()},
             {.name = "output", .placeholder = "FILE", .help = "The file to write"},
             {.name = "base",
              .placeholder = "AMI",
              .help = "Of qcow2: leave out what this image has; best one that the other was "
                      "made of"},
             {.name = "force", .arity = Arity::none, .help = "Overwrite FILE if it is there"}}),
        .run = run};
}

}  // namespace kiln::cli
