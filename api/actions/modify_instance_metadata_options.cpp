#include "api/action.hpp"
#include "api/shapes/network_interface.hpp"
#include "base/database.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

struct Result {
    InstanceId instance;
    images::MetadataOptions options;
};

Structure<Result> output() {
    return Structure<Result>()
        .text("InstanceId", "instanceId", [](const Result& r) { return r.instance.str(); })
        .structure("InstanceMetadataOptions", "instanceMetadataOptions",
                   metadata_options_structure(), [](const Result& r) { return r.options; });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const InstanceId id(arguments.required_text("InstanceId"));
    services.launcher.modify_instance_metadata_options(caller, id, metadata_options_of(arguments));
    return services.database.read([&](Session& session) {
        return Result{.instance = id,
                      .options = images::get_instance(session, caller.scope(), id).metadata};
    });
}

std::vector<Parameter> parameters() {
    std::vector<Parameter> parameters{
        {.name = "InstanceId", .wire = "InstanceId", .required = true, .help = "The instance"}};
    for (Parameter& option : metadata_options_parameters())
        parameters.push_back(std::move(option));
    parameters.push_back(dry_run_parameter());
    return parameters;
}

}  // namespace

Action modify_instance_metadata_options() {
    return with_handler<Result>(
        {.name = "ModifyInstanceMetadataOptions",
         .summary = "Change how an instance may ask for its metadata",
         .example = "kiln modify-instance-metadata-options --instance-id i-0123456789abcdef0 "
                    "--http-tokens required",
         .parameters = parameters()},
        output(), handle);
}

}  // namespace kiln::api
