#pragma once

#include <map>
#include <string>

#include "base/decimal.hpp"

namespace kiln {

/// What is charged, as the configuration's key `rates` says:
///
///     rates:
///       currency: USD
///       instance_hour: {t3.micro: "0.0104", default: "0.01"}
///       volume_gib_month: {gp3: "0.08"}
///       snapshot_gib_month: "0.05"
///       bundle_gib_month: "0.023"
///
/// A type that is not named costs what `default` does; what has no rate costs nothing.
struct Rates {
    std::string currency = "USD";  // three capital letters, as in ISO 4217
    std::map<std::string, Decimal> instance_hour;
    std::map<std::string, Decimal> volume_gib_month;
    Decimal snapshot_gib_month;
    Decimal bundle_gib_month;
};

/// The rate of a type: its own, else that of `default`, else 0.
Decimal rate_of(const std::map<std::string, Decimal>& rates, const std::string& type);

}  // namespace kiln
