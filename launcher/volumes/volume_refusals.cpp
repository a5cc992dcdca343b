#include "launcher/volumes/volume_refusals.hpp"

#include <fmt/format.h>

#include "base/error.hpp"

namespace kiln::launcher {

void refuse_state(const images::Volume& volume, const char* needed) {
    throw Error("IncorrectState", volume.id.str(),
                fmt::format("The volume '{}' is {}, and not {}.", volume.id.str(),
                            images::to_text(volume.state), needed));
}

void refuse_in_use(const images::Volume& volume) {
    throw Error(
        "VolumeInUse", volume.id.str(),
        fmt::format("The volume '{}' is attached to '{}' as {}: detach it first.", volume.id.str(),
                    volume.attachment->instance.str(), volume.attachment->device_name));
}

}  // namespace kiln::launcher
