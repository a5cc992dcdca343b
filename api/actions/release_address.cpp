#include "api/action.hpp"
#include "api/shapes/address.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

Done handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const AllocationId id = services.database.read(
        [&](Session& session) { return which_address(session, caller.scope(), arguments); });
    services.launcher.release_address(caller, id);
    return {};
}

std::vector<Parameter> parameters() {
    std::vector<Parameter> parameters = which_address_parameters();
    parameters.push_back(dry_run_parameter());
    return parameters;
}

}  // namespace

Action release_address() {
    return with_handler<Done>(
        {.name = "ReleaseAddress",
         .summary = "Give an address of this host back, which others may have then",
         .example = "kiln release-address --allocation-id eipalloc-0123456789abcdef0",
         .parameters = parameters()},
        done_structure(), handle);
}

}  // namespace kiln::api
