#include "hypervisor/libvirt/libvirt_hypervisor.hpp"

#include <fmt/format.h>
#include <libvirt/virterror.h>

#include <algorithm>
#include <utility>

#include "base/file.hpp"
#include "base/log.hpp"
#include "base/rollback.hpp"
#include "base/users.hpp"
#include "hypervisor/domain/domain_xml.hpp"
#include "hypervisor/libvirt/daemons.hpp"
#include "hypervisor/libvirt/disk_snapshot.hpp"
#include "hypervisor/libvirt/domain_list.hpp"
#include "hypervisor/libvirt/guest_agent.hpp"
#include "hypervisor/libvirt/libvirt_error.hpp"
#include "hypervisor/libvirt/live_domain_xml.hpp"
#include "hypervisor/libvirt/process_users.hpp"
#include "hypervisor/libvirt/saved_domain.hpp"
#include "hypervisor/libvirt/screenshot.hpp"
#include "hypervisor/libvirt/secrets.hpp"
#include "hypervisor/libvirt/tpm.hpp"
#include "hypervisor/libvirt/user_network.hpp"
#include "hypervisor/network/host_routing.hpp"

namespace kiln::hypervisor {

namespace {

/// Events end a wait at once; looking again covers one that was lost with a connection.
constexpr std::chrono::milliseconds time_between_looks{1000};
/// QEMU gets SIGTERM, then SIGKILL; a disk that hangs can keep it longer.
constexpr std::chrono::milliseconds time_for_qemu_to_end{30'000};

/// What libvirt says of a domain that ended between two calls.
bool domain_was_gone() {
    const int code = last_libvirt_code();
    return code == VIR_ERR_NO_DOMAIN || code == VIR_ERR_OPERATION_INVALID;
}

DomainState to_domain_state(int state, int reason) {
    switch (static_cast<virDomainState>(state)) {
        case VIR_DOMAIN_PAUSED:
            return reason == VIR_DOMAIN_PAUSED_IOERROR ? DomainState::paused_by_io_error
                                                       : DomainState::paused;
        case VIR_DOMAIN_PMSUSPENDED:
            return DomainState::paused;
        case VIR_DOMAIN_SHUTOFF:
        case VIR_DOMAIN_CRASHED:
            return DomainState::absent;
        case VIR_DOMAIN_NOSTATE:
        case VIR_DOMAIN_RUNNING:
        case VIR_DOMAIN_BLOCKED:
        case VIR_DOMAIN_SHUTDOWN:  // going down, QEMU is still there
            return DomainState::running;
    }
    return DomainState::running;
}

std::string version_text(unsigned long version) {
    return fmt::format("{}.{}.{}", version / 1'000'000, version / 1000 % 1000, version % 1000);
}

/// A host without control groups gives all the same, and that is as well. In the domain's XML it
/// would refuse the weight.
void weigh_processors(virDomainPtr domain, std::uint32_t weight) {
    virTypedParameterPtr list = nullptr;
    int count = 0;
    int space = 0;
    virTypedParamsAddULLong(&list, &count, &space, VIR_DOMAIN_SCHEDULER_CPU_SHARES, weight);
    if (virDomainSetSchedulerParametersFlags(domain, list, count, VIR_DOMAIN_AFFECT_LIVE) < 0)
        log::debug("the processors of '{}' are not weighed: {}", virDomainGetName(domain),
                   last_libvirt_error("weigh processors").message());
    virTypedParamsFree(list, count);
}

}  // namespace

LibvirtHypervisor::LibvirtHypervisor(const std::string& uri)
    : uri_(uri), connection_(uri, events_, [this] { close_consoles(); }) {}

LibvirtHypervisor::~LibvirtHypervisor() {
    events_->set_listener(nullptr);
}

void LibvirtHypervisor::set_event_listener(std::function<void(const DomainEvent&)> listener) {
    events_->set_listener(std::move(listener));
}

LibvirtHypervisor::Found LibvirtHypervisor::find(const std::string& name) {
    Found found{connection_.get(), nullptr};
    found.domain.reset(virDomainLookupByName(found.connection.get(), name.c_str()));
    if (!found.domain && last_libvirt_code() != VIR_ERR_NO_DOMAIN) {
        throw last_libvirt_error(fmt::format("find domain '{}'", name), name);
    }
    return found;
}

LibvirtHypervisor::Found LibvirtHypervisor::require(const std::string& name) {
    Found found = find(name);
    if (found.domain) return found;
    throw Error(error_code::internal_error, name, fmt::format("domain '{}' does not run", name));
}

void LibvirtHypervisor::start_domain(const DomainSpec& spec) {
    const ConnectionPtr connection = connection_.get();
    let_user_pass(spec);
    const DomainPtr domain(
        virDomainCreateXML(connection.get(), domain_xml(spec).c_str(), VIR_DOMAIN_START_VALIDATE));
    if (!domain) throw last_libvirt_error(fmt::format("start '{}'", spec.name), spec.name);
    if (spec.cpu_weight) weigh_processors(domain.get(), *spec.cpu_weight);
}

void LibvirtHypervisor::save_domain(const std::string& name, const std::filesystem::path& file) {
    const Found found = require(name);
    hypervisor::save_domain(found.domain.get(), file);
}

void LibvirtHypervisor::restore_domain(const DomainSpec& spec, const std::filesystem::path& file,
                                       const std::filesystem::path& copy) {
    const ConnectionPtr connection = connection_.get();
    let_user_pass(spec);
    remove_file(copy);
    Rollback removal;
    removal.add([&] { remove_file(copy); });
    write_saved_domain(copy, saved_head_for(read_saved_head(file), spec), file);
    hypervisor::restore_domain(connection.get(), copy, spec.name);
    if (spec.cpu_weight) weigh_processors(require(spec.name).domain.get(), *spec.cpu_weight);
}

/// To what its QEMU needs of libvirt's.
void LibvirtHypervisor::let_user_pass(const DomainSpec& spec) {
    if (!spec.user) return;
    const std::lock_guard lock(passing_mutex_);
    let_users_pass_to_keys();
    if (spec.has_tpm) let_user_pass_to_tpms(spec.user->uid);
}

DomainState LibvirtHypervisor::domain_state(const std::string& name) {
    const Found found = find(name);
    if (!found.domain) return DomainState::absent;
    int state = 0;
    int reason = 0;
    if (virDomainGetState(found.domain.get(), &state, &reason, 0) == 0) {
        return to_domain_state(state, reason);
    }
    if (domain_was_gone()) return DomainState::absent;
    throw last_libvirt_error(fmt::format("read the state of '{}'", name), name);
}

std::vector<std::string> LibvirtHypervisor::domains_of(const std::string& catalog_id) {
    const ConnectionPtr connection = connection_.get();
    std::vector<std::string> names;
    for (const DomainPtr& domain : active_domains(connection.get())) {
        const TextPtr metadata(
            virDomainGetMetadata(domain.get(), VIR_DOMAIN_METADATA_ELEMENT, metadata_namespace, 0));
        if (!metadata && last_libvirt_code() == VIR_ERR_NO_DOMAIN_METADATA) continue;
        if (!metadata && domain_was_gone()) continue;
        if (!metadata) throw last_libvirt_error("read a domain's metadata");
        if (catalog_id_in(metadata.get()) == catalog_id) {
            names.emplace_back(virDomainGetName(domain.get()));
        }
    }
    return names;
}

void LibvirtHypervisor::request_shutdown(const std::string& name) {
    const Found found = require(name);
    order_through_agent(found.domain.get(), PowerOrder::power_off);
    // The power button as well: a guest on its way down ignores it, and it makes libvirt forget an
    // earlier reboot request, which would turn this power-off into a reboot.
    if (virDomainShutdownFlags(found.domain.get(), VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN) == 0) return;
    if (domain_was_gone()) return;
    throw last_libvirt_error(fmt::format("shut down '{}'", name), name);
}

void LibvirtHypervisor::request_reboot(const std::string& name) {
    const Found found = require(name);
    if (order_through_agent(found.domain.get(), PowerOrder::reboot)) return;
    // There is no reboot button: libvirt presses the power button and starts the guest again in
    // the same QEMU when it has powered off.
    if (virDomainReboot(found.domain.get(), VIR_DOMAIN_REBOOT_ACPI_POWER_BTN) == 0) return;
    throw last_libvirt_error(fmt::format("reboot '{}'", name), name);
}

void LibvirtHypervisor::reset(const std::string& name) {
    const Found found = require(name);
    if (virDomainReset(found.domain.get(), 0) < 0) {
        throw last_libvirt_error(fmt::format("reset '{}'", name), name);
    }
}

void LibvirtHypervisor::destroy(const std::string& name) {
    const Found found = find(name);
    if (!found.domain || virDomainDestroy(found.domain.get()) == 0 || domain_was_gone()) return;
    const Error cause = last_libvirt_error(fmt::format("end '{}'", name), name);
    if (wait_until_gone(name, time_for_qemu_to_end)) return;
    throw Error(cause);
}

bool LibvirtHypervisor::wait_until_gone(const std::string& name, std::chrono::milliseconds time) {
    const auto deadline = std::chrono::steady_clock::now() + time;
    while (true) {
        const std::uint64_t seen = events_->stop_count();
        const auto now = std::chrono::steady_clock::now();
        try {
            if (domain_state(name) == DomainState::absent) return true;
            if (now >= deadline) return false;
        } catch (const Error& error) {
            // libvirtd may be back before the time is over.
            if (error.code() != error_code::unavailable || now >= deadline) throw;
        }
        events_->wait_for_stop(seen, std::min(deadline, now + time_between_looks));
    }
}

void LibvirtHypervisor::resume(const std::string& name) {
    const Found found = require(name);
    if (virDomainResume(found.domain.get()) < 0) {
        throw last_libvirt_error(fmt::format("resume '{}'", name), name);
    }
}

void LibvirtHypervisor::snapshot_disks(const std::string& name,
                                       const std::vector<DiskSnapshot>& disks) {
    const Found found = require(name);
    const std::string xml =
        disk_snapshot_xml(disks, live_disks(live_domain_xml(found.domain.get())));
    const SnapshotPtr snapshot(virDomainSnapshotCreateXML(
        found.domain.get(), xml.c_str(),
        VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY | VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA |
            VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC | VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT));
    if (!snapshot) {
        throw last_libvirt_error(fmt::format("switch the disks of '{}' to overlays", name), name);
    }
}

std::optional<LiveDisk> LibvirtHypervisor::find_live_disk(const Found& found,
                                                          const std::string& serial) {
    if (!found.domain) return std::nullopt;
    try {
        return find_disk(live_domain_xml(found.domain.get()), serial);
    } catch (const Error&) {
        if (domain_was_gone()) return std::nullopt;
        throw;
    }
}

std::optional<std::filesystem::path> LibvirtHypervisor::active_file(const std::string& name,
                                                                    const std::string& serial) {
    const auto disk = find_live_disk(find(name), serial);
    if (!disk) return std::nullopt;
    return disk->file;
}

std::optional<std::size_t> LibvirtHypervisor::free_disk_slots(const std::string& name) {
    const Found found = find(name);
    if (!found.domain) return std::nullopt;
    return free_root_ports(live_domain_xml(found.domain.get()));
}

void LibvirtHypervisor::attach_disk(const std::string& name, const DiskSpec& disk) {
    const Found found = require(name);
    DiskSpec placed = disk;
    if (placed.target.empty()) {
        placed.target = free_target(live_disks(live_domain_xml(found.domain.get())));
    }
    if (virDomainAttachDeviceFlags(found.domain.get(), disk_xml(placed).c_str(),
                                   VIR_DOMAIN_AFFECT_LIVE) == 0) {
        return;
    }
    throw last_libvirt_error(fmt::format("plug a disk into '{}'", name), name);
}

void LibvirtHypervisor::attach_card(const std::string& name, const InterfaceSpec& card) {
    const Found found = require(name);
    if (virDomainAttachDeviceFlags(found.domain.get(), interface_xml(card).c_str(),
                                   VIR_DOMAIN_AFFECT_LIVE) == 0) {
        return;
    }
    throw last_libvirt_error(fmt::format("plug a network card into '{}'", name), name);
}

bool LibvirtHypervisor::detach_disk(const std::string& name, const std::string& serial) {
    const Found found = find(name);
    if (!found.domain) return true;
    const auto disk = find_disk(live_domain_xml(found.domain.get()), serial);
    if (!disk) return true;
    // libvirt waits a few seconds for the guest. It refuses to ask a second time while QEMU still
    // waits for the first answer, which is no failure here.
    if (virDomainDetachDeviceFlags(found.domain.get(), disk->xml.c_str(), VIR_DOMAIN_AFFECT_LIVE) <
        0) {
        const Error refusal =
            last_libvirt_error(fmt::format("unplug a disk from '{}'", name), name);
        log::debug("{}", refusal.what());
    }
    return domain_state(name) == DomainState::absent || !active_file(name, serial);
}

std::string LibvirtHypervisor::target_of(const Found& found, const std::string& serial) {
    const auto disk = find_disk(live_domain_xml(found.domain.get()), serial);
    if (disk) return disk->target;
    const std::string name = virDomainGetName(found.domain.get());
    throw Error(error_code::internal_error, name,
                fmt::format("domain '{}' has no disk with the serial number '{}'", name, serial));
}

void LibvirtHypervisor::resize_disk(const std::string& name, const std::string& serial,
                                    Bytes size) {
    const Found found = require(name);
    const std::string target = target_of(found, serial);
    if (virDomainBlockResize(found.domain.get(), target.c_str(), size.value,
                             VIR_DOMAIN_BLOCK_RESIZE_BYTES) == 0) {
        return;
    }
    throw last_libvirt_error(fmt::format("grow the disk {} of '{}'", target, name), name);
}

void LibvirtHypervisor::start_pull(const std::string& name, const std::string& serial,
                                   const std::filesystem::path& base) {
    const Found found = require(name);
    const std::string target = target_of(found, serial);
    if (virDomainBlockRebase(found.domain.get(), target.c_str(), base.c_str(), 0, 0) == 0) return;
    throw last_libvirt_error(fmt::format("pull the disk {} of '{}'", target, name), name);
}

bool LibvirtHypervisor::is_pulling(const std::string& name, const std::string& serial) {
    const Found found = find(name);
    const auto disk = find_live_disk(found, serial);
    if (!disk) return false;
    virDomainBlockJobInfo job{};
    const int jobs = virDomainGetBlockJobInfo(found.domain.get(), disk->target.c_str(), &job, 0);
    if (jobs >= 0) return jobs > 0;
    if (domain_was_gone()) return false;
    throw last_libvirt_error(fmt::format("look after a pull in '{}'", name), name);
}

void LibvirtHypervisor::cancel_pull(const std::string& name, const std::string& serial) {
    if (!is_pulling(name, serial)) return;
    const Found found = require(name);
    if (virDomainBlockJobAbort(found.domain.get(), target_of(found, serial).c_str(), 0) == 0)
        return;
    const Error refusal = last_libvirt_error(fmt::format("end a pull in '{}'", name), name);
    if (is_pulling(name, serial)) throw Error(refusal);  // else it has just ended by itself
}

void LibvirtHypervisor::define_secret(const Secret& secret) {
    hypervisor::define_secret(connection_.get().get(), secret);
}

std::optional<std::string> LibvirtHypervisor::secret_passphrase(const std::string& id) {
    return hypervisor::secret_passphrase(connection_.get().get(), id);
}

void LibvirtHypervisor::remove_secret(const std::string& id) {
    hypervisor::remove_secret(connection_.get().get(), id);
}

void LibvirtHypervisor::remove_tpm(const std::string& uuid, GuestArchitecture architecture) {
    hypervisor::remove_tpm(connection_.get().get(), uuid, architecture);
}

std::optional<std::string> LibvirtHypervisor::bridging_obstacle() {
    return hypervisor::bridging_obstacle(uri_);
}

std::vector<Ipv4Address> LibvirtHypervisor::host_addresses() {
    return hypervisor::host_addresses();
}

void LibvirtHypervisor::apply_network(const NetworkSpec& spec) {
    networks_.apply(connection_.get().get(), spec);
}

void LibvirtHypervisor::remove_network(const NetworkSpec& spec) {
    networks_.remove(connection_.get().get(), spec);
}

bool LibvirtHypervisor::agent_answers(const std::string& name, std::chrono::seconds time) {
    const Found found = find(name);
    return found.domain && agent_answers_ping(found.domain.get(), time);
}

GuestProgramResult LibvirtHypervisor::run_in_guest(const std::string& name,
                                                   const GuestProgram& program) {
    const Found found = require(name);
    return run_through_agent(found.domain.get(), program);
}

std::uint16_t LibvirtHypervisor::forward_port(const std::string& name, std::uint16_t guest_port) {
    const Found found = require(name);
    const std::lock_guard lock(forward_mutex_);
    return forward_port_of(found.domain.get(), guest_port);
}

std::unique_ptr<Console> LibvirtHypervisor::open_console(const std::string& name,
                                                         ConsoleCallbacks callbacks) {
    const Found found = require(name);
    auto stream = std::make_shared<ConsoleStream>(found.connection.get(), found.domain.get(),
                                                  std::move(callbacks));
    auto console = std::make_unique<LibvirtConsole>(stream);
    {
        const std::lock_guard lock(consoles_mutex_);
        std::erase_if(consoles_, [](const auto& known) { return known.expired(); });
        consoles_.push_back(stream);
    }
    stream->start();
    return console;
}

/// libvirt leaves the streams of a lost connection silent for ever.
void LibvirtHypervisor::close_consoles() {
    std::vector<std::weak_ptr<ConsoleStream>> closing;
    {
        const std::lock_guard lock(consoles_mutex_);
        closing.swap(consoles_);
    }
    for (const auto& console : closing) {
        if (const auto stream = console.lock()) stream->close(true);
    }
}

Screenshot LibvirtHypervisor::screenshot(const std::string& name) {
    const Found found = require(name);
    return {.jpeg = jpeg_from_png(screen_png(found.connection.get(), found.domain.get()))};
}

HostCapacity LibvirtHypervisor::host_capacity() {
    const ConnectionPtr connection = connection_.get();
    virNodeInfo node{};
    if (virNodeGetInfo(connection.get(), &node) < 0) {
        throw last_libvirt_error("read the host's capacity");
    }
    return {.memory = {std::uint64_t{node.memory} * 1024}, .processors = node.cpus};
}

HostVersions LibvirtHypervisor::host_versions() {
    const ConnectionPtr connection = connection_.get();
    unsigned long libvirt = 0;
    unsigned long qemu = 0;
    if (virConnectGetLibVersion(connection.get(), &libvirt) < 0 ||
        virConnectGetVersion(connection.get(), &qemu) < 0) {
        throw last_libvirt_error("read libvirt's version");
    }
    return {.libvirt = version_text(libvirt), .qemu = version_text(qemu)};
}

std::optional<ProcessUser> LibvirtHypervisor::qemu_user() {
    const std::lock_guard lock(qemu_user_mutex_);
    if (!qemu_user_) {
        const ConnectionPtr connection = connection_.get();
        const TextPtr capabilities(virConnectGetCapabilities(connection.get()));
        if (!capabilities) throw last_libvirt_error("read libvirt's capabilities");
        auto user = qemu_user_in(capabilities.get());
        // /dev/kvm is open to the group that Debian's list of users gives libvirt-qemu; its label
        // names another.
        if (user) user->gid = primary_group_of(user->uid).value_or(user->gid);
        qemu_user_ = user;
    }
    return *qemu_user_;
}

std::unique_ptr<Hypervisor> connect(const std::string& uri) {
    ensure_daemons(uri);
    return std::make_unique<LibvirtHypervisor>(uri);
}

}  // namespace kiln::hypervisor
