#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "base/error.hpp"
#include "base/units.hpp"
#include "images/bundles/object_name.hpp"

namespace kiln::images {

/// The code of an Error for a part or a stored image that is damaged, lacks something or holds more
/// than it may. The message names the object and what is wrong with it.
inline constexpr const char* invalid_image_file = "InvalidImageFile";
/// "'bucket/key' is damaged: <what>" with that code.
Error damaged(const ObjectName& object, const std::string& what);

struct Progress {
    Bytes done;
    Bytes total;
};
/// Told after each piece that was moved, in the thread that moves it; what it throws ends the move.
/// May be empty.
using ProgressCallback = std::function<void(const Progress&)>;
void tell(const ProgressCallback& callback, const Progress& progress);

/// Throws Error{Canceled} once a stop was requested. `what`: "the bundling of 'x'".
void check_not_canceled(const std::stop_token& stop, const std::string& what);

}  // namespace kiln::images
