#include "base/rates.hpp"

namespace kiln {

Decimal rate_of(const std::map<std::string, Decimal>& rates, const std::string& type) {
    const auto own = rates.find(type);
    if (own != rates.end()) return own->second;
    const auto other = rates.find("default");
    return other == rates.end() ? Decimal() : other->second;
}

}  // namespace kiln
