#include "api/output/structure.hpp"

namespace kiln::api {

Structure<Done> done_structure() {
    return Structure<Done>().boolean("Return", "return", [](const Done&) { return true; });
}

}  // namespace kiln::api
