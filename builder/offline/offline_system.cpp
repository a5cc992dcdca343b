#include "builder/offline/offline_system.hpp"

#include <fmt/format.h>

#include "builder/offline/install_packages.hpp"
#include "builder/offline/mounted_system.hpp"
#include "builder/offline/offline_steps.hpp"
#include "builder/offline/private_directory.hpp"
#include "builder/offline/seal.hpp"
#include "builder/steps/build.hpp"
#include "images/layers/disk_server.hpp"

namespace kiln::builder {

namespace {

constexpr std::chrono::minutes time_to_sync{40};

/// What to do for each kind of step.
struct Application {
    MountedSystem& system;
    const Step& step;
    const OfflineDiskSpec& spec;
    const std::filesystem::path& directory;

    void operator()(const PackagesStep& packages) const {
        install_packages(system, packages,
                         {.directory = directory / "packages",
                          .architecture = spec.architecture,
                          .mirror = spec.mirror,
                          .time_limit = step.time_limit,
                          .on_log = spec.on_log,
                          .stop = spec.stop});
    }
    void operator()(const FilesStep& files) const { write_files(system, files); }
    void operator()(const UsersStep& users) const { make_users(system, users, spec.on_log); }
    void operator()(const RunStep& run) const {
        run_script(system, run, step.time_limit, spec.on_log);
    }
    void operator()(const SealStep& sealing) const { seal(system, sealing, spec.on_log); }
    void operator()(const ProvisionStep&) const { throw needs_instance(); }
    void operator()(const CloudConfigStep&) const { throw needs_instance(); }

    Error needs_instance() const {
        return build_failed(fmt::format("the step '{}' needs an instance", step.name));
    }
};

}  // namespace

/// In the order in which they end, from the last to the first.
struct OfflineSystem::Open {
    Open(const OfflineDiskSpec& spec, const OfflineTools& tools)
        : directory(tools.directory),
          server({.file = spec.disk, .directory = directory.path()}),
          system({.socket = server.socket(),
                  .name = images::DiskServer::export_name,
                  .use_kvm = tools.use_kvm},
                 spec.stop) {}

    PrivateDirectory directory;
    images::DiskServer server;
    MountedSystem system;
};

OfflineSystem::OfflineSystem(OfflineDiskSpec spec, OfflineTools tools)
    : spec_(std::move(spec)), tools_(std::move(tools)) {
    if (!spec_.on_log) spec_.on_log = [](std::string_view) {};
}

OfflineSystem::~OfflineSystem() = default;

OfflineSystem::Open& OfflineSystem::open() {
    if (!open_) open_ = std::make_unique<Open>(spec_, tools_);
    return *open_;
}

void OfflineSystem::apply(const Step& step) {
    Open& opened = open();
    opened.system.allow(step.time_limit);
    if (opened.system.has_ended()) {
        throw build_failed(
            "the appliance has ended with the try before, so that there can be no other: give the "
            "step more time");
    }
    std::visit(Application{.system = opened.system,
                           .step = step,
                           .spec = spec_,
                           .directory = opened.directory.path()},
               step.action);
}

void OfflineSystem::go_on_in(const std::filesystem::path& overlay) {
    if (!open_) {
        spec_.disk = overlay;  // nothing was written so far
        return;
    }
    open_->system.allow(time_to_sync);  // what the layer's file has, on a slow disk
    open_->system.unmount();
    open_->server.go_on_in(overlay);
    open_->system.allow({});
    open_->system.mount();
}

void OfflineSystem::trim() {
    open().system.allow({});
    open_->system.trim();
}

void OfflineSystem::finish() {
    if (!open_) return;
    open_->system.allow(time_to_sync);
    open_->system.close();
    open_->server.finish();
    open_.reset();
}

}  // namespace kiln::builder
