#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/instance.hpp"
#include "api/shapes/launch_permission.hpp"

namespace kiln::api {

namespace {

Done handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    PermissionChange change = permission_change(arguments, "LaunchPermission");
    launcher::ModifyImageAttributeRequest request{
        .image = ImageId(arguments.required_text("ImageId")),
        .add = std::move(change.add),
        .remove = std::move(change.remove),
        .description = arguments.structure("Description").text_or_empty("Value"),
        .imds_support = arguments.structure("ImdsSupport").text_or_empty("Value"),
        .product_codes = arguments.texts("ProductCode")};
    // The older form.
    if (arguments.text("Attribute") == "description" && arguments.has("Value"))
        request.description = arguments.text_or_empty("Value");
    if (arguments.text("Attribute") == "imdsSupport" && arguments.has("Value"))
        request.imds_support = arguments.text_or_empty("Value");
    launcher::modify_image_attribute(services.database, caller, request);
    return {};
}

std::vector<Parameter> parameters() {
    std::vector<Parameter> parameters{
        image_id_parameter("An image of yours"),
        {.name = "Attribute",
         .wire = "Attribute",
         .help = "The attribute to change; the options say it as well",
         .choices = {launch_permission, "description", "imdsSupport", "productCodes"}},
        {.name = "Value", .wire = "Value", .help = "The attribute's new value"},
        attribute_value("Description", "Another description"),
        attribute_value("ImdsSupport",
                        "v2.0: instances ask for metadata with tokens alone; it "
                        "cannot be taken back"),
        {.name = "ProductCodes",
         .wire = "ProductCode",
         .list = true,
         .help = "Codes of products that you sell; they cannot be taken away again"}};
    for (Parameter& parameter : launch_permission_parameters())
        parameters.push_back(std::move(parameter));
    parameters.push_back(dry_run_parameter());
    return parameters;
}

}  // namespace

Action modify_image_attribute() {
    return with_handler<Done>(
        {.name = "ModifyImageAttribute",
         .summary = "Let other accounts launch an image of yours, or no longer; describe it",
         .example = "kiln modify-image-attribute --image-id ami-0123456789abcdef0 "
                    "--operation-type add --user-ids 123456789012",
         .parameters = parameters()},
        done_structure(), handle);
}

}  // namespace kiln::api
