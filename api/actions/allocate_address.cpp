#include "api/action.hpp"
#include "api/shapes/address.hpp"
#include "api/shapes/common.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

AddressView handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const launcher::AllocateAddressRequest request{
        .address = arguments.text("Address"),
        .ports = arguments.text("PortRange"),
        .tags = tags_for(arguments, "elastic-ip", {"elastic-ip"})};
    return {.address = services.launcher.allocate_address(caller, request), .tags = request.tags};
}

}  // namespace

Action allocate_address() {
    return with_handler<AddressView>(
        {.name = "AllocateAddress",
         .summary = "Take an address of this host, or some of its ports, to map it to an instance",
         .example = "kiln allocate-address --address 192.0.2.7 --port-range 8000-8099",
         .parameters =
             {{.name = "Address",
               .wire = "Address",
               .help = "One that the configuration lists under public_addresses; default: "
                       "any that is mapped whole"},
              {.name = "PortRange",
               .wire = "PortRange",
               .help = "Ports of TCP and UDP, as 8000-8099; default: the whole address"},
              {.name = "Domain", .wire = "Domain", .help = "Only vpc", .choices = {"vpc"}},
              tag_specifications_parameter(),
              dry_run_parameter()},
         .table = {.columns = {"AllocationId", "PublicIp", "PortRange"}}},
        address_structure(), handle);
}

}  // namespace kiln::api
