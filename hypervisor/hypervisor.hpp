#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "hypervisor/domain/domain_spec.hpp"
#include "hypervisor/network/network_spec.hpp"

namespace kiln::hypervisor {

enum class DomainState { absent, running, paused, paused_by_io_error };

/// What happened to a domain, told by the hypervisor as it happens.
enum class DomainEventKind {
    stopped,             // it is gone: powered itself off, was destroyed or its QEMU died
    agent_connected,     // the guest agent opened its channel
    agent_disconnected,  //
    rebooted,            // the guest has reset itself
    io_error,            // paused: its disk's file system is full or failed
};
struct DomainEvent {
    std::string domain;
    DomainEventKind kind;
    std::string detail;  // libvirt's word for the cause, for the state reason
};
/// The detail of a domain that stopped because its guest powered itself off.
inline constexpr const char* guest_shutdown = "shutdown";

/// One disk of a snapshot: from now on the guest writes to `overlay`, which was made beforehand
/// with the disk's present top as its backing file.
struct DiskSnapshot {
    std::string serial;
    std::filesystem::path overlay;
    std::string key_id = {};  // as DiskFile's
};

/// A passphrase that the hypervisor keeps for the files that are encrypted with it.
struct Secret {
    std::string id;           // a UUID
    std::string description;  // one line, shown by `virsh secret-dumpxml`
    std::string passphrase;
};

struct HostCapacity {
    Bytes memory;
    std::uint32_t processors = 0;
};

struct HostVersions {
    std::string libvirt;
    std::string qemu;
};

/// A console of a guest: bytes both ways. The destructor closes it and waits for a callback that
/// runs, unless it is called from one; let the console go before its hypervisor.
class Console {
  public:
    virtual ~Console() = default;
    /// Sends bytes to the guest, without waiting. Throws when the console is closed and when the
    /// guest leaves more than 64 KiB unread.
    virtual void send(std::string_view bytes) = 0;
};

struct ConsoleCallbacks {
    std::function<void(std::string_view bytes)> on_bytes;  // from the event thread; must not block
    std::function<void()> on_close;                        // at most once
};

/// A program for the guest's agent to run.
struct GuestProgram {
    std::vector<std::string> arguments;  // the first is the program's path
    std::string standard_input = {};
    std::chrono::seconds time_limit{30};
};
struct GuestProgramResult {
    int exit_status = 0;
    std::string output;  // what it said, in its standard output and error
};

/// The code of restore_domain()'s refusal of a state.
inline constexpr const char* stale_saved_domain = "StaleSavedDomain";

struct Screenshot {
    std::string jpeg;
};

/// Runs domains on one libvirt. All functions may be called from any thread; they throw Error with
/// libvirt's message: Error{Unavailable} when libvirtd cannot be reached, Error{InternalError}
/// otherwise. Domains are transient: a domain that does not run does not exist. A disk whose secret
/// is missing is refused with a message that names it and says how to bring it back.
class Hypervisor {
  public:
    virtual ~Hypervisor() = default;

    /// Called from a thread of the hypervisor, one event at a time; must not block and must not
    /// call back into the hypervisor. After libvirtd was away, domains that stopped meanwhile are
    /// told.
    virtual void set_event_listener(std::function<void(const DomainEvent&)> listener) = 0;

    /// Starts a domain; returns when QEMU runs it.
    virtual void start_domain(const DomainSpec& spec) = 0;
    /// Ends a running domain and keeps the state of its machine in a new file.
    virtual void save_domain(const std::string& name, const std::filesystem::path& file) = 0;
    /// Starts a domain from the state of another one, whose machine had the same processors, memory
    /// and devices. Name, UUID, title, catalog, user, and the files of disks and console are the
    /// spec's. `copy` is a path for a copy of the file, which is gone when this returns. Throws
    /// Error{stale_saved_domain} when QEMU or libvirt does not take the state.
    virtual void restore_domain(const DomainSpec& spec, const std::filesystem::path& file,
                                const std::filesystem::path& copy) = 0;
    virtual DomainState domain_state(const std::string& name) = 0;
    /// Names of the domains that carry the catalog's id.
    virtual std::vector<std::string> domains_of(const std::string& catalog_id) = 0;

    /// Asks the guest to power off (through its agent when that answers, and by ACPI); does not
    /// wait for it, but an agent gets up to some seconds to take the order.
    virtual void request_shutdown(const std::string& name) = 0;
    /// Asks the guest to reboot, likewise.
    virtual void request_reboot(const std::string& name) = 0;
    /// Resets the virtual machine, as the reset button would.
    virtual void reset(const std::string& name) = 0;
    /// Ends the domain at once; none is no error. Returns when QEMU is gone.
    virtual void destroy(const std::string& name) = 0;
    /// Waits until the domain is gone; false when it is still there after the time.
    virtual bool wait_until_gone(const std::string& name, std::chrono::milliseconds time) = 0;
    /// Lets a domain that was paused by an I/O error go on.
    virtual void resume(const std::string& name) = 0;

    /// Switches all the disks to their overlays in one transaction; the guest goes on running.
    virtual void snapshot_disks(const std::string& name,
                                const std::vector<DiskSnapshot>& disks) = 0;
    /// The file that the disk with this serial writes to now; nullopt when there is no such domain
    /// or it has no such disk.
    virtual std::optional<std::filesystem::path> active_file(const std::string& name,
                                                             const std::string& serial) = 0;
    /// How many disks can still be plugged into a running domain; nullopt when there is none.
    virtual std::optional<std::size_t> free_disk_slots(const std::string& name) = 0;
    /// Plugs a disk into a running guest, as the first target that is free when the spec names
    /// none. Throws when the domain has no slot left.
    virtual void attach_disk(const std::string& name, const DiskSpec& disk) = 0;
    /// Plugs a network card into a running guest. Throws when the domain has no slot left.
    virtual void attach_card(const std::string& name, const InterfaceSpec& card) = 0;
    /// Asks the guest to let the disk go, and waits some seconds. Whether the domain is without it
    /// now: a guest that is still booting does not hear. Ask again, as often as need be.
    virtual bool detach_disk(const std::string& name, const std::string& serial) = 0;
    /// Begins to pull the disk's chain short: what the files between the one that it writes to and
    /// `base` hold is copied into the former, which at the end names `base` as its backing file.
    /// The other files are only read, and the guest goes on. Throws while a pull runs already.
    virtual void start_pull(const std::string& name, const std::string& serial,
                            const std::filesystem::path& base) = 0;
    /// Whether a pull of the disk runs; a domain or a disk that is gone has none.
    virtual bool is_pulling(const std::string& name, const std::string& serial) = 0;
    /// Ends a pull before its time: what it has copied stays, and the chain is as it was. None is
    /// no error.
    virtual void cancel_pull(const std::string& name, const std::string& serial) = 0;
    /// Grows the file behind a disk; the guest is told.
    virtual void resize_disk(const std::string& name, const std::string& serial, Bytes size) = 0;

    /// Keeps a secret, as long as the host lives. One that is there with the same passphrase stays;
    /// with another one it is refused, since what was encrypted would be lost.
    virtual void define_secret(const Secret& secret) = 0;
    /// nullopt when there is no such secret.
    virtual std::optional<std::string> secret_passphrase(const std::string& id) = 0;
    /// Guests that run go on; nothing that is encrypted with it can be opened any more, for ever.
    /// None is no error.
    virtual void remove_secret(const std::string& id) = 0;

    /// Removes the state of the TPM that a domain of this UUID and architecture had
    /// (DomainSpec::has_tpm). The domain must be gone. None is no error.
    virtual void remove_tpm(const std::string& uuid, GuestArchitecture architecture) = 0;

    /// Why guests cannot have a network with a bridge here, for a person; nullopt: they can.
    virtual std::optional<std::string> bridging_obstacle() = 0;
    /// Those of the host's interfaces, without loopback.
    virtual std::vector<Ipv4Address> host_addresses() = 0;
    /// Makes the host's network what the spec says: bridge, DHCP, packet filter and routing. What
    /// is so already is not touched, so it may be called as often as need be. A filter that
    /// somebody removed is loaded anew, a guest whose bridge went away is connected again.
    virtual void apply_network(const NetworkSpec& spec) = 0;
    /// Removes a network that has no guests; what is not there is no error.
    virtual void remove_network(const NetworkSpec& spec) = 0;

    /// Whether the guest agent answers a ping within the time.
    virtual bool agent_answers(const std::string& name, std::chrono::seconds time) = 0;
    /// Runs a program in the guest through its agent, and waits for its end. Throws
    /// Error{InternalError} when the agent does not run it or the time is up.
    virtual GuestProgramResult run_in_guest(const std::string& name,
                                            const GuestProgram& program) = 0;
    /// Forwards a free port of 127.0.0.1 to the guest's port and returns it; the same one when it
    /// was forwarded before.
    virtual std::uint16_t forward_port(const std::string& name, std::uint16_t guest_port) = 0;

    /// Throws when somebody else has the domain's console open.
    virtual std::unique_ptr<Console> open_console(const std::string& name,
                                                  ConsoleCallbacks callbacks) = 0;
    virtual Screenshot screenshot(const std::string& name) = 0;

    virtual HostCapacity host_capacity() = 0;
    virtual HostVersions host_versions() = 0;
    /// Whom QEMU runs as unless the DomainSpec says otherwise, with the group that they open
    /// /dev/kvm by; nullopt when QEMU runs as the caller. libvirt is asked once.
    virtual std::optional<ProcessUser> qemu_user() = 0;
};

/// Connects to libvirt at the URI, and again whenever the connection is lost. Starts virtlogd and
/// libvirtd first when the URI is qemu:///system, the caller is root, no systemd manages the
/// machine and none runs; says so in the log. Throws Error{Unavailable} with what to do when it
/// cannot connect.
std::unique_ptr<Hypervisor> connect(const std::string& uri);

}  // namespace kiln::hypervisor
