#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "api/output/page.hpp"
#include "api/shapes/common.hpp"
#include "hypervisor/domain/architecture.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

using Host = launcher::HostDescription;
using Verdict = hypervisor::AcceleratorVerdict;

using Result = Page<Host>;

std::string accelerator_of(const Verdict& verdict) {
    if (!verdict.accelerator) return "none";
    return *verdict.accelerator == hypervisor::Accelerator::kvm ? "kvm" : "tcg";
}

/// Why `InstanceType` of EC2's answer is missing: here a host runs every type that it has room for.
const Structure<Host>& host_structure() {
    const auto itself = [](const Host& h) { return h; };
    static const auto properties =
        Structure<Host>()
            .integer("Cores", "cores", [](const Host& h) { return std::int64_t{h.processors}; })
            .integer("TotalVCpus", "totalVCpus",
                     [](const Host& h) { return std::int64_t{h.processors}; })
            .integer("MemoryInMiB", "memoryInMiB", [](const Host& h) {
                return static_cast<std::int64_t>(h.memory.in_mebibytes());
            });
    static const auto capacity = Structure<Host>().integer(
        "AvailableMemoryInMiB", "availableMemoryInMiB",
        [](const Host& h) { return static_cast<std::int64_t>(h.free_memory.in_mebibytes()); });
    static const auto instance =
        Structure<images::Instance>()
            .text("InstanceId", "instanceId", [](const images::Instance& i) { return i.id.str(); })
            .text("InstanceType", "instanceType",
                  [](const images::Instance& i) { return i.instance_type; })
            .text("OwnerId", "ownerId", [](const images::Instance& i) { return i.owner.str(); });
    static const auto verdict =
        Structure<Verdict>()
            .text(
                "Architecture", "architecture",
                [](const Verdict& v) { return std::string(hypervisor::ec2_name(v.architecture)); })
            .text("Accelerator", "accelerator", accelerator_of)
            .text("Reason", "reason", [](const Verdict& v) { return v.reason; });
    static const auto structure =
        Structure<Host>()
            .text("HostId", "hostId", [](const Host& h) { return h.id; })
            .text("State", "state", [](const Host&) { return std::string("available"); })
            .text("AvailabilityZone", "availabilityZone", [](const Host& h) { return h.zone; })
            .structure("HostProperties", "hostProperties", properties, itself)
            .structure("AvailableCapacity", "availableCapacity", capacity, itself)
            .list(
                "Accelerators", "acceleratorSet", verdict,
                [](const Host& h) -> const auto& { return h.accelerators; })
            .list(
                "Instances", "instances", instance,
                [](const Host& h) -> const auto& { return h.instances; });
    return structure;
}

Structure<Result> output() {
    return Structure<Result>()
        .list(
            "Hosts", "hostSet", host_structure(),
            [](const Result& r) -> const auto& { return r.items; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

const FilterTable<Host>& filters() {
    using Values = std::vector<std::string>;
    static const FilterTable<Host> table(
        {{"availability-zone", [](const Host& h) { return Values{h.zone}; }},
         {"state", [](const Host&) { return Values{"available"}; }}});
    return table;
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    std::vector<Host> hosts{services.launcher.describe_host(caller)};
    keep_ids<Host, std::string>(
        hosts, arguments.texts("HostId"), [](const Host& h) -> const std::string& { return h.id; },
        [](const std::string& id) {
            return Error("InvalidHostID.NotFound", id, "The host '" + id + "' does not exist");
        });
    filters().apply(filters_of(arguments), hosts);
    caller.stop_if_dry_run();
    return page_of<Host>(arguments, std::move(hosts), [](const Host& h) { return h.id; });
}

}  // namespace

Action describe_hosts() {
    return with_handler<Result>(
        {.name = "DescribeHosts",
         .summary = "Show the host of the region, its memory, and how it runs each architecture",
         .example = "kiln describe-hosts",
         .parameters = {{.name = "HostIds",
                         .wire = "HostId",
                         .list = true,
                         .help = "Ids of the hosts to show"},
                        filters_parameter(),
                        max_results_parameter(),
                        next_token_parameter(),
                        dry_run_parameter()},
         .table = {.rows = "Hosts.Accelerators",
                   .columns = {"Architecture", "Accelerator", "Reason"}}},
        output(), handle);
}

}  // namespace kiln::api
