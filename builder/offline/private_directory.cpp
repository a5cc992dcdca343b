#include "builder/offline/private_directory.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/random.hpp"

namespace kiln::builder {

PrivateDirectory::PrivateDirectory(const std::filesystem::path& parent)
    : path_(parent / ("o-" + random_hex(8))) {
    std::filesystem::create_directories(parent);
    if (::mkdir(path_.c_str(), S_IRWXU) != 0)
        throw system_error(fmt::format("make the directory '{}'", path_.string()));
}

PrivateDirectory::~PrivateDirectory() {
    std::error_code failure;
    std::filesystem::remove_all(path_, failure);
    if (failure) log::warn("cannot remove '{}': {}", path_.string(), failure.message());
}

}  // namespace kiln::builder
