#include "launcher/platforms/os_profile.hpp"

#include <gio/gio.h>

extern "C" {  // its headers do not say so
#include <osinfo/osinfo.h>
}

#include <algorithm>

#include "base/foreign_leaks.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "images/catalog/image.hpp"

namespace kiln::launcher {

namespace {

struct Unref {
    void operator()(gpointer object) const { g_object_unref(object); }
};
template <class T>
using Object = std::unique_ptr<T, Unref>;

constexpr const char* windows_family = "winnt";
constexpr const char* network_class = "net";

std::string text(const char* value) {
    return value == nullptr ? "" : value;
}

void fit_windows(OsProfile& profile, const std::string& drivers) {
    const std::vector<std::string> words = split(drivers, ' ');
    const auto has = [&](const char* word) {
        return std::ranges::find(words, word) != words.end();
    };
    if (!has(images::virtio_disk_driver)) profile.disk_bus = hypervisor::DiskBus::sata;
    if (!has(images::virtio_network_driver)) profile.card = hypervisor::CardModel::e1000e;
    profile.machine = {.hyperv = true, .local_time = true, .has_usb_input = true};
}

/// Whether the database knows network cards for the system, but no virtio one.
bool is_older_than_virtio(OsinfoOs* os) {
    const Object<OsinfoDeviceList> devices(osinfo_os_get_all_devices(os, nullptr));
    bool any = false;
    for (gint i = 0; i < osinfo_list_get_length(OSINFO_LIST(devices.get())); ++i) {
        OsinfoDevice* device = OSINFO_DEVICE(osinfo_list_get_nth(OSINFO_LIST(devices.get()), i));
        if (text(osinfo_device_get_class(device)) != network_class) continue;
        any = true;
        if (text(osinfo_device_get_name(device)).starts_with("virtio")) return false;
    }
    return any;
}

void read_least_resources(OsProfile& profile, OsinfoOs* os, const std::string& guest) {
    const Object<OsinfoResourcesList> list(osinfo_os_get_minimum_resources(os));
    for (gint i = 0; i < osinfo_list_get_length(OSINFO_LIST(list.get())); ++i) {
        OsinfoResources* resources =
            OSINFO_RESOURCES(osinfo_list_get_nth(OSINFO_LIST(list.get()), i));
        const std::string architecture = text(osinfo_resources_get_architecture(resources));
        if (architecture != "all" && architecture != guest) continue;
        const gint64 memory = osinfo_resources_get_ram(resources);
        if (memory > 0) profile.least_memory = {static_cast<std::uint64_t>(memory)};
        const gint processors = osinfo_resources_get_n_cpus(resources);
        if (processors > 0) profile.least_vcpus = static_cast<std::uint32_t>(processors);
    }
}

}  // namespace

class OsProfiles::Database {
  public:
    Database() : loader_(osinfo_loader_new()) {
        GError* error = nullptr;
        const ForeignLeaks leaks;  // some texts, when it reads its database
        osinfo_loader_process_default_path(loader_.get(), &error);
        if (error == nullptr) return;
        log::warn(
            "libosinfo's database cannot be read ({}): guests get virtio devices; install "
            "the package osinfo-db",
            error->message);
        g_error_free(error);
    }

    OsProfile profile_of(const GuestSystem& system) {
        const Object<OsinfoOsList> found = systems_named(system.os_id);
        if (osinfo_list_get_length(OSINFO_LIST(found.get())) == 0) return {};
        OsinfoOs* os = OSINFO_OS(osinfo_list_get_nth(OSINFO_LIST(found.get()), 0));
        OsProfile profile{.name = text(osinfo_product_get_name(OSINFO_PRODUCT(os)))};
        if (text(osinfo_os_get_family(os)) == windows_family) {
            fit_windows(profile, system.drivers);
        } else if (is_older_than_virtio(os)) {
            // The database names no disks where it names no virtio ones.
            profile.disk_bus = hypervisor::DiskBus::sata;
            profile.card = hypervisor::CardModel::e1000e;
        }
        read_least_resources(profile, os, system.architecture);
        return profile;
    }

  private:
    Object<OsinfoOsList> systems_named(const std::string& short_id) {
        const Object<OsinfoFilter> filter(osinfo_filter_new());
        osinfo_filter_add_constraint(filter.get(), OSINFO_PRODUCT_PROP_SHORT_ID, short_id.c_str());
        const Object<OsinfoOsList> all(osinfo_db_get_os_list(osinfo_loader_get_db(loader_.get())));
        return Object<OsinfoOsList>(
            OSINFO_OSLIST(osinfo_list_new_filtered(OSINFO_LIST(all.get()), filter.get())));
    }

    Object<OsinfoLoader> loader_;
};

OsProfiles::OsProfiles() = default;
OsProfiles::~OsProfiles() = default;

OsProfile OsProfiles::of(const GuestSystem& system) const {
    if (system.os_id.empty()) return {};
    // libosinfo's objects are read by one thread at a time.
    const std::lock_guard lock(mutex_);
    if (!database_) database_ = std::make_unique<Database>();
    return database_->profile_of(system);
}

}  // namespace kiln::launcher
