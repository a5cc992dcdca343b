#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "base/clock.hpp"
#include "base/units.hpp"
#include "images/catalog/export_task.hpp"
#include "images/catalog/image.hpp"

namespace kiln::builder {

/// Told from 0 to 99, with what is being done.
using ExportProgress = std::function<void(int percent, const std::string& step)>;

struct ExportWork {
    images::DiskImageFormat format;
    images::Image image;
    std::filesystem::path disk;  // the top of the image's chain, whose names were checked
    struct Base {
        ImageId image;
        std::filesystem::path disk;  // so too
    };
    std::optional<Base> base;  // of a delta
    std::filesystem::path to;  // there is nothing yet; its directory is for this work alone
    bool use_kvm = false;      // of libguestfs's appliance
    Time now;
};

/// Makes the file, and returns its SHA-256. Throws Error{Canceled} after a stop, and what the
/// programs that do the work say.
std::string make_export(const ExportWork& work, const ExportProgress& progress,
                        const std::stop_token& stop);

}  // namespace kiln::builder
