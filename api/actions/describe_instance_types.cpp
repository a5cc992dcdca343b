#include <algorithm>

#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "api/output/page.hpp"
#include "api/shapes/common.hpp"
#include "base/error.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

using Type = launcher::InstanceType;
using Result = Page<Type>;
using Values = std::vector<std::string>;

Values architectures_of(const Type& type) {
    Values names;
    for (const auto architecture : type.architectures)
        names.emplace_back(to_text(architecture));
    return names;
}

Values virtualization_types_of(const Type& type) {
    Values names;
    for (const auto virtualization_type : type.virtualization_types)
        names.emplace_back(to_text(virtualization_type));
    return names;
}

/// Every machine has the firmware of its architecture; other than in EC2 that is not the type's.
Values boot_modes_of(const Type& type) {
    const auto has = [&](images::Architecture architecture) {
        return std::ranges::find(type.architectures, architecture) != type.architectures.end();
    };
    const bool is_intel = has(images::Architecture::x86_64);
    Values modes;
    if (is_intel || has(images::Architecture::i386)) modes.emplace_back("legacy-bios");
    if (is_intel || has(images::Architecture::arm64) || has(images::Architecture::x86_64_mac))
        modes.emplace_back("uefi");
    return modes;
}

std::string tpm_support_of(const Type& type) {
    const Values modes = boot_modes_of(type);
    const bool has_uefi = std::ranges::find(modes, "uefi") != modes.end();
    return has_uefi && !type.bare_metal ? "supported" : "unsupported";
}

std::int64_t memory_in_mebibytes(const Type& type) {
    return static_cast<std::int64_t>(type.memory.in_mebibytes());
}

/// An instance-store root needs no disk of the type here, other than in EC2.
Values root_device_types(const Type&) {
    return {"ebs", "instance-store"};
}

struct Disk {
    std::int64_t size_gib;
    std::int64_t count;
};

std::vector<Disk> disks_of(const Type& type) {
    return {{.size_gib = static_cast<std::int64_t>(type.storage.front().in_gibibytes()),
             .count = static_cast<std::int64_t>(type.storage.size())}};
}

const Structure<Type>& storage_structure() {
    static const auto disk =
        Structure<Disk>()
            .integer("SizeInGB", "sizeInGB", [](const Disk& d) { return d.size_gib; })
            .integer("Count", "count", [](const Disk& d) { return d.count; })
            .text("Type", "type", [](const Disk&) { return std::string("ssd"); });
    static const auto structure =
        Structure<Type>()
            .integer("TotalSizeInGB", "totalSizeInGB",
                     [](const Type& t) {
                         const Disk disks = disks_of(t).front();
                         return disks.size_gib * disks.count;
                     })
            .list("Disks", "disks", disk, disks_of)
            .text("NvmeSupport", "nvmeSupport", [](const Type& t) {
                return std::string(t.storage_is_nvme ? "required" : "unsupported");
            });
    return structure;
}

Structure<Result> output() {
    const auto processors = Structure<Type>().integer(
        "DefaultVCpus", "defaultVCpus", [](const Type& t) { return std::int64_t{t.vcpus}; });
    const auto memory = Structure<Type>().integer("SizeInMiB", "sizeInMiB", memory_in_mebibytes);
    const auto processor = Structure<Type>().text_list("SupportedArchitectures",
                                                       "supportedArchitectures", architectures_of);
    const auto itself = [](const Type& t) { return t; };
    const auto item =
        Structure<Type>()
            .text("InstanceType", "instanceType", [](const Type& t) { return t.name; })
            .boolean("CurrentGeneration", "currentGeneration",
                     [](const Type& t) { return t.current_generation; })
            .text_list("SupportedRootDeviceTypes", "supportedRootDeviceTypes", root_device_types)
            .text_list("SupportedVirtualizationTypes", "supportedVirtualizationTypes",
                       virtualization_types_of)
            .text_list("SupportedBootModes", "supportedBootModes", boot_modes_of)
            .text("NitroTpmSupport", "nitroTpmSupport", tpm_support_of)
            .boolean("BareMetal", "bareMetal", [](const Type& t) { return t.bare_metal; })
            .structure("ProcessorInfo", "processorInfo", processor, itself)
            .structure("VCpuInfo", "vCpuInfo", processors, itself)
            .structure("MemoryInfo", "memoryInfo", memory, itself)
            .boolean("InstanceStorageSupported", "instanceStorageSupported",
                     [](const Type& t) { return !t.storage.empty(); })
            .structure("InstanceStorageInfo", "instanceStorageInfo", storage_structure(),
                       [](const Type& t) -> std::optional<Type> {
                           if (t.storage.empty()) return std::nullopt;
                           return t;
                       })
            .boolean("BurstablePerformanceSupported", "burstablePerformanceSupported",
                     [](const Type& t) { return t.burstable; });
    return Structure<Result>()
        .list(
            "InstanceTypes", "instanceTypeSet", item,
            [](const Result& r) -> const auto& { return r.items; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

const FilterTable<Type>& filters() {
    static const FilterTable<Type> table(
        {{"bare-metal", [](const Type& t) { return Values{t.bare_metal ? "true" : "false"}; }},
         {"burstable-performance-supported",
          [](const Type& t) { return Values{t.burstable ? "true" : "false"}; }},
         {"current-generation",
          [](const Type& t) { return Values{t.current_generation ? "true" : "false"}; }},
         {"instance-storage-supported",
          [](const Type& t) { return Values{t.storage.empty() ? "false" : "true"}; }},
         {"instance-type", [](const Type& t) { return Values{t.name}; }},
         {"memory-info.size-in-mib",
          [](const Type& t) { return Values{std::to_string(memory_in_mebibytes(t))}; }},
         {"nitro-tpm-support", [](const Type& t) { return Values{tpm_support_of(t)}; }},
         {"processor-info.supported-architecture", architectures_of},
         {"supported-boot-mode", boot_modes_of},
         {"supported-root-device-type", root_device_types},
         {"supported-virtualization-type", virtualization_types_of},
         {"vcpu-info.default-vcpus",
          [](const Type& t) { return Values{std::to_string(t.vcpus)}; }}});
    return table;
}

std::vector<Type> requested_types(Services& services, const images::Caller& caller,
                                  const Values& names) {
    if (names.empty()) return services.launcher.offered_types(caller);
    std::vector<Type> types;
    for (const std::string& name : names) {
        try {
            types.push_back(services.launcher.types().get(name));
            services.launcher.check_offered(caller, types.back());
        } catch (const Error& error) {
            if (error.code() == error_code::unavailable) throw;
            throw Error("InvalidInstanceType", name, error.message());
        }
    }
    return types;
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    check_ids_or_pages(arguments, "InstanceType");
    std::vector<Type> types = requested_types(services, caller, arguments.texts("InstanceType"));
    filters().apply(filters_of(arguments), types);
    caller.stop_if_dry_run();
    return page_of<Type>(arguments, std::move(types), [](const Type& t) { return t.name; });
}

}  // namespace

Action describe_instance_types() {
    return with_handler<Result>(
        {.name = "DescribeInstanceTypes",
         .summary = "Show the instance types that the host can run: processors and memory",
         .example = "kiln describe-instance-types --filters Name=vcpu-info.default-vcpus,Values=2",
         .parameters = {{.name = "InstanceTypes",
                         .wire = "InstanceType",
                         .list = true,
                         .help = "Names of the types to show"},
                        filters_parameter(),
                        max_results_parameter(),
                        next_token_parameter(),
                        dry_run_parameter()},
         .table = {.rows = "InstanceTypes",
                   .columns = {"InstanceType", "VCpuInfo.DefaultVCpus", "MemoryInfo.SizeInMiB",
                               "BurstablePerformanceSupported"}}},
        output(), handle);
}

}  // namespace kiln::api
