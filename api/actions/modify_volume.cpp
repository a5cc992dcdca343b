#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/volume.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

using Result = images::VolumeModification;

Structure<Result> output() {
    return Structure<Result>().structure("VolumeModification", "volumeModification",
                                         volume_modification_structure(),
                                         [](const Result& r) { return r; });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const auto size = arguments.integer("Size");
    return services.launcher.modify_volume(
        caller, {.volume = VolumeId(arguments.required_text("VolumeId")),
                 .size = size ? std::optional(size_of_request(*size)) : std::nullopt,
                 .volume_type = arguments.text("VolumeType")});
}

}  // namespace

Action modify_volume() {
    return with_handler<Result>(
        {.name = "ModifyVolume",
         .summary = "Grow a volume, also under a running guest, or change its type",
         .example = "kiln modify-volume --volume-id vol-0123456789abcdef0 --size 20 --wait",
         .parameters = {volume_id_parameter(),
                        volume_size_parameter("The new size in GiB, not below the present one"),
                        volume_type_parameter(), iops_parameter(), throughput_parameter(),
                        dry_run_parameter()},
         .table = {.columns = {"VolumeModification.VolumeId",
                               "VolumeModification.ModificationState",
                               "VolumeModification.OriginalSize", "VolumeModification.TargetSize"}},
         .waiter = Waiter{.action = "DescribeVolumesModifications",
                          .parameter = "VolumeId",
                          .ids = "VolumeModification.VolumeId",
                          .state = "VolumesModifications.ModificationState",
                          .wanted = "completed",
                          .failed = {"failed"},
                          .reason = "VolumesModifications.StatusMessage"}},
        output(), handle);
}

}  // namespace kiln::api
