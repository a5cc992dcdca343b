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
            .text_list("SupportedRootDeviceTypes", "supportedRootDeviceTypes",
                       [](const Type&) { return Values{"ebs"}; })
            .text_list("SupportedVirtualizationTypes", "supportedVirtualizationTypes",
                       [](const Type&) { return Values{"hvm"}; })
            .boolean("BareMetal", "bareMetal", [](const Type&) { return false; })
            .structure("ProcessorInfo", "processorInfo", processor, itself)
            .structure("VCpuInfo", "vCpuInfo", processors, itself)
            .structure("MemoryInfo", "memoryInfo", memory, itself)
            .boolean("InstanceStorageSupported", "instanceStorageSupported",
                     [](const Type&) { return false; })
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
         {"instance-storage-supported", [](const Type&) { return Values{"false"}; }},
         {"instance-type", [](const Type& t) { return Values{t.name}; }},
         {"memory-info.size-in-mib",
          [](const Type& t) { return Values{std::to_string(memory_in_mebibytes(t))}; }},
         {"processor-info.supported-architecture", architectures_of},
         {"supported-root-device-type", [](const Type&) { return Values{"ebs"}; }},
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
