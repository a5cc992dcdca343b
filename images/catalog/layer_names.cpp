#include "images/catalog/layer_names.hpp"

#include "images/catalog/table.hpp"

namespace kiln::images {

std::map<LayerId, std::string> who_names_layers(Session& session, const std::string& region) {
    Statement rows(session,
                   "select layer_id, 1 as place, 'the snapshot ' || snapshot_id || ' is made of it'"
                   "   as namer"
                   "   from snapshots where region = :region and layer_id is not null"
                   " union all select layer_id, 2, 'the volume ' || volume_id || ' writes to it'"
                   "   from volumes where region = :region and layer_id is not null"
                   " union all select pins.layer_id, 3, 'the operation ' || pins.operation_id ||"
                   "   ' (' || operations.kind || ') needs it'"
                   "   from layer_pins pins"
                   "   join operations on operations.operation_id = pins.operation_id"
                   "   where pins.region = :region"
                   " union all select layer_id, 4, 'the bundle of ' || image_id ||"
                   "   ' is unpacked to it'"
                   "   from unpacked_images where region = :region"
                   " union all select layer_id, 5, 'it is kept for builds of ' || owner ||"
                   "   ' (kiln clear-build-cache)'"
                   "   from build_layers where region = :region"
                   " order by place, namer",
                   {{"region", region}}, {ColumnType::text, ColumnType::number, ColumnType::text});
    std::map<LayerId, std::string> namers;
    while (rows.next())
        namers.try_emplace(LayerId(rows.text(0)), rows.text(2));
    return namers;
}

}  // namespace kiln::images
