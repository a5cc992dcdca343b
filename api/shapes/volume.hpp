#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "api/output/structure.hpp"
#include "api/protocol/parameter.hpp"
#include "base/error.hpp"
#include "images/catalog/tag.hpp"
#include "images/catalog/volume.hpp"

namespace kiln::api {

/// A volume with what is told of it beside its row.
struct VolumeView {
    images::Volume volume;
    std::vector<images::Tag> tags;
    std::optional<std::int64_t> chain_depth;  // layers, the volume's own included
};
const Structure<VolumeView>& volume_structure();

/// A volume that has an attachment, as its attachment.
const Structure<images::Volume>& volume_attachment_structure();

const Structure<images::VolumeModification>& volume_modification_structure();

/// Whole GiB.
std::int64_t gibibytes_of(Bytes size);
/// A size in GiB from a request. Throws Error{code} for one that no volume can have.
Bytes size_of_request(std::int64_t gibibytes,
                      const char* code = error_code::invalid_parameter_value);

/// "Size", "VolumeType", "VolumeId" as several actions take them.
Parameter volume_size_parameter(std::string help);
Parameter volume_type_parameter();
/// Taken from EC2's clients, which send them with a type; nothing here is slowed down to them.
Parameter iops_parameter();
Parameter throughput_parameter();
Parameter volume_id_parameter();

}  // namespace kiln::api
