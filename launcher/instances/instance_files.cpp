#include "launcher/instances/instance_files.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "images/bundles/sparse_file.hpp"

namespace kiln::launcher {

namespace {

constexpr auto passable = std::filesystem::perms(0711);
constexpr int seed_sectors =
    2048;  // of 512 bytes: 1 MiB holds 16 KiB of user data with room to spare

std::string decoded_user_data(const images::Instance& instance) {
    return base64_decode(instance.user_data).value_or("");
}

std::string yaml_quoted(const std::string& text) {
    std::string quoted = "'";
    for (const char c : text)
        quoted += c == '\'' ? "''" : std::string{c};
    return quoted + "'";
}

}  // namespace

InstanceFiles::InstanceFiles(std::filesystem::path directory) : directory_(std::move(directory)) {
    std::filesystem::create_directories(directory_);
    std::filesystem::permissions(directory_, passable);
}

std::filesystem::path InstanceFiles::directory_of(const InstanceId& id) const {
    return directory_ / id.str();
}

std::filesystem::path InstanceFiles::console_log(const InstanceId& id) const {
    return directory_of(id) / "console.log";
}

std::filesystem::path InstanceFiles::seed(const InstanceId& id) const {
    return directory_of(id) / "seed.img";
}

std::filesystem::path InstanceFiles::uefi_variables(const InstanceId& id) const {
    return directory_of(id) / "uefi-variables.fd";
}

void InstanceFiles::create(const InstanceId& id) const {
    std::filesystem::create_directories(directory_of(id));
    std::filesystem::permissions(directory_of(id), passable);
}

std::string seed_meta_data(const images::Instance& instance) {
    std::string text =
        fmt::format("instance-id: {}\nlocal-hostname: {}\n", instance.id.str(), instance.id.str());
    if (!instance.public_key.empty()) {
        text += fmt::format("public-keys:\n  - {}\n", yaml_quoted(instance.public_key));
    }
    return text;
}

void InstanceFiles::write_seed(const images::Instance& instance) const {
    const std::string image = seed(instance.id).string();
    remove_file(image);
    run_checked({.arguments = {"mformat", "-C", "-i", image, "-T", std::to_string(seed_sectors),
                               "-h", "1", "-s", "1", "-v", "CIDATA", "::"}});
    const auto write = [&](const std::string& name, const std::string& content) {
        run_checked({.arguments = {"mcopy", "-i", image, "-", "::" + name},
                     .standard_input = content.empty() ? "\n" : content});
    };
    write("meta-data", seed_meta_data(instance));
    write("user-data", decoded_user_data(instance));
}

void InstanceFiles::write_uefi_variables(const InstanceId& id, const std::string& variables) const {
    const std::filesystem::path unfinished = directory_of(id) / "uefi-variables.new";
    remove_file(unfinished);
    images::SparseFile file(unfinished);
    file.write(variables);
    file.finish();
    std::filesystem::rename(unfinished, uefi_variables(id));
}

void InstanceFiles::remove_all(const InstanceId& id) const {
    std::error_code error;
    std::filesystem::remove_all(directory_of(id), error);
    if (!error) return;
    throw Error(error_code::internal_error, id.str(),
                fmt::format("cannot remove the files of '{}': {}", id.str(), error.message()));
}

}  // namespace kiln::launcher
