#include "api/action.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

struct Result {
    InstanceId instance;
    std::string data;
};

Structure<Result> output() {
    return Structure<Result>()
        .text("InstanceId", "instanceId", [](const Result& r) { return r.instance.str(); })
        .text("UefiData", "uefiData", [](const Result& r) { return r.data; });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const InstanceId id(arguments.required_text("InstanceId"));
    return {.instance = id, .data = services.launcher.instance_uefi_data(caller, id)};
}

}  // namespace

Action get_instance_uefi_data() {
    return with_handler<Result>(
        {.name = "GetInstanceUefiData",
         .summary = "Show the UEFI variables of an instance, for register-image --uefi-data",
         .example = "kiln get-instance-uefi-data --instance-id i-0123456789abcdef0 --output text",
         .parameters = {{.name = "InstanceId",
                         .wire = "InstanceId",
                         .required = true,
                         .help = "An instance that boots through UEFI"},
                        dry_run_parameter()},
         .table = {.columns = {"UefiData"}}},
        output(), handle);
}

}  // namespace kiln::api
