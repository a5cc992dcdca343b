#include "api/action.hpp"
#include "api/shapes/address.hpp"
#include "api/shapes/common.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

struct Result {
    AssociationId id;
};

Structure<Result> output() {
    return Structure<Result>()
        .text("AssociationId", "associationId", [](const Result& r) { return r.id.str(); })
        .boolean("Return", "return", [](const Result&) { return true; });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    launcher::AssociateAddressRequest request{
        .allocation = services.database.read(
            [&](Session& session) { return which_address(session, caller.scope(), arguments); }),
        .may_reassociate = arguments.boolean("AllowReassociation").value_or(true),
        .first_port = arguments.integer("PrivatePort")};
    if (const auto id = arguments.text("InstanceId")) request.instance.emplace(*id);
    if (const auto id = arguments.text("NetworkInterfaceId")) request.interface.emplace(*id);
    return {.id = services.launcher.associate_address(caller, request)};
}

std::vector<Parameter> parameters() {
    std::vector<Parameter> parameters = which_address_parameters();
    const std::vector<Parameter> more{
        {.name = "InstanceId", .wire = "InstanceId", .help = "The instance to map it to"},
        {.name = "NetworkInterfaceId",
         .wire = "NetworkInterfaceId",
         .help = "The instance's interface, instead of the instance"},
        {.name = "AllowReassociation",
         .wire = "AllowReassociation",
         .shape = Shape::boolean,
         .help = "Whether one that is mapped elsewhere may be; default true"},
        {.name = "PrivatePort",
         .wire = "PrivatePort",
         .shape = Shape::integer,
         .help = "The instance's port that the first port is led to; default: the same"},
        dry_run_parameter()};
    parameters.insert(parameters.end(), more.begin(), more.end());
    return parameters;
}

}  // namespace

Action associate_address() {
    return with_handler<Result>(
        {.name = "AssociateAddress",
         .summary = "Map an address of this host to an instance",
         .example = "kiln associate-address --allocation-id eipalloc-0123456789abcdef0 "
                    "--instance-id i-0123456789abcdef0",
         .parameters = parameters(),
         .table = {.columns = {"AssociationId"}}},
        output(), handle);
}

}  // namespace kiln::api
