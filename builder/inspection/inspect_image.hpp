#pragma once

#include "base/database.hpp"
#include "builder/inspection/inspection.hpp"
#include "hypervisor/accelerator/accelerator.hpp"
#include "images/accounts/caller.hpp"
#include "images/catalog/image.hpp"

namespace kiln::launcher {
class Regions;
}

namespace kiln::builder {

struct InspectedImage {
    Inspection found;
    images::Image image;  // as it is now
};

/// Notes in an image what was found on its root disk: the operating system with its drivers, by
/// which guests get their devices, and the platform windows. A disk that has no boot loader for
/// BIOS but one for UEFI makes it an image of the boot mode uefi, and Windows 11 one with a TPM.
void note(const Inspection& found, images::Image& image);

/// Looks into the root disk of an image of the caller's, and notes in the image what it finds.
/// Takes some ten seconds. Throws what inspect_disk() throws, and Error{UnsupportedOperation} for
/// an encrypted root and one of an instance store. Any thread.
InspectedImage inspect_image(Database& database, const launcher::Regions& regions,
                             const hypervisor::Accelerators& accelerators,
                             const images::Caller& caller, const ImageId& id);

}  // namespace kiln::builder
