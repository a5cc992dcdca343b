#include "api/action.hpp"

#include <algorithm>

namespace kiln::api {

const Action* find_action(const std::string& name) {
    const std::vector<Action>& all = actions();
    const auto found = std::ranges::find(all, name, &Action::name);
    return found == all.end() ? nullptr : &*found;
}

}  // namespace kiln::api
