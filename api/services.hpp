#pragma once

#include "hypervisor/accelerator/accelerator.hpp"

namespace kiln {
class Clock;
class SecretBox;
class Database;
struct Settings;
}  // namespace kiln
namespace kiln::launcher {
class Launcher;
class Regions;
}  // namespace kiln::launcher
namespace kiln::builder {
class Builder;
class Exports;
class Importer;
class ImageSealer;
}  // namespace kiln::builder

namespace kiln::api {

/// What the handlers of actions work with.
struct Services {
    const Settings& settings;
    const Clock& clock;
    const SecretBox& secrets;
    Database& database;
    launcher::Regions& regions;
    const hypervisor::Accelerators& accelerators;
    launcher::Launcher& launcher;
    builder::Builder& builder;
    builder::Importer& importer;
    builder::ImageSealer& sealer;
    builder::Exports& exports;
};

}  // namespace kiln::api
