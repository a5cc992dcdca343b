#include "images/layers/qemu_img.hpp"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"

namespace kiln::images::qemu_img {

namespace {

constexpr std::chrono::seconds quick_limit{60};
constexpr std::chrono::hours long_limit{6};  // a slow disk and an image of terabytes

// 128 KiB clusters with subclusters of 4 KiB: a guest's small write into an overlay copies nothing.
constexpr const char* layer_options = "cluster_size=128k,extended_l2=on";

std::string run(std::vector<std::string> arguments, std::chrono::milliseconds time_limit,
                std::stop_token stop = {}) {
    arguments.insert(arguments.begin(), "qemu-img");
    return run_checked(
        {.arguments = std::move(arguments), .time_limit = time_limit, .stop = std::move(stop)});
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

}  // namespace

void create(const NewImage& image) {
    std::vector<std::string> arguments{"create", "-q", "-f", "qcow2", "-o", layer_options};
    if (image.backing) {
        arguments.insert(arguments.end(), {"-F", "qcow2", "-b", backing_argument(*image.backing)});
    }
    arguments.insert(arguments.end(),
                     {path_argument(image.path), std::to_string(image.size.value)});
    run(std::move(arguments), quick_limit);
}

void grow(const std::filesystem::path& path, Bytes size) {
    run({"resize", "-q", "-f", "qcow2", path_argument(path), std::to_string(size.value)},
        quick_limit);
}

void rebase(const std::filesystem::path& path, const std::optional<std::filesystem::path>& backing,
            std::stop_token stop) {
    std::vector<std::string> arguments{"rebase", "-q", "-f", "qcow2", "-t", "writeback"};
    if (backing) {
        arguments.insert(arguments.end(), {"-F", "qcow2", "-b", backing_argument(*backing)});
    } else {
        arguments.insert(arguments.end(), {"-b", ""});
    }
    arguments.push_back(path_argument(path));
    run(std::move(arguments), long_limit, std::move(stop));
}

void convert_raw(const std::filesystem::path& from, const std::filesystem::path& to,
                 std::stop_token stop) {
    // qemu-img's own default is not to write back at all before it ends.
    run({"convert", "-q", "-f", "raw", "-O", "qcow2", "-t", "writeback", "-o", layer_options,
         path_argument(from), path_argument(to)},
        long_limit, std::move(stop));
    sync_file(to);
}

void convert_to_raw(const std::filesystem::path& from, const std::filesystem::path& to,
                    std::stop_token stop) {
    run({"convert", "-q", "-f", "qcow2", "-O", "raw", "-t", "writeback", path_argument(from),
         path_argument(to)},
        long_limit, std::move(stop));
}

void check(const std::filesystem::path& path) {
    constexpr int leaked_clusters_only = 3;
    const ProcessResult result =
        run_process({.arguments = {"qemu-img", "check", "-q", "-f", "qcow2", path_argument(path)},
                     .time_limit = long_limit});
    if (result.exit_status == 0 || result.exit_status == leaked_clusters_only) return;
    throw Error(
        error_code::internal_error, path.string(),
        fmt::format("the image file '{}' is damaged: {}", path.string(), result.standard_error));
}

Bytes virtual_size(const std::filesystem::path& path) {
    const std::string output =
        run({"info", "-U", "-f", "qcow2", "--output=json", path_argument(path)}, quick_limit);
    const auto description = nlohmann::json::parse(output, nullptr, false);
    if (!description.is_object() || !description["virtual-size"].is_number_unsigned()) {
        throw Error(error_code::internal_error, path.string(),
                    fmt::format("qemu-img does not say how large '{}' is", path.string()));
    }
    return {description["virtual-size"].get<std::uint64_t>()};
}

}  // namespace kiln::images::qemu_img
