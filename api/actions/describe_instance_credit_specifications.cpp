#include "api/action.hpp"
#include "api/output/page.hpp"
#include "api/shapes/common.hpp"
#include "base/database.hpp"
#include "base/error.hpp"
#include "images/catalog/instance.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

using images::Instance;
using Result = Page<Instance>;

Structure<Result> output() {
    const auto item =
        Structure<Instance>()
            .text("InstanceId", "instanceId", [](const Instance& i) { return i.id.str(); })
            .text("CpuCredits", "cpuCredits",
                  [](const Instance&) { return std::string("standard"); });
    return Structure<Result>()
        .list(
            "InstanceCreditSpecifications", "instanceCreditSpecificationSet", item,
            [](const Result& r) -> const auto& { return r.items; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

void check_burstable(const launcher::InstanceTypes& types, const Instance& instance) {
    // A type may have left the configuration since.
    const launcher::InstanceType* type = types.find(instance.instance_type);
    if (type != nullptr && type->burstable) return;
    throw Error("InvalidInstanceID.NotBurstable", instance.id.str(),
                "The instance '" + instance.id.str() + "' of type " + instance.instance_type +
                    " has no CPU credits");
}

/// Nobody has unlimited credits here, and without ids EC2 answers with those who have.
Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    check_ids_or_pages(arguments, "InstanceId");
    std::vector<Instance> instances;
    services.database.read([&](Session& session) {
        for (const std::string& id : arguments.texts("InstanceId")) {
            instances.push_back(images::get_instance(session, caller.scope(), InstanceId(id)));
            check_burstable(services.launcher.types(), instances.back());
        }
    });
    caller.stop_if_dry_run();
    return page_of<Instance>(arguments, std::move(instances),
                             [](const Instance& i) { return i.id.str(); });
}

}  // namespace

Action describe_instance_credit_specifications() {
    return with_handler<Result>(
        {.name = "DescribeInstanceCreditSpecifications",
         .summary =
             "Show the CPU credits of burstable instances, which are not limited by them here",
         .example = "kiln describe-instance-credit-specifications --instance-ids "
                    "i-0123456789abcdef0",
         .parameters =
             {{.name = "InstanceIds", .wire = "InstanceId", .list = true, .help = "The instances"},
              max_results_parameter(),
              next_token_parameter(),
              dry_run_parameter()},
         .table = {.rows = "InstanceCreditSpecifications",
                   .columns = {"InstanceId", "CpuCredits"}}},
        output(), handle);
}

}  // namespace kiln::api
