#include "launcher/paravirtual/appliance_guests.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/database.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "hypervisor/hypervisor.hpp"
#include "launcher/instances/guest_users.hpp"
#include "launcher/paravirtual/pv_plan.hpp"
#include "launcher/regions/regions.hpp"

namespace kiln::launcher {

namespace {

constexpr const char* program = "/usr/bin/kiln-pv";
constexpr std::chrono::seconds time_to_start{60};
constexpr std::chrono::seconds time_to_answer{5};
constexpr std::size_t most_told_characters = 1024;
/// A saved appliance may be replaced by a better one while a guest begins in it.
constexpr int most_tries = 3;

/// The last of what an appliance said, which a guest may have broken into.
std::string printable_end(const std::string& output) {
    std::string text(trim(output));
    if (text.size() > most_told_characters) text.erase(0, text.size() - most_told_characters);
    std::ranges::replace_if(
        text, [](char c) { return c < ' ' || c > '~'; }, ' ');
    return text;
}

}  // namespace

Appliance ApplianceGuests::appliance_of(const images::Instance& instance) const {
    const auto accelerator = use_.planner.accelerators.of(hypervisor::GuestArchitecture::x86_64);
    const InstanceType& type = use_.planner.types.get(instance.instance_type);
    const Region& region = use_.regions.get(instance.region);
    return use_.database.read([&](Session& session) {
        return appliance_for(session, region, instance.owner, appliance_machine(type, accelerator));
    });
}

std::optional<std::string> ApplianceGuests::lane_to_prepare(
    const images::Instance& instance) const {
    const Appliance appliance = appliance_of(instance);
    if (use_.saved.find(appliance)) return std::nullopt;
    return SavedAppliances::lane_of(appliance);
}

void ApplianceGuests::prepare(const images::Instance& instance) const {
    use_.saved.make(appliance_of(instance));
}

/// The machine is as it was saved, and otherwise as the guest's plan has it.
void ApplianceGuests::restore(const InstanceWithVolumes& instance,
                              const hypervisor::DomainSpec& planned) const {
    const InstanceId& id = instance.instance.id;
    const Appliance appliance = appliance_of(instance.instance);
    hypervisor::DomainSpec machine = appliance.machine;
    machine.name = planned.name;
    machine.uuid = planned.uuid;
    machine.title = planned.title;
    machine.catalog_id = planned.catalog_id;
    machine.user = planned.user;
    machine.console_log = planned.console_log;
    for (int tries = 1;; ++tries) {
        const SavedAppliances::Saved saved = use_.saved.make(appliance);
        const auto files = use_.saved.begin(id, saved);
        if (!files && tries < most_tries) continue;
        if (!files)
            throw Error(error_code::internal_error, id.str(),
                        "its appliance is being replaced: start it again");
        machine.disks = {{.target = "vda",
                          .chain = {{.path = files->disk}, {.path = files->base}},
                          .cache = hypervisor::DiskCache::writeback}};
        try {
            appliance.region.hypervisor.restore_domain(machine, files->state, files->copy);
            use_.saved.forget_state(id);
            return;
        } catch (const Error& error) {
            // One that was just made is not stale: the cause is another.
            if (error.code() != hypervisor::stale_saved_domain || tries > 1) throw;
            log::warn("{}", error.message());
        }
        use_.saved.drop(saved, *files);
    }
}

/// Gives the restored machine the guest's disks and card, and says which they are.
hypervisor::DomainSpec ApplianceGuests::plug_in(const InstanceWithVolumes& instance) const {
    const std::string name = instance.instance.id.str();
    const Region& region = use_.regions.get(instance.instance.region);
    const auto reading = region.chains->read();
    hypervisor::DomainSpec planned = use_.planner.plan(instance);
    use_.users.open_layers(region, instance.instance.owner, planned.disks);
    for (const hypervisor::InterfaceSpec& card : planned.interfaces)
        region.hypervisor.attach_card(name, card);
    for (hypervisor::DiskSpec disk : planned.disks) {
        disk.target.clear();  // vda is the appliance's own
        region.hypervisor.attach_disk(name, disk);
    }
    return planned;
}

void ApplianceGuests::start(const InstanceWithVolumes& instance) const {
    const InstanceId& id = instance.instance.id;
    restore(instance, use_.planner.plan(instance));
    const hypervisor::DomainSpec planned = plug_in(instance);
    std::vector<PvDisk> disks = pv_disks(instance);
    for (const hypervisor::DiskSpec& disk : planned.disks) {
        if (disk.read_only) disks.push_back(pv_seed(disk.serial));
    }
    const auto result =
        tell(instance.instance, "start",
             describe({.instance = instance.instance,
                       .type = use_.planner.types.get(instance.instance.instance_type),
                       .disks = std::move(disks),
                       .mac_address = planned.interfaces.at(0).mac_address,
                       .now = use_.clock.now()}));
    if (result.exit_status == 0) return;
    throw Error(
        error_code::internal_error, id.str(),
        fmt::format("the appliance does not start the guest: {}", printable_end(result.output)));
}

bool ApplianceGuests::answers(const images::Instance& instance) const {
    return tell(instance, "answers").exit_status == 0;
}

std::string ApplianceGuests::boot_of(const images::Instance& instance) const {
    const auto result = tell(instance, "boot");
    return result.exit_status == 0 ? printable_end(result.output) : "";
}

bool ApplianceGuests::reboot(const images::Instance& instance) const {
    return tell(instance, "reboot").exit_status == 0;
}

hypervisor::GuestProgramResult ApplianceGuests::tell(const images::Instance& instance,
                                                     const char* order,
                                                     const std::string& description) const {
    return use_.regions.get(instance.region)
        .hypervisor.run_in_guest(
            instance.id.str(),
            {.arguments = {program, order},
             .standard_input = description,
             .time_limit = description.empty() ? time_to_answer : time_to_start});
}

}  // namespace kiln::launcher
