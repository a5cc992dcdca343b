#include "api/action.hpp"
#include "api/shapes/address.hpp"
#include "base/error.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

AllocationId associated(Session& session, const images::Scope& scope, const AssociationId& id) {
    for (const images::Address& address : images::list_addresses(session, scope)) {
        if (address.association && address.association->id == id) return address.id;
    }
    throw Error("InvalidAssociationID.NotFound", id.str(),
                "The association ID '" + id.str() + "' does not exist");
}

Done handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const AllocationId id = services.database.read([&](Session& session) {
        const auto association = arguments.text("AssociationId");
        if (association) return associated(session, caller.scope(), AssociationId(*association));
        return which_address(session, caller.scope(), arguments);
    });
    services.launcher.disassociate_address(caller, id);
    return {};
}

}  // namespace

Action disassociate_address() {
    return with_handler<Done>(
        {.name = "DisassociateAddress",
         .summary = "Map an address of this host to no instance any more",
         .example = "kiln disassociate-address --association-id eipassoc-0123456789abcdef0",
         .parameters = {{.name = "AssociationId",
                         .wire = "AssociationId",
                         .help = "What associate-address answered"},
                        {.name = "PublicIp",
                         .wire = "PublicIp",
                         .help = "The address, as 192.0.2.7 or 192.0.2.7:8000-8099"},
                        dry_run_parameter()}},
        done_structure(), handle);
}

}  // namespace kiln::api
