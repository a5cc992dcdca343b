#include "builder/export/export_files.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>

#include "base/error.hpp"
#include "builder/remove_tree.hpp"

namespace kiln::builder {

namespace {

constexpr mode_t private_directory = 0700;

const char* extension_of(images::DiskImageFormat format) {
    switch (format) {
        case images::DiskImageFormat::vmdk:
            return "vmdk";
        case images::DiskImageFormat::raw:
            return "raw";
        case images::DiskImageFormat::vhd:
            return "vhd";
        case images::DiskImageFormat::qcow2:
            return "qcow2";
        case images::DiskImageFormat::vhdx:
            return "vhdx";
        case images::DiskImageFormat::ova:
            return "ova";
        case images::DiskImageFormat::vagrant_libvirt:
            return "box";
    }
    std::abort();
}

void make_private_directory(const std::filesystem::path& path) {
    if (::mkdir(path.c_str(), private_directory) == 0 || errno == EEXIST) return;
    throw system_error(fmt::format("make the directory '{}'", path.string()));
}

}  // namespace

std::string export_file_name(const ImageId& image, images::DiskImageFormat format) {
    return fmt::format("{}.{}", image.str(), extension_of(format));
}

std::filesystem::path export_directory(const images::Pool& pool, const images::ExportTaskId& id) {
    return pool.directory() / "exports" / id.str();
}

std::filesystem::path export_file(const images::Pool& pool, const images::ExportTask& task) {
    return export_directory(pool, task.id) / export_file_name(task.image, task.format);
}

images::ObjectName export_object(const images::ExportTask& task) {
    return {.bucket = task.bucket,
            .key = fmt::format("{}{}.{}", task.object_prefix, task.id.str(),
                               extension_of(task.format))};
}

void make_export_directory(const images::Pool& pool, const images::ExportTaskId& id) {
    const std::filesystem::path directory = export_directory(pool, id);
    remove_tree(directory);
    make_private_directory(directory.parent_path());
    make_private_directory(directory);
}

}  // namespace kiln::builder
