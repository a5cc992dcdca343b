#pragma once

#include <string>
#include <string_view>

namespace kiln::images {

/// What the names of an image's versions have in common: the name without the versions, dates and
/// times at its end. "web-2026-11-30", "web-v12" and "web 1.2.3-rc1" are of the family "web". Such
/// a part comes after one of - _ . / @ or a blank and is a number that may have a v before it, a
/// date or time ("20261130T1200Z"), or rc, alpha or beta with or without a number. The 64 of
/// x86_64 is none. At least the beginning remains.
std::string name_family(std::string_view name);

}  // namespace kiln::images
