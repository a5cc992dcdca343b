#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/volume.hpp"
#include "base/database.hpp"
#include "images/catalog/volume.hpp"
#include "images/market/product_code.hpp"

namespace kiln::api {

namespace {

struct Result {
    VolumeId volume;
    std::optional<bool> auto_enable_io = {};
    std::vector<std::string> product_codes = {};
};

Structure<Result> output() {
    return Structure<Result>()
        .text("VolumeId", "volumeId", [](const Result& r) { return r.volume.str(); })
        .structure("AutoEnableIO", "autoEnableIO", boolean_value_structure(),
                   [](const Result& r) { return r.auto_enable_io; })
        .list(
            "ProductCodes", "productCodes", product_code_structure(),
            [](const Result& r) -> const auto& { return r.product_codes; });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    Result result{.volume = VolumeId(arguments.required_text("VolumeId"))};
    services.database.read([&](Session& session) {
        images::get_volume(session, caller.scope(), result.volume);
        if (arguments.required_text("Attribute") == "productCodes") {
            result.product_codes = images::product_codes_of(session, result.volume.str());
        } else {
            result.auto_enable_io = false;  // a volume whose data may be amiss is never closed off
        }
    });
    caller.stop_if_dry_run();
    return result;
}

}  // namespace

Action describe_volume_attribute() {
    return with_handler<Result>(
        {.name = "DescribeVolumeAttribute",
         .summary = "Show one attribute of a volume",
         .example = "kiln describe-volume-attribute --volume-id vol-0123456789abcdef0 "
                    "--attribute productCodes",
         .parameters = {volume_id_parameter(),
                        attribute_parameter("Which attribute", {"autoEnableIO", "productCodes"}),
                        dry_run_parameter()}},
        output(), handle);
}

}  // namespace kiln::api
