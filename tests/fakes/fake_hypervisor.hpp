#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "hypervisor/accelerator/accelerator.hpp"
#include "hypervisor/domain/architecture.hpp"
#include "hypervisor/hypervisor.hpp"
#include "images/layers/qemu_img.hpp"

namespace kiln::tests {

/// What choose_accelerators() says of a host without KVM and with every QEMU.
inline hypervisor::Accelerators emulating_all(const std::string& system_vendor = "QEMU") {
    std::vector<hypervisor::AcceleratorVerdict> verdicts;
    for (const auto architecture : hypervisor::guest_architectures)
        verdicts.push_back({architecture, hypervisor::Accelerator::tcg, "no guests here"});
    return hypervisor::Accelerators(std::move(verdicts), system_vendor);
}

/// A host without guests: it remembers which domains run and which file each disk writes to, as
/// libvirt would, and fails where a test tells it to.
class FakeHypervisor final : public hypervisor::Hypervisor {
  public:
    // What tests say.

    /// The guest powers itself off.
    void guest_powers_off(const std::string& name) {
        std::function<void(const hypervisor::DomainEvent&)> listener;
        {
            const std::lock_guard lock(mutex_);
            domains_.erase(name);
            listener = listener_;
        }
        if (listener) {
            listener({.domain = name,
                      .kind = hypervisor::DomainEventKind::stopped,
                      .detail = hypervisor::guest_shutdown});
        }
    }
    /// Powers off without anybody being told: the service was down.
    void guest_vanishes(const std::string& name) {
        const std::lock_guard lock(mutex_);
        domains_.erase(name);
    }
    void send(const hypervisor::DomainEvent& event) { listener_(event); }
    /// The next call of the function throws, once.
    void fail_next(const std::string& function, Error error) {
        const std::lock_guard lock(mutex_);
        failures_.insert_or_assign(function, std::move(error));
    }
    /// The one after the next call of the function fails, once.
    void fail_second(const std::string& function, Error error) {
        const std::lock_guard lock(mutex_);
        next_failures_.insert_or_assign(function, std::move(error));
    }
    /// The next call of the function does its work and then throws, once.
    void fail_after_next(const std::string& function, Error error) {
        const std::lock_guard lock(mutex_);
        late_failures_.insert_or_assign(function, std::move(error));
    }
    /// UUIDs, in the order of the calls.
    std::vector<std::string> removed_tpms() {
        const std::lock_guard lock(mutex_);
        return removed_tpms_;
    }
    /// Pulls end at once and leave the chain as it was.
    void let_pulls_fail() {
        const std::lock_guard lock(mutex_);
        pulls_fail_ = true;
    }
    /// At the next call of the function the action comes first, once: somebody is quicker.
    void before_next(const std::string& function, std::function<void()> action) {
        const std::lock_guard lock(mutex_);
        actions_.insert_or_assign(function, std::move(action));
    }
    /// Guests do not let go of disks that they are asked for.
    void keep_disks(bool keep) {
        const std::lock_guard lock(mutex_);
        keeps_disks_ = keep;
    }
    /// Pulls that begin do not end.
    void hold_pulls() {
        const std::lock_guard lock(mutex_);
        holds_pulls_ = true;
    }
    /// Pulls that begin end when somebody has looked at them once.
    void let_pulls_take_long() {
        const std::lock_guard lock(mutex_);
        pulls_take_long_ = true;
    }
    void set_free_disk_slots(std::size_t count) { free_disk_slots_ = count; }
    void ignore_shutdown_requests() { ignores_shutdown_ = true; }
    void set_memory(Bytes memory) { memory_ = memory; }
    void let_agents_answer() { agents_answer_ = true; }
    /// From now on this is what the agents' programs say.
    using Answer = std::function<hypervisor::GuestProgramResult(const hypervisor::GuestProgram&)>;
    void answer_programs(Answer answer) {
        const std::lock_guard lock(mutex_);
        answer_ = std::move(answer);
    }
    /// From now on QEMU runs as another user than the service.
    void run_guests_as(const hypervisor::ProcessUser& user) {
        const std::lock_guard lock(mutex_);
        qemu_user_ = user;
    }
    /// From now on guests may have networks with bridges.
    void offer_bridges() { bridges_ = true; }

    // What tests ask.

    std::vector<std::string> calls() const {
        const std::lock_guard lock(mutex_);
        return calls_;
    }
    hypervisor::DomainSpec spec(const std::string& name) const {
        const std::lock_guard lock(mutex_);
        return domains_.at(name);
    }
    std::size_t domain_count() const {
        const std::lock_guard lock(mutex_);
        return domains_.size();
    }

    std::vector<hypervisor::NetworkSpec> networks() const {
        const std::lock_guard lock(mutex_);
        std::vector<hypervisor::NetworkSpec> all;
        for (const auto& [name, spec] : networks_)
            all.push_back(spec);
        return all;
    }

    // What the launcher does.

    void set_event_listener(std::function<void(const hypervisor::DomainEvent&)> listener) override {
        const std::lock_guard lock(mutex_);
        listener_ = std::move(listener);
    }
    void start_domain(const hypervisor::DomainSpec& spec) override {
        enter("start_domain", spec.name);
        const std::lock_guard lock(mutex_);
        for (const hypervisor::DiskSpec& disk : spec.disks)
            check_keys(disk);
        domains_.insert_or_assign(spec.name, spec);
    }
    hypervisor::DomainState domain_state(const std::string& name) override {
        const std::lock_guard lock(mutex_);
        return domains_.contains(name) ? hypervisor::DomainState::running
                                       : hypervisor::DomainState::absent;
    }
    std::vector<std::string> domains_of(const std::string& catalog_id) override {
        const std::lock_guard lock(mutex_);
        std::vector<std::string> names;
        for (const auto& [name, spec] : domains_) {
            if (spec.catalog_id == catalog_id) names.push_back(name);
        }
        return names;
    }
    void save_domain(const std::string& name, const std::filesystem::path& file) override {
        enter("save_domain", name);
        write_file_atomically(file, "saved " + name, 0600);
        const std::lock_guard lock(mutex_);
        domains_.erase(name);
    }
    void restore_domain(const hypervisor::DomainSpec& spec, const std::filesystem::path& file,
                        const std::filesystem::path&) override {
        enter("restore_domain", spec.name);
        read_file(file);
        start_domain(spec);
        const std::lock_guard lock(mutex_);
        appliance_guests_.erase(spec.name);
    }
    void attach_card(const std::string& name, const hypervisor::InterfaceSpec& card) override {
        enter("attach_card", name);
        const std::lock_guard lock(mutex_);
        domains_.at(name).interfaces.push_back(card);
    }
    hypervisor::GuestProgramResult run_in_guest(const std::string& name,
                                                const hypervisor::GuestProgram& program) override {
        enter("run_in_guest", name);
        if (const Answer answer = own_answer()) return answer(program);
        const std::lock_guard lock(mutex_);
        programs_.push_back(program);
        const std::string& order = program.arguments.back();
        if (order == "start") appliance_guests_[name] = ++boots_of_guests_;
        if (order == "reboot" && guests_are_deaf_) return {.exit_status = 1, .output = ""};
        const auto guest = appliance_guests_.find(name);
        if (guest == appliance_guests_.end()) return {.exit_status = 1, .output = ""};
        return {.exit_status = 0, .output = std::to_string(guest->second)};
    }
    /// In its appliance, which stays.
    void appliance_guest_reboots(const std::string& name) {
        const std::lock_guard lock(mutex_);
        appliance_guests_.at(name) = ++boots_of_guests_;
    }
    /// Whether the kernels of guests in appliances do not heed orders.
    void make_appliance_guests_deaf(bool deaf) {
        const std::lock_guard lock(mutex_);
        guests_are_deaf_ = deaf;
    }
    /// What was run in guests, in the order of the calls.
    std::vector<hypervisor::GuestProgram> programs() {
        const std::lock_guard lock(mutex_);
        return programs_;
    }
    void request_shutdown(const std::string& name) override {
        enter("request_shutdown", name);
        if (!ignores_shutdown_) guest_powers_off(name);
    }
    void request_reboot(const std::string& name) override { enter("request_reboot", name); }
    void reset(const std::string& name) override { enter("reset", name); }
    void destroy(const std::string& name) override {
        enter("destroy", name);
        guest_powers_off(name);
    }
    bool wait_until_gone(const std::string& name, std::chrono::milliseconds) override {
        return domain_state(name) == hypervisor::DomainState::absent;
    }
    void resume(const std::string& name) override { enter("resume", name); }
    void snapshot_disks(const std::string& name,
                        const std::vector<hypervisor::DiskSnapshot>& disks) override {
        enter("snapshot_disks", name);
        const std::lock_guard lock(mutex_);
        for (const hypervisor::DiskSnapshot& disk : disks)
            check_key(disk.key_id);
        for (const hypervisor::DiskSnapshot& disk : disks) {
            auto& own = domains_.at(name).disks;
            const auto found = std::ranges::find(own, disk.serial, &hypervisor::DiskSpec::serial);
            found->chain.insert(found->chain.begin(),
                                {.path = disk.overlay, .key_id = disk.key_id});
        }
        fail_late("snapshot_disks");
    }
    std::optional<std::filesystem::path> active_file(const std::string& name,
                                                     const std::string& serial) override {
        const std::lock_guard lock(mutex_);
        fail_now("active_file");
        const auto domain = domains_.find(name);
        if (domain == domains_.end()) return std::nullopt;
        const auto& disks = domain->second.disks;
        const auto found = std::ranges::find(disks, serial, &hypervisor::DiskSpec::serial);
        if (found == disks.end()) return std::nullopt;
        return found->chain.front().path;
    }
    std::optional<std::size_t> free_disk_slots(const std::string& name) override {
        const std::lock_guard lock(mutex_);
        if (!domains_.contains(name)) return std::nullopt;
        return free_disk_slots_;
    }
    void attach_disk(const std::string& name, const hypervisor::DiskSpec& disk) override {
        enter("attach_disk", name);
        const std::lock_guard lock(mutex_);
        check_keys(disk);
        domains_.at(name).disks.push_back(disk);
        fail_late("attach_disk");
    }
    bool detach_disk(const std::string& name, const std::string& serial) override {
        enter("detach_disk", name);
        const std::lock_guard lock(mutex_);
        if (keeps_disks_) return false;
        std::erase_if(domains_.at(name).disks,
                      [&](const hypervisor::DiskSpec& disk) { return disk.serial == serial; });
        return true;
    }
    void start_pull(const std::string& name, const std::string& serial,
                    const std::filesystem::path& base) override {
        enter("start_pull", name);
        const std::lock_guard lock(mutex_);
        pulls_.insert_or_assign(serial, base);
        if (pulls_fail_) {
            pulls_.erase(serial);
        } else if (!holds_pulls_ && !pulls_take_long_) {
            end_pull(name, serial);
        }
    }
    bool is_pulling(const std::string& name, const std::string& serial) override {
        const std::lock_guard lock(mutex_);
        if (!domains_.contains(name)) pulls_.erase(serial);
        const bool was_pulling = pulls_.contains(serial);
        if (was_pulling && pulls_take_long_) end_pull(name, serial);
        return was_pulling;
    }
    void cancel_pull(const std::string& name, const std::string& serial) override {
        enter("cancel_pull", name);
        const std::lock_guard lock(mutex_);
        pulls_.erase(serial);
    }
    void resize_disk(const std::string& name, const std::string& serial, Bytes size) override {
        enter("resize_disk", name);
        const std::lock_guard lock(mutex_);
        const auto& disks = domains_.at(name).disks;
        const auto& top =
            std::ranges::find(disks, serial, &hypervisor::DiskSpec::serial)->chain.front();
        images::qemu_img::grow(top.path, size, key_of(top));
    }
    void define_secret(const hypervisor::Secret& secret) override {
        enter("define_secret", secret.id);
        const std::lock_guard lock(mutex_);
        const auto [known, added] = secrets_.try_emplace(secret.id, secret.passphrase);
        if (!added && known->second != secret.passphrase) {
            throw Error(error_code::internal_error, secret.id, "another passphrase is kept");
        }
    }
    std::optional<std::string> secret_passphrase(const std::string& id) override {
        const std::lock_guard lock(mutex_);
        fail_now("secret_passphrase");
        const auto found = secrets_.find(id);
        if (found == secrets_.end()) return std::nullopt;
        return found->second;
    }
    void remove_tpm(const std::string& uuid, hypervisor::GuestArchitecture) override {
        enter("remove_tpm", uuid);
        const std::lock_guard lock(mutex_);
        removed_tpms_.push_back(uuid);
    }
    void remove_secret(const std::string& id) override {
        enter("remove_secret", id);
        const std::lock_guard lock(mutex_);
        secrets_.erase(id);
    }
    std::optional<std::string> bridging_obstacle() override {
        if (bridges_) return std::nullopt;
        return "a fake host has no bridges";
    }
    std::vector<Ipv4Address> host_addresses() override {
        return {{.bits = 0xc0000207}, {.bits = 0xc0000208}};  // 192.0.2.7, 192.0.2.8
    }
    void apply_network(const hypervisor::NetworkSpec& spec) override {
        enter("apply_network", spec.name);
        const std::lock_guard lock(mutex_);
        networks_.insert_or_assign(spec.name, spec);
    }
    void remove_network(const hypervisor::NetworkSpec& spec) override {
        enter("remove_network", spec.name);
        const std::lock_guard lock(mutex_);
        networks_.erase(spec.name);
    }
    bool agent_answers(const std::string&, std::chrono::seconds) override { return agents_answer_; }
    std::uint16_t forward_port(const std::string& name, std::uint16_t) override {
        enter("forward_port", name);
        return 40022;
    }
    std::unique_ptr<hypervisor::Console> open_console(const std::string&,
                                                      hypervisor::ConsoleCallbacks) override {
        throw Error(error_code::unsupported_operation, "", "this host has no consoles");
    }
    hypervisor::Screenshot screenshot(const std::string&) override { return {.jpeg = "\xff\xd8"}; }
    hypervisor::HostCapacity host_capacity() override {
        const std::lock_guard lock(mutex_);
        fail_now("host_capacity");
        return {.memory = memory_, .processors = 2};
    }
    hypervisor::HostVersions host_versions() override { return {.libvirt = "1", .qemu = "2"}; }
    std::optional<hypervisor::ProcessUser> qemu_user() override {
        const std::lock_guard lock(mutex_);
        return qemu_user_;
    }

  private:
    void enter(const std::string& function, const std::string& name) {
        if (const auto action = take_action(function)) action();
        const std::lock_guard lock(mutex_);
        calls_.push_back(function + " " + name);
        fail_now(function);
    }
    /// The mutex is held.
    void fail_now(const std::string& function) {
        const auto failure = failures_.extract(function);
        if (failure) throw Error(failure.mapped());
        failures_.insert(next_failures_.extract(function));
    }

    /// The mutex is held.
    void fail_late(const std::string& function) {
        const auto failure = late_failures_.extract(function);
        if (failure) throw Error(failure.mapped());
    }

    Answer own_answer() const {
        const std::lock_guard lock(mutex_);
        return answer_;
    }

    std::function<void()> take_action(const std::string& function) {
        const std::lock_guard lock(mutex_);
        auto action = actions_.extract(function);
        return action ? std::move(action.mapped()) : nullptr;
    }

    /// As libvirt does. The mutex is held.
    void check_key(const std::string& id) const {
        if (id.empty() || secrets_.contains(id)) return;
        throw Error(error_code::internal_error, id, "no secret with matching uuid '" + id + "'");
    }
    void check_keys(const hypervisor::DiskSpec& disk) const {
        for (const hypervisor::DiskFile& file : disk.chain)
            check_key(file.key_id);
    }

    /// The mutex is held.
    std::optional<images::LayerKey> key_of(const hypervisor::DiskFile& file) const {
        if (file.key_id.empty()) return std::nullopt;
        return images::LayerKey{.id = file.key_id, .passphrase = secrets_.at(file.key_id)};
    }
    /// As QEMU does: copies into the top, then names the base in it. The mutex is held.
    void end_pull(const std::string& name, const std::string& serial) {
        auto& disks = domains_.at(name).disks;
        auto& chain = std::ranges::find(disks, serial, &hypervisor::DiskSpec::serial)->chain;
        const auto pull = pulls_.extract(serial);
        const auto base = std::ranges::find(chain, pull.mapped(), &hypervisor::DiskFile::path);
        images::qemu_img::rebase(chain.front().path, base->path, {}, key_of(chain.front()));
        chain.erase(chain.begin() + 1, base);
    }

    mutable std::mutex mutex_;
    std::vector<std::string> removed_tpms_;
    bool guests_are_deaf_ = false;
    std::map<std::string, int> appliance_guests_;  // domains whose appliance runs one: its boot
    int boots_of_guests_ = 0;
    std::vector<hypervisor::GuestProgram> programs_;
    std::map<std::string, std::string> secrets_;          // passphrases by id
    std::map<std::string, std::filesystem::path> pulls_;  // by serial
    bool holds_pulls_ = false;
    bool pulls_fail_ = false;
    bool pulls_take_long_ = false;
    std::map<std::string, std::function<void()>> actions_;
    std::map<std::string, hypervisor::DomainSpec> domains_;
    std::map<std::string, Error> failures_;
    std::map<std::string, Error> next_failures_;
    std::map<std::string, Error> late_failures_;
    std::vector<std::string> calls_;
    std::function<void(const hypervisor::DomainEvent&)> listener_;
    bool ignores_shutdown_ = false;
    bool keeps_disks_ = false;
    std::size_t free_disk_slots_ = 8;
    bool agents_answer_ = false;
    Answer answer_;
    bool bridges_ = false;
    std::map<std::string, hypervisor::NetworkSpec> networks_;
    std::optional<hypervisor::ProcessUser> qemu_user_;
    Bytes memory_ = Bytes::gibibytes(64);
};

}  // namespace kiln::tests
