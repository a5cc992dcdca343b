#pragma once

#include <string>
#include <vector>

#include "api/action.hpp"
#include "images/accounts/allowed_images.hpp"

namespace kiln::api {

/// An action on whether the account's images may become public: does `change`, and answers with
/// what holds then.
Action public_access_action(Action action,
                            std::function<void(Services&, const images::Caller&)> change);

/// An action on whether others' images have to meet criteria: changes the state, and answers with
/// it.
Action allowed_images_action(Action action,
                             std::function<images::AllowedImagesState(const Arguments&)> state);

/// A criterion of the images that are allowed.
const Structure<images::ImageCriterion>& image_criterion_structure();
Parameter image_criteria_parameter();
std::vector<images::ImageCriterion> image_criteria_of(const Arguments& arguments);

}  // namespace kiln::api
