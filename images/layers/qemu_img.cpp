#include "images/layers/qemu_img.hpp"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "base/rollback.hpp"
#include "base/text.hpp"
#include "images/layers/qcow2_header.hpp"

namespace kiln::images::qemu_img {

namespace {

using Json = nlohmann::ordered_json;
using Arguments = std::vector<std::string>;

constexpr std::chrono::seconds quick_limit{60};
// The tables of terabytes on a slow disk.
constexpr std::chrono::minutes look_limit{10};
constexpr std::chrono::hours long_limit{6};  // a slow disk and an image of terabytes

// 128 KiB clusters with subclusters of 4 KiB: a guest's small write into an overlay copies nothing.
constexpr const char* layer_options = "cluster_size=128k,extended_l2=on";
// The passphrase is random: deriving a key from it slowly protects nothing, and would be paid for
// each layer of a chain at every start. With QEMU's least, in milliseconds, a layer opens in 14 ms.
constexpr const char* encryption_options = "encrypt.format=luks,encrypt.iter-time=10";
// How quick the processor is QEMU measures by processor time, which now and then reads zero.
constexpr const char* measurement_failure = "Unable to get accurate CPU usage";
constexpr int max_measurements = 10;
// The longest chain that is looked at; names of backing files could lead in a circle.
constexpr std::size_t longest_chain = 200;

/// A key by the name that one qemu-img knows it by.
struct NamedKey {
    std::string name;
    LayerKey key;
};
constexpr const char* key_name = "key";
constexpr const char* target_key_name = "target";

struct Run {
    Arguments arguments;
    std::chrono::milliseconds time_limit;
    std::stop_token stop = {};
    std::filesystem::path working_directory = {};
    std::vector<NamedKey> keys = {};
    std::function<void(std::string_view line)> on_line = {};
};

Command command_of(Run run) {
    Command command{.arguments = {"qemu-img", run.arguments.at(0)},
                    .time_limit = run.time_limit,
                    .working_directory = std::move(run.working_directory),
                    .on_line = std::move(run.on_line),
                    .stop = std::move(run.stop),
                    .ends_with_caller = true};
    for (NamedKey& named : run.keys) {
        const std::string file = secret_file(command.secrets.size());
        command.arguments.insert(
            command.arguments.end(),
            {"--object", fmt::format("secret,id={},file={}", named.name, file)});
        command.secrets.push_back(std::move(named.key.passphrase));
    }
    command.arguments.insert(command.arguments.end(), run.arguments.begin() + 1,
                             run.arguments.end());
    return command;
}

std::string run(Run run) {
    return run_checked(command_of(std::move(run)));
}

std::vector<NamedKey> named(const std::optional<LayerKey>& key) {
    if (!key) return {};
    return {{.name = key_name, .key = *key}};
}

/// qemu-img reads "a:b" as protocol a and "a,b" in options: an absolute path has neither meaning
/// before its first slash.
std::string path_argument(const std::filesystem::path& path) {
    return std::filesystem::absolute(path).lexically_normal().string();
}

/// Named without its directory, so that a pool may be moved and its files may stand in another.
std::string backing_argument(const std::filesystem::path& backing) {
    return backing.filename().string();
}

/// The file and all that it stands on, as their headers say.
std::vector<std::filesystem::path> chain_of(const std::filesystem::path& top) {
    std::vector<std::filesystem::path> chain{top};
    while (const auto backing = backing_file_of(chain.back())) {
        if (chain.size() == longest_chain) {
            throw Error(
                error_code::internal_error, top.string(),
                fmt::format("'{}' stands on more than {} files", top.string(), longest_chain));
        }
        chain.push_back(chain.back().parent_path() / *backing);
    }
    return chain;
}

/// What QEMU must be told besides the names in the headers: by which key each file is opened.
Json key_options(const std::filesystem::path& top, const std::string& key) {
    const auto chain = chain_of(top);
    Json options = Json::object();
    for (auto file = chain.rbegin(); file != chain.rend(); ++file) {
        Json own = Json::object();
        if (is_encrypted(*file)) own["encrypt.key-secret"] = key;
        if (!options.empty()) own["backing"] = std::move(options);
        options = std::move(own);
    }
    return options;
}

/// The file with all that it stands on, for QEMU, which knows the file by `filename` and the key by
/// the name `key`.
std::string description(const std::filesystem::path& file, const std::string& filename,
                        const std::string& key) {
    Json json{{"driver", "qcow2"}, {"file", {{"driver", "file"}, {"filename", filename}}}};
    json.update(key_options(file, key));
    return "json:" + json.dump();
}

/// The arguments that have a file opened, with all that it stands on.
Arguments opened(const std::filesystem::path& file, const std::optional<LayerKey>& key) {
    if (!key) return {"-f", "qcow2", path_argument(file)};
    return {description(file, path_argument(file), key_name)};
}

void append(Arguments& arguments, const Arguments& more) {
    arguments.insert(arguments.end(), more.begin(), more.end());
}

/// QEMU resolves no relative name for a file that is opened by a description, so that the backing
/// file is described as well, by its bare name: the header has room for 1023 characters.
Arguments backing_arguments(const std::optional<std::filesystem::path>& backing,
                            const std::optional<LayerKey>& key) {
    if (!backing) return {"-b", ""};
    const std::string name = backing_argument(*backing);
    return {"-F", "qcow2", "-b", key ? description(*backing, name, key_name) : name};
}

/// In an archive too a file begins and ends with a whole sector.
constexpr std::uint64_t sector = 512;

/// What must not be looked up: QEMU opens what it is told here, and nothing else. A disk may be a
/// part of a file, which QEMU's raw driver cuts out of it.
std::string description(const ForeignDisk& disk) {
    Json file{{"driver", "file"}, {"filename", path_argument(disk.file)}};
    if (disk.offset.value != 0) {
        const std::uint64_t sectors = (disk.length.value + sector - 1) / sector;
        file = Json{{"driver", "raw"},
                    {"offset", disk.offset.value},
                    {"size", sectors * sector},
                    {"file", std::move(file)}};
    }
    Json whole{{"driver", disk.format}, {"file", std::move(file)}};
    if (disk.format == "qcow2") whole["backing"] = nullptr;
    return "json:" + whole.dump();
}

/// A program that was ended by its limits says nothing of the disk.
ProcessResult run_confined(const ForeignDisk& disk, Command command) {
    command.stop = disk.stop;
    try {
        return run_process(confined(std::move(command), disk.confinement));
    } catch (const Error& error) {
        if (error.code() != error_code::internal_error) throw;
        log::warn("reading a foreign disk: {}", error.message());
        throw Error(
            invalid_disk, "",
            fmt::format("the {} disk could not be read within the limits that foreign disks "
                        "have: convert it to a plain one where it comes from "
                        "(qemu-img convert -O qcow2 FILE NEW)",
                        disk.format));
    }
}

Error unreadable(const ForeignDisk& disk, const ProcessResult& result) {
    // What it said holds the description, of which the user knows nothing.
    std::string words = result.standard_error;
    const std::string told = description(disk);
    for (std::size_t at = words.find(told); at != std::string::npos; at = words.find(told))
        words.replace(at, told.size(), "the disk");
    return {invalid_disk, "",
            fmt::format("the {} disk cannot be read: {}", disk.format,
                        on_one_line(std::string(trim(words))))};
}

std::string ask(const ForeignDisk& disk, Arguments arguments) {
    arguments.push_back(description(disk));
    const ProcessResult result =
        run_confined(disk, {.arguments = std::move(arguments), .time_limit = look_limit});
    if (result.exit_status != 0) throw unreadable(disk, result);
    return result.standard_output;
}

Bytes number_of(const std::string& json, const char* name) {
    const auto document = nlohmann::json::parse(json, nullptr, false);
    if (!document.is_object() || !document.contains(name) || !document[name].is_number_unsigned()) {
        throw Error(error_code::internal_error, "",
                    fmt::format("qemu-img does not tell '{}'", name));
    }
    return {document[name].get<std::uint64_t>()};
}

/// What qemu-img says with -p: "    (12.50/100%)". The whole is `share` percent of more, of which
/// `before` are done.
std::function<void(std::string_view)> percent_reader(const PercentCallback& on_percent, int before,
                                                     int share) {
    return [on_percent, before, share](std::string_view line) {
        const std::size_t begin = line.find('(');
        if (!on_percent || begin == std::string_view::npos) return;
        int percent = 0;
        const auto read =
            std::from_chars(line.data() + begin + 1, line.data() + line.size(), percent);
        constexpr int whole = 100;
        if (read.ec == std::errc() && percent >= 0 && percent <= whole)
            on_percent(before + percent * share / whole);
    };
}

Arguments format_arguments(ExportFormat format) {
    switch (format) {
        case ExportFormat::qcow2:
            return {"-c", "-O", "qcow2", "-o", "compat=1.1,compression_type=zlib"};
        case ExportFormat::qcow2_to_work_on:
            return {"-O", "qcow2", "-o", "compat=1.1"};
        case ExportFormat::raw:
            return {"-O", "raw"};
        case ExportFormat::vmdk:
            return {"-O", "vmdk", "-o", "subformat=streamOptimized,adapter_type=lsilogic"};
        case ExportFormat::vhd:
            return {"-O", "vpc", "-o", "subformat=dynamic,force_size=on"};
        case ExportFormat::vhdx:
            return {"-O", "vhdx", "-o", "subformat=dynamic"};
    }
    std::abort();
}

}  // namespace

Bytes measure(const ForeignDisk& disk) {
    return number_of(
        ask(disk, {"qemu-img", "measure", "--output", "json", "-O", "qcow2", "-o", layer_options}),
        "required");
}

void check(const ForeignDisk& disk) {
    constexpr int leaked_clusters_only = 3;
    constexpr int format_has_no_check = 63;
    const ProcessResult result = run_confined(
        disk,
        {.arguments = {"qemu-img", "check", "-q", description(disk)}, .time_limit = look_limit});
    const int status = result.exit_status;
    if (status == 0 || status == leaked_clusters_only || status == format_has_no_check) return;
    throw unreadable(disk, result);
}

Bytes virtual_size(const ForeignDisk& disk) {
    return number_of(ask(disk, {"qemu-img", "info", "--output", "json"}), "virtual-size");
}

void import(const ForeignDisk& disk, const std::filesystem::path& to,
            const std::function<void(int percent)>& on_percent) {
    // "    (12.34/100%)", each on the line of the one before.
    const auto on_line = [&](std::string_view line) {
        const std::size_t begin = line.rfind('(');
        int percent = 0;
        if (begin == std::string_view::npos) return;
        const char* digits = line.data() + begin + 1;
        if (std::from_chars(digits, line.data() + line.size(), percent).ec == std::errc())
            on_percent(percent);
    };
    const Json target{{"driver", "qcow2"},
                      {"file", {{"driver", "file"}, {"filename", path_argument(to)}}}};
    const ProcessResult result = run_confined(
        disk,
        {.arguments = {"qemu-img", "convert", "-p", "-n", "--target-is-zero", "-t", "writeback",
                       "-O", "qcow2", description(disk), "json:" + target.dump()},
         .time_limit = long_limit,
         .on_line = on_line});
    if (result.exit_status != 0) throw unreadable(disk, result);
    sync_file(to);
}

void create(const NewImage& image) {
    Arguments arguments{"create", "-q", "-f", "qcow2", "-o", layer_options};
    if (image.backing) append(arguments, backing_arguments(image.backing, std::nullopt));
    append(arguments, {path_argument(image.path), std::to_string(image.size.value)});
    run({.arguments = std::move(arguments), .time_limit = quick_limit});
}

void create_blank(const std::filesystem::path& path, const LayerKey& key) {
    const Run creation{.arguments = {"create", "-q", "-f", "qcow2", "-o",
                                     fmt::format("{},{},encrypt.key-secret={}", layer_options,
                                                 encryption_options, key_name),
                                     path_argument(path), "0"},
                       .time_limit = quick_limit,
                       .keys = named(key)};
    for (int attempt = 1;; ++attempt) {
        try {
            run(creation);
            return;
        } catch (const Error& error) {
            const bool may_pass = error.message().find(measurement_failure) != std::string::npos;
            if (!may_pass || attempt == max_measurements) throw;
            log::debug("{}; trying again", error.message());
        }
    }
}

void shape_blank(const NewImage& image, const LayerKey& key) {
    grow(image.path, image.size, key);
    if (!image.backing) return;
    Arguments arguments{
        "rebase", "-q", "-u", "-F", "qcow2", "-b", backing_argument(*image.backing)};
    append(arguments, opened(image.path, key));
    run({.arguments = std::move(arguments), .time_limit = quick_limit, .keys = named(key)});
}

void grow(const std::filesystem::path& path, Bytes size, const std::optional<LayerKey>& key) {
    Arguments arguments{"resize", "-q"};
    append(arguments, opened(path, key));
    arguments.push_back(std::to_string(size.value));
    run({.arguments = std::move(arguments), .time_limit = quick_limit, .keys = named(key)});
}

void rebase(const std::filesystem::path& path, const std::optional<std::filesystem::path>& backing,
            std::stop_token stop, const std::optional<LayerKey>& key) {
    Arguments arguments{"rebase", "-q", "-t", "writeback"};
    append(arguments, backing_arguments(backing, key));
    append(arguments, opened(path, key));
    run({.arguments = std::move(arguments),
         .time_limit = long_limit,
         .stop = std::move(stop),
         .working_directory = path.parent_path(),
         .keys = named(key)});
    if (key) make_backing_file_relative(path);
}

void convert_raw(const std::filesystem::path& from, const std::filesystem::path& to,
                 std::stop_token stop) {
    // qemu-img's own default is not to write back at all before it ends.
    run({.arguments = {"convert", "-q", "-f", "raw", "-O", "qcow2", "-t", "writeback", "-o",
                       layer_options, path_argument(from), path_argument(to)},
         .time_limit = long_limit,
         .stop = std::move(stop)});
    sync_file(to);
}

void encrypt(const Encryption& encryption, std::stop_token stop) {
    Arguments arguments{"convert", "-q",        "-n", "--target-is-zero",
                        "-t",      "writeback", "-O", "qcow2"};
    append(arguments, opened(encryption.from, encryption.from_key));
    arguments.push_back(description(encryption.to, path_argument(encryption.to), target_key_name));
    std::vector<NamedKey> keys = named(encryption.from_key);
    keys.push_back({.name = target_key_name, .key = encryption.to_key});
    run({.arguments = std::move(arguments),
         .time_limit = long_limit,
         .stop = std::move(stop),
         .keys = std::move(keys)});
    sync_file(encryption.to);
}

void flatten(const std::filesystem::path& from, const std::filesystem::path& to,
             std::stop_token stop) {
    run({.arguments = {"convert", "-q", "-f", "qcow2", "-O", "qcow2", "-t", "writeback", "-o",
                       layer_options, path_argument(from), path_argument(to)},
         .time_limit = long_limit,
         .stop = std::move(stop)});
    sync_file(to);
}

void convert_to_raw(const std::filesystem::path& from, const std::filesystem::path& to,
                    std::stop_token stop) {
    run({.arguments = {"convert", "-q", "-f", "qcow2", "-O", "raw", "-t", "writeback",
                       path_argument(from), path_argument(to)},
         .time_limit = long_limit,
         .stop = std::move(stop)});
}

void export_disk(const Export& wanted, const PercentCallback& on_percent, std::stop_token stop) {
    constexpr int whole = 100;
    Arguments arguments{"convert", "-p", "-f", "qcow2", "-t", "writeback"};
    append(arguments, format_arguments(wanted.format));
    append(arguments, {path_argument(wanted.from), path_argument(wanted.to)});
    run({.arguments = std::move(arguments),
         .time_limit = long_limit,
         .stop = std::move(stop),
         .on_line = percent_reader(on_percent, 0, whole)});
    sync_file(wanted.to);
}

void create_scratch(const std::filesystem::path& path, const std::filesystem::path& backing) {
    run({.arguments = {"create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", path_argument(backing),
                       path_argument(path)},
         .time_limit = quick_limit});
}

/// Convert can leave out what the direct backing file of its input has, and nothing further down:
/// so a file is made first that stands on the base and has all that is different.
void export_delta(const Delta& delta, const PercentCallback& on_percent, std::stop_token stop) {
    constexpr int comparing = 50;
    const std::filesystem::path overlay = delta.to.string() + ".overlay";
    Rollback scratch;
    scratch.add([&] { remove_file(overlay); });
    create_scratch(overlay, delta.from);
    const std::string base = path_argument(delta.base);
    run({.arguments = {"rebase", "-p", "-t", "writeback", "-f", "qcow2", "-F", "qcow2", "-b", base,
                       path_argument(overlay)},
         .time_limit = long_limit,
         .stop = stop,
         .on_line = percent_reader(on_percent, 0, comparing)});
    Arguments arguments{"convert", "-p", "-f", "qcow2", "-t", "writeback"};
    append(arguments, format_arguments(ExportFormat::qcow2));
    append(arguments, {"-F", "qcow2", "-B", base, path_argument(overlay), path_argument(delta.to)});
    run({.arguments = std::move(arguments),
         .time_limit = long_limit,
         .stop = std::move(stop),
         .on_line = percent_reader(on_percent, comparing, comparing)});
    run({.arguments = {"rebase", "-q", "-u", "-f", "qcow2", "-F", "qcow2", "-b", delta.base_name,
                       path_argument(delta.to)},
         .time_limit = quick_limit});
    sync_file(delta.to);
}

void check(const std::filesystem::path& path, const std::optional<LayerKey>& key) {
    constexpr int leaked_clusters_only = 3;
    Arguments arguments{"check", "-q"};
    append(arguments, opened(path, key));
    const ProcessResult result = run_process(command_of(
        {.arguments = std::move(arguments), .time_limit = long_limit, .keys = named(key)}));
    if (result.exit_status == 0 || result.exit_status == leaked_clusters_only) return;
    throw Error(
        error_code::internal_error, path.string(),
        fmt::format("the image file '{}' is damaged: {}", path.string(), result.standard_error));
}

Bytes virtual_size(const std::filesystem::path& path) {
    const std::string output =
        run({.arguments = {"info", "-U", "-f", "qcow2", "--output=json", path_argument(path)},
             .time_limit = quick_limit});
    const auto description = nlohmann::json::parse(output, nullptr, false);
    if (!description.is_object() || !description["virtual-size"].is_number_unsigned()) {
        throw Error(error_code::internal_error, path.string(),
                    fmt::format("qemu-img does not say how large '{}' is", path.string()));
    }
    return {description["virtual-size"].get<std::uint64_t>()};
}

}  // namespace kiln::images::qemu_img
