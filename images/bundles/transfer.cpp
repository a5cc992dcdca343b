#include "images/bundles/transfer.hpp"

#include <fmt/format.h>

namespace kiln::images {

Error damaged(const ObjectName& object, const std::string& what) {
    return Error(invalid_image_file, to_text(object),
                 fmt::format("'{}' is damaged: {}", to_text(object), what));
}

void tell(const ProgressCallback& callback, const Progress& progress) {
    if (callback) callback(progress);
}

void check_not_canceled(const std::stop_token& stop, const std::string& what) {
    if (stop.stop_requested()) throw Error("Canceled", "", what + " was canceled");
}

}  // namespace kiln::images
