#include "hypervisor/accelerator/verdict_cache.hpp"

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/file.hpp"

namespace kiln::hypervisor {

namespace {

constexpr Bytes largest_cache = Bytes::mebibytes(1);

HostIdentity host_in(const nlohmann::json& cache) {
    return {.boot_id = cache.at("boot_id"),
            .kernel = cache.at("kernel"),
            .qemu = cache.at("qemu"),
            .kvm_device = cache.at("kvm_device")};
}

std::optional<Accelerator> accelerator_in(const nlohmann::json& cache) {
    const std::string name = cache.at("accelerator");
    if (name == "kvm") return Accelerator::kvm;
    if (name == "tcg") return Accelerator::tcg;
    return std::nullopt;
}

}  // namespace

std::optional<AcceleratorVerdict> load_verdict(const std::filesystem::path& cache_file,
                                               const HostIdentity& host) {
    try {
        const auto cache = nlohmann::json::parse(read_file(cache_file, largest_cache));
        const auto accelerator = accelerator_in(cache);
        if (!accelerator || host_in(cache) != host) return std::nullopt;
        return AcceleratorVerdict{*accelerator, cache.at("reason")};
    } catch (const nlohmann::json::exception&) {
        return std::nullopt;
    } catch (const Error&) {
        return std::nullopt;
    }
}

void store_verdict(const std::filesystem::path& cache_file, const HostIdentity& host,
                   const AcceleratorVerdict& verdict) {
    const nlohmann::json cache{
        {"boot_id", host.boot_id},
        {"kernel", host.kernel},
        {"qemu", host.qemu},
        {"kvm_device", host.kvm_device},
        {"accelerator", verdict.accelerator == Accelerator::kvm ? "kvm" : "tcg"},
        {"reason", verdict.reason},
    };
    // QEMU's words are in there, and need not be UTF-8.
    const std::string text =
        cache.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    write_file_atomically(cache_file, text, 0600);
}

}  // namespace kiln::hypervisor
