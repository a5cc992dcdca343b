#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "api/output/page.hpp"
#include "api/shapes/common.hpp"
#include "launcher/types/instance_type.hpp"

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
                       [](const Type&) { return Values{"hvm"}; })
            .boolean("BareMetal", "bareMetal", [](const Type&) { return false; })
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
        {{"bare-metal", [](const Type&) { return Values{"false"}; }},
         {"burstable-performance-supported",
          [](const Type& t) { return Values{t.burstable ? "true" : "false"}; }},
         {"current-generation",
          [](const Type& t) { return Values{t.current_generation ? "true" : "false"}; }},
         {"instance-storage-supported",
          [](const Type& t) { return Values{t.storage.empty() ? "false" : "true"}; }},
         {"instance-type", [](const Type& t) { return Values{t.name}; }},
         {"memory-info.size-in-mib",
          [](const Type& t) { return Values{std::to_string(memory_in_mebibytes(t))}; }},
         {"processor-info.supported-architecture", architectures_of},
         {"supported-root-device-type", root_device_types},
         {"supported-virtualization-type", [](const Type&) { return Values{"hvm"}; }},
         {"vcpu-info.default-vcpus",
          [](const Type& t) { return Values{std::to_string(t.vcpus)}; }}});
    return table;
}

std::vector<Type> requested_types(const Values& names) {
    if (names.empty()) return launcher::instance_types();
    std::vector<Type> types;
    for (const std::string& name : names) {
        try {
            types.push_back(launcher::get_instance_type(name));
        } catch (const Error& error) {
            throw Error("InvalidInstanceType", name, error.message());
        }
    }
    return types;
}

Result handle(Services&, const images::Caller& caller, const Arguments& arguments) {
    check_ids_or_pages(arguments, "InstanceType");
    std::vector<Type> types = requested_types(arguments.texts("InstanceType"));
    filters().apply(filters_of(arguments), types);
    caller.stop_if_dry_run();
    return page_of<Type>(arguments, std::move(types), [](const Type& t) { return t.name; });
}

}  // namespace

Action describe_instance_types() {
    return with_handler<Result>(
        {.name = "DescribeInstanceTypes",
         .summary = "Show instance types: processors and memory",
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
