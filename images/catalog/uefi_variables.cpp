#include "images/catalog/uefi_variables.hpp"

#include "base/statement.hpp"
#include "images/catalog/attributes.hpp"
#include "images/catalog/field.hpp"

namespace kiln::images {

std::string uefi_data_of(Session& session, const ImageId& image) {
    Statement row(session, "select uefi_data from image_uefi_data where image_id = :id",
                  {{"id", image.str()}}, {ColumnType::text});
    return row.next() ? row.text(0) : "";
}

void set_uefi_data(Session& session, const ImageId& image, const std::string& text) {
    run_sql(session, "delete from image_uefi_data where image_id = :id", {{"id", image.str()}});
    if (text.empty()) return;
    run_sql(session, "insert into image_uefi_data (image_id, uefi_data) values (:id, :text)",
            {{"id", image.str()}, {"text", text}});
}

void forget_unused_uefi_data(Session& session) {
    run_sql(session,
            "delete from image_uefi_data where image_id in"
            " (select image_id from images where state = :deregistered) and not exists"
            " (select 1 from instances where instances.image_id = image_uefi_data.image_id"
            " and instances.state = :pending)",
            {{"deregistered", to_value(ImageState::deregistered)},
             {"pending", to_value(InstanceState::pending)}});
}

}  // namespace kiln::images
