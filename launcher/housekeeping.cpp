#include "base/boot.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "images/catalog/uefi_variables.hpp"
#include "launcher/implementation.hpp"

namespace kiln::launcher {

namespace {

using hypervisor::DomainState;
using images::Instance;
using images::InstanceState;

constexpr std::chrono::seconds housekeeping_interval{1};
constexpr int settle_every_ticks = 15;
constexpr int forget_every_ticks = 600;
constexpr std::chrono::hours terminated_instances_are_kept{1};
constexpr std::chrono::hours bundle_tasks_are_kept{24};
constexpr std::chrono::hours store_tasks_are_kept{31 * 24};  // EC2's

}  // namespace

void Launcher::Implementation::start_housekeeping(std::function<void()> settle_more) {
    settle_more_ = std::move(settle_more);
    housekeeper_ = std::thread([this] { keep_house(); });
}

bool Launcher::Implementation::host_was_restarted() const {
    const std::filesystem::path record = host_boot_record();
    return std::filesystem::exists(record) && read_file(record) != boot_identity();
}

void Launcher::Implementation::remember_host_boot() const {
    const std::filesystem::path record = host_boot_record();
    if (std::filesystem::exists(record) && !host_was_restarted()) return;
    write_file_atomically(record, boot_identity(), 0600);
}

std::filesystem::path Launcher::Implementation::host_boot_record() const {
    return dependencies_.settings.state_directory / "host-boot-id";
}

void Launcher::Implementation::settle_domains(const std::string& why_gone) {
    for (const InstanceId& id : compare_domains()) {
        add_job(id, [this, id, why_gone] { lifecycle_.settle_absent_domain(id, why_gone); });
    }
}

void Launcher::Implementation::settle_lost_domains() {
    std::set<InstanceId> missing = compare_domains();
    for (const InstanceId& id : missing) {
        // One that has just gone is settled by its event, which knows why.
        if (!missing_.contains(id)) continue;
        add_job(id, [this, id] { lifecycle_.settle_absent_domain(id, "lost"); });
    }
    if (missing.empty()) remember_host_boot();
    missing_ = std::move(missing);
}

std::set<InstanceId> Launcher::Implementation::compare_domains() {
    std::set<InstanceId> missing;
    const auto instances =
        database().read([](Session& session) { return images::unfinished_instances(session); });
    std::set<InstanceId> known;
    for (const Instance& instance : instances)
        known.insert(instance.id);
    for (const Region* region : dependencies_.regions.reachable()) {
        const auto domains = region->hypervisor.domains_of(dependencies_.catalog_id);
        const std::set<std::string> present(domains.begin(), domains.end());
        for (const Instance& instance : instances) {
            if (instance.region != region->name || instance.state != InstanceState::running)
                continue;
            if (present.contains(instance.id.str())) {
                look_at_guest(*region, instance);
            } else {
                missing.insert(instance.id);
            }
        }
        for (const std::string& domain : domains) {
            const auto instance = instance_of(domain);
            if (instance && known.contains(*instance)) continue;
            log::warn(
                "the domain '{}' carries this catalog's mark, but no instance of that id is "
                "alive; it is left alone (virsh destroy {} ends it)",
                domain, domain);
        }
    }
    return missing;
}

void Launcher::Implementation::look_at_guest(const Region& region, const Instance& instance) {
    if (region.hypervisor.domain_state(instance.id.str()) == DomainState::paused_by_io_error) {
        status_.io_failed(instance.id);
    } else if (status_.reachability(instance.id) != Reachability::ok) {
        watch_.add_agent_check_unless_busy(instance.id);
    }
}

bool Launcher::Implementation::has_space_again(const Region& region) const {
    return free_space(region.pool.directory()) >= dependencies_.settings.free_space_reserve;
}

void Launcher::Implementation::resume_paused_guests() {
    const auto instances =
        database().read([](Session& session) { return images::unfinished_instances(session); });
    for (const Instance& instance : instances) {
        if (!status_.is_paused_by_io_error(instance.id)) continue;
        const Region& region = dependencies_.regions.get(instance.region);
        if (!has_space_again(region)) continue;
        add_job(instance.id, [this, &region, id = instance.id] {
            if (region.hypervisor.domain_state(id.str()) != DomainState::paused_by_io_error) return;
            region.hypervisor.resume(id.str());
            status_.resumed(id);
            log::info("{} goes on: its disk has space again", id.str());
        });
    }
}

void Launcher::Implementation::close_unused_layers() {
    try {
        users_.close_unused_layers();
    } catch (const std::exception& error) {
        log::warn("some layers are still open to accounts that need them no more: {}",
                  error.what());
    }
}

void Launcher::Implementation::keep_house() {
    for (int tick = 1; pause_.wait(housekeeping_interval); ++tick) {
        try {
            watch_.reset_overdue_reboots();
            watch_.look_at_guests();
            close_unused_layers();
            if (tick % settle_every_ticks == 0) {
                networks_.apply_all();
                resume_dropped_jobs();
                settle_lost_domains();
                settle_more_();
                resume_paused_guests();
                puller_.add_unfinished();
            }
            if (tick % forget_every_ticks == 0) {
                database().write([&](Session& session) {
                    images::forget_terminated_instances(session,
                                                        now() - terminated_instances_are_kept);
                    images::forget_bundle_tasks(session, now() - bundle_tasks_are_kept);
                    images::forget_store_image_tasks(session, now() - store_tasks_are_kept);
                    images::forget_unused_uefi_data(session);
                });
                saved_appliances_.remove_unused(dependencies_.regions);
            }
        } catch (const std::exception& error) {
            log::warn("housekeeping: {}", error.what());
        }
    }
}

}  // namespace kiln::launcher
