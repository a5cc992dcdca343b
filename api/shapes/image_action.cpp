#include "api/shapes/image_action.hpp"

#include "api/shapes/image.hpp"

namespace kiln::api {

namespace {

void add_image_and_dry_run(Action& action) {
    action.parameters.insert(action.parameters.begin(), image_id_parameter("An image of yours"));
    action.parameters.push_back(dry_run_parameter());
}

ImageId image_of(const Arguments& arguments) {
    return ImageId(arguments.required_text("ImageId"));
}

struct Protection {
    images::Image image;
};

Structure<Protection> protection_structure() {
    return Structure<Protection>().text("Return", "return", [](const Protection& p) {
        return deregistration_protection_of(p.image);
    });
}

}  // namespace

Action image_action(Action action, ImageChange<void> change) {
    add_image_and_dry_run(action);
    return with_handler<Done>(
        std::move(action), done_structure(),
        [change = std::move(change)](Services& services, const images::Caller& caller,
                                     const Arguments& arguments) {
            change(services, caller, image_of(arguments), arguments);
            return Done{};
        });
}

Action protection_action(Action action, ImageChange<images::Image> change) {
    add_image_and_dry_run(action);
    action.table = {.columns = {"Return"}};
    return with_handler<Protection>(
        std::move(action), protection_structure(),
        [change = std::move(change)](Services& services, const images::Caller& caller,
                                     const Arguments& arguments) {
            return Protection{change(services, caller, image_of(arguments), arguments)};
        });
}

}  // namespace kiln::api
