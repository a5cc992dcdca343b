#pragma once

#include <functional>

#include "api/action.hpp"
#include "base/ids.hpp"
#include "images/catalog/image.hpp"

namespace kiln::api {

/// Does something to an image of the caller's.
template <class Result>
using ImageChange =
    std::function<Result(Services&, const images::Caller&, const ImageId&, const Arguments&)>;

/// Completes an action on one image of the caller's: takes ImageId and DryRun besides what it
/// declares, does `change`, and answers with nothing.
Action image_action(Action action, ImageChange<void> change);
/// The same, and answers with how the image is kept from being deregistered then.
Action protection_action(Action action, ImageChange<images::Image> change);

}  // namespace kiln::api
