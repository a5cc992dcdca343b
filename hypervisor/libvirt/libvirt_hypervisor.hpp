#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "hypervisor/hypervisor.hpp"
#include "hypervisor/libvirt/bridged_networks.hpp"
#include "hypervisor/libvirt/connection.hpp"
#include "hypervisor/libvirt/console.hpp"
#include "hypervisor/libvirt/domain_events.hpp"
#include "hypervisor/libvirt/live_domain_xml.hpp"

namespace kiln::hypervisor {

/// Hypervisor on a libvirt connection. Consoles must be gone before it.
class LibvirtHypervisor final : public Hypervisor {
  public:
    explicit LibvirtHypervisor(const std::string& uri);
    ~LibvirtHypervisor() override;
    LibvirtHypervisor(const LibvirtHypervisor&) = delete;
    LibvirtHypervisor& operator=(const LibvirtHypervisor&) = delete;

    void set_event_listener(std::function<void(const DomainEvent&)> listener) override;
    void start_domain(const DomainSpec& spec) override;
    void save_domain(const std::string& name, const std::filesystem::path& file) override;
    void restore_domain(const DomainSpec& spec, const std::filesystem::path& file,
                        const std::filesystem::path& copy) override;
    DomainState domain_state(const std::string& name) override;
    std::vector<std::string> domains_of(const std::string& catalog_id) override;
    void request_shutdown(const std::string& name) override;
    void request_reboot(const std::string& name) override;
    void reset(const std::string& name) override;
    void destroy(const std::string& name) override;
    bool wait_until_gone(const std::string& name, std::chrono::milliseconds time) override;
    void resume(const std::string& name) override;
    void snapshot_disks(const std::string& name, const std::vector<DiskSnapshot>& disks) override;
    std::optional<std::filesystem::path> active_file(const std::string& name,
                                                     const std::string& serial) override;
    std::optional<std::size_t> free_disk_slots(const std::string& name) override;
    void attach_disk(const std::string& name, const DiskSpec& disk) override;
    void attach_card(const std::string& name, const InterfaceSpec& card) override;
    bool detach_disk(const std::string& name, const std::string& serial) override;
    void start_pull(const std::string& name, const std::string& serial,
                    const std::filesystem::path& base) override;
    bool is_pulling(const std::string& name, const std::string& serial) override;
    void cancel_pull(const std::string& name, const std::string& serial) override;
    void resize_disk(const std::string& name, const std::string& serial, Bytes size) override;
    void define_secret(const Secret& secret) override;
    std::optional<std::string> secret_passphrase(const std::string& id) override;
    void remove_secret(const std::string& id) override;
    void remove_tpm(const std::string& uuid, GuestArchitecture architecture) override;
    std::vector<Ipv4Address> host_addresses() override;
    std::optional<std::string> bridging_obstacle() override;
    void apply_network(const NetworkSpec& spec) override;
    void remove_network(const NetworkSpec& spec) override;
    bool agent_answers(const std::string& name, std::chrono::seconds time) override;
    GuestProgramResult run_in_guest(const std::string& name, const GuestProgram& program) override;
    std::uint16_t forward_port(const std::string& name, std::uint16_t guest_port) override;
    std::unique_ptr<Console> open_console(const std::string& name,
                                          ConsoleCallbacks callbacks) override;
    Screenshot screenshot(const std::string& name) override;
    HostCapacity host_capacity() override;
    HostVersions host_versions() override;
    std::optional<ProcessUser> qemu_user() override;

  private:
    /// A domain and the connection that it was found on.
    struct Found {
        ConnectionPtr connection;
        DomainPtr domain;  // empty when there is no such domain
    };
    Found find(const std::string& name);
    /// As find, but throws when there is no such domain.
    Found require(const std::string& name);
    /// nullopt also when the domain ends meanwhile.
    static std::optional<LiveDisk> find_live_disk(const Found& found, const std::string& serial);
    /// The target of a disk that the domain must have.
    static std::string target_of(const Found& found, const std::string& serial);
    void close_consoles();
    void let_user_pass(const DomainSpec& spec);

    std::string uri_;
    BridgedNetworks networks_;
    std::shared_ptr<DomainEvents> events_ = std::make_shared<DomainEvents>();
    std::mutex forward_mutex_;
    std::mutex passing_mutex_;  // the lists of libvirt's directories are read and written back
    std::mutex consoles_mutex_;
    std::mutex qemu_user_mutex_;
    std::optional<std::optional<ProcessUser>> qemu_user_;  // absent: libvirt was not asked yet
    std::vector<std::weak_ptr<ConsoleStream>> consoles_;
    Connection connection_;  // last: its thread uses the members above
};

}  // namespace kiln::hypervisor
