#include "hypervisor/accelerator/verdict_cache.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "hypervisor/domain/architecture.hpp"

namespace kiln::hypervisor {

namespace {

constexpr Bytes largest_cache = Bytes::mebibytes(1);
constexpr const char* kvm = "kvm";
constexpr const char* tcg = "tcg";
constexpr const char* none = "none";

HostIdentity host_in(const nlohmann::json& cache) {
    return {.boot_id = cache.at("boot_id"),
            .kernel = cache.at("kernel"),
            .machine = cache.at("machine"),
            .kvm_device = cache.at("kvm_device"),
            .qemu = cache.at("qemu")};
}

const char* name_of(const std::optional<Accelerator>& accelerator) {
    if (!accelerator) return none;
    return *accelerator == Accelerator::kvm ? kvm : tcg;
}

/// nullopt for words that this version does not know.
std::optional<AcceleratorVerdict> verdict_in(const nlohmann::json& entry) {
    const std::string architecture = entry.at("architecture");
    const auto known = std::ranges::find_if(guest_architectures, [&](GuestArchitecture candidate) {
        return architecture == libvirt_name(candidate);
    });
    if (known == guest_architectures.end()) return std::nullopt;
    AcceleratorVerdict verdict{.architecture = *known, .reason = entry.at("reason")};
    const std::string accelerator = entry.at("accelerator");
    if (accelerator == kvm) verdict.accelerator = Accelerator::kvm;
    if (accelerator == tcg) verdict.accelerator = Accelerator::tcg;
    if (accelerator != name_of(verdict.accelerator)) return std::nullopt;
    return verdict;
}

std::optional<std::vector<AcceleratorVerdict>> verdicts_in(const nlohmann::json& cache) {
    std::vector<AcceleratorVerdict> verdicts;
    for (const nlohmann::json& entry : cache.at("verdicts")) {
        auto verdict = verdict_in(entry);
        if (!verdict) return std::nullopt;
        verdicts.push_back(*std::move(verdict));
    }
    if (verdicts.size() != guest_architectures.size()) return std::nullopt;
    return verdicts;
}

}  // namespace

std::optional<std::vector<AcceleratorVerdict>> load_verdicts(
    const std::filesystem::path& cache_file, const HostIdentity& host) {
    try {
        const auto cache = nlohmann::json::parse(read_file(cache_file, largest_cache));
        if (host_in(cache) != host) return std::nullopt;
        return verdicts_in(cache);
    } catch (const nlohmann::json::exception&) {
        return std::nullopt;
    } catch (const Error&) {
        return std::nullopt;
    }
}

void store_verdicts(const std::filesystem::path& cache_file, const HostIdentity& host,
                    const std::vector<AcceleratorVerdict>& verdicts) {
    nlohmann::json cache{
        {"boot_id", host.boot_id}, {"kernel", host.kernel},
        {"machine", host.machine}, {"kvm_device", host.kvm_device},
        {"qemu", host.qemu},       {"verdicts", nlohmann::json::array()},
    };
    for (const AcceleratorVerdict& verdict : verdicts) {
        cache["verdicts"].push_back({{"architecture", libvirt_name(verdict.architecture)},
                                     {"accelerator", name_of(verdict.accelerator)},
                                     {"reason", verdict.reason}});
    }
    // QEMU's words are in there, and need not be UTF-8.
    const std::string text =
        cache.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    write_file_atomically(cache_file, text, 0600);
}

}  // namespace kiln::hypervisor
