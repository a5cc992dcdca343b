#include "cli/output/image_history.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "cli/output/text_width.hpp"

namespace kiln::cli {

namespace {

std::string text_of(pugi::xml_node relative, const char* field) {
    return relative.child_value(field);
}

/// To the minute, as people read it: "2026-11-30 12:00".
std::string date_of(pugi::xml_node relative) {
    constexpr std::size_t minutes = 16;
    std::string date = text_of(relative, "creationDate").substr(0, minutes);
    std::ranges::replace(date, 'T', ' ');
    return date;
}

std::string aliases_of(pugi::xml_node relative) {
    std::vector<std::string> names;
    for (const pugi::xml_node item : relative.child("aliasSet").children("item"))
        names.emplace_back(item.child_value());
    return names.empty() ? "" : fmt::format("({})", fmt::join(names, ", "));
}

std::string size_of(pugi::xml_node relative) {
    const std::string size = text_of(relative, "volumeSize");
    return size.empty() ? "" : size + " GiB";
}

std::string line_of(pugi::xml_node relative, bool with_region) {
    std::vector<std::string> parts{text_of(relative, "imageId")};
    if (with_region) parts.push_back(text_of(relative, "region"));
    if (!relative.child("imageState")) {
        parts.emplace_back("not known to you");
    } else {
        for (std::string part :
             {text_of(relative, "name"), date_of(relative), text_of(relative, "imageState"),
              size_of(relative), aliases_of(relative)})
            parts.push_back(std::move(part));
    }
    std::erase(parts, "");
    return without_controls(fmt::format("{}", fmt::join(parts, "  ")));
}

std::string captured_from(pugi::xml_node relative) {
    const std::string instance = text_of(relative, "sourceInstanceId");
    return "captured from " + (instance.empty() ? "an instance" : instance);
}

std::string copied_from(pugi::xml_node relative) {
    const std::string from = text_of(relative, "sourceImageRegion");
    return from.empty() || from == text_of(relative, "region") ? "copied" : "copied from " + from;
}

/// How it came to be.
std::string edge_of(pugi::xml_node relative) {
    const std::string origin = text_of(relative, "origin");
    if (origin == "capture") return captured_from(relative);
    if (origin == "copy") return copied_from(relative);
    if (origin == "build") return "built from a recipe";
    if (origin == "registration") return "registered";
    if (origin == "conversion") return "converted";
    if (origin == "restoration") return "restored from an object";
    if (origin == "import") return "imported";
    return relative.child("sourceImageId") ? "made of" : "";
}

}  // namespace

std::vector<Version> versions_of(pugi::xml_node reply, const std::string& asked) {
    std::set<std::string> regions;
    const auto relatives = reply.child("relativeSet").children("item");
    for (const pugi::xml_node relative : relatives)
        regions.insert(text_of(relative, "region"));
    regions.erase("");
    std::vector<Version> versions;
    for (const pugi::xml_node relative : relatives) {
        const std::string id = text_of(relative, "imageId");
        versions.push_back({.id = id,
                            .parent = text_of(relative, "sourceImageId"),
                            .order = text_of(relative, "creationDate"),
                            .text = line_of(relative, regions.size() > 1),
                            .edge = edge_of(relative),
                            .is_asked = id == asked});
        if (id == asked) versions.back().text += "  <- asked for";
    }
    return versions;
}

}  // namespace kiln::cli
