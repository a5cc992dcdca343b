#pragma once

#include <string>

#include "base/database.hpp"
#include "base/ids.hpp"

namespace kiln::images {

/// The UEFI variables that guests of an image begin with: the text of a UefiData
/// (images/firmware/uefi_data.hpp), apart from the image since only a launch needs it. Empty: the
/// firmware's own.
std::string uefi_data_of(Session& session, const ImageId& image);
void set_uefi_data(Session& session, const ImageId& image, const std::string& text);
/// Removes those of deregistered images, unless an instance of one is about to begin.
void forget_unused_uefi_data(Session& session);

}  // namespace kiln::images
