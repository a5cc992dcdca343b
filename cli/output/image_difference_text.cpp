#include "cli/output/image_difference_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "cli/output/text_width.hpp"

namespace kiln::cli {

namespace {

std::string text_of(pugi::xml_node node, const char* field) {
    return without_controls(node.child_value(field));
}

std::string readable_size(std::int64_t bytes) {
    constexpr std::array<const char*, 5> units{"B", "KiB", "MiB", "GiB", "TiB"};
    constexpr double step = 1024;
    auto size = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (; std::abs(size) >= step && unit + 1 < units.size(); ++unit)
        size /= step;
    return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", size, units[unit]);
}

std::int64_t size_of(pugi::xml_node entry) {
    return entry.child("size").text().as_llong();
}

std::string counts_of(pugi::xml_node changes) {
    return fmt::format("{} added, {} removed, {} changed", text_of(changes, "added"),
                       text_of(changes, "removed"), text_of(changes, "changed"));
}

/// Of what is listed, where not all is.
std::string rest_of(pugi::xml_node changes) {
    if (text_of(changes, "truncated") != "true") return "";
    return "  … and more: name a path to see them\n";
}

char sign_of(const std::string& change) {
    if (change == "added") return '+';
    return change == "removed" ? '-' : '~';
}

std::string package_line(pugi::xml_node package) {
    const std::string change = text_of(package, "change");
    std::string version = text_of(package, "fromVersion");
    if (change == "added") version = text_of(package, "toVersion");
    if (change == "changed") version += " -> " + text_of(package, "toVersion");
    const std::string architecture = text_of(package, "architecture");
    return fmt::format("  {} {}{} {}\n", sign_of(change), text_of(package, "name"),
                       architecture.empty() ? "" : ":" + architecture, version);
}

/// "mode 100644 -> 100755"
std::string from_to(const char* what, const std::string& from, const std::string& to) {
    return fmt::format("{} {} -> {}", what, from, to);
}

std::string size_change(pugi::xml_node from, pugi::xml_node to) {
    if (size_of(from) == size_of(to)) return "content " + readable_size(size_of(to));
    return from_to("content", readable_size(size_of(from)), readable_size(size_of(to)));
}

std::string detail_text(const std::string& detail, pugi::xml_node from, pugi::xml_node to) {
    if (detail == "content") return size_change(from, to);
    const char* field = detail == "type" ? "mode" : detail.c_str();
    return from_to(detail.c_str(), text_of(from, field), text_of(to, field));
}

std::string file_line(pugi::xml_node file) {
    const std::string change = text_of(file, "change");
    const pugi::xml_node from = file.child("from");
    const pugi::xml_node to = file.child("to");
    std::vector<std::string> details;
    for (const pugi::xml_node detail : file.child("detailSet").children("item"))
        details.push_back(detail_text(detail.child_value(), from, to));
    if (change != "changed") {
        const pugi::xml_node entry = change == "added" ? to : from;
        const std::string target = text_of(entry, "target");
        details.push_back(target.empty() ? readable_size(size_of(entry)) : "-> " + target);
    }
    return fmt::format("  {} {}  ({})\n", sign_of(change), text_of(file, "path"),
                       fmt::join(details, ", "));
}

std::string packages_text(pugi::xml_node packages) {
    if (!packages) return "Packages: not known of both images\n";
    std::string text = fmt::format("Packages: {}\n", counts_of(packages));
    for (const pugi::xml_node package : packages.child("changeSet").children("item"))
        text += package_line(package);
    return text + rest_of(packages);
}

std::string files_text(pugi::xml_node files, pugi::xml_node from, pugi::xml_node to) {
    const std::int64_t grown =
        to.child("fileSize").text().as_llong() - from.child("fileSize").text().as_llong();
    std::string text = fmt::format("Files: {} ({}{})\n", counts_of(files), grown < 0 ? "" : "+",
                                   readable_size(grown));
    for (const pugi::xml_node file : files.child("changeSet").children("item"))
        text += file_line(file);
    return text + rest_of(files);
}

}  // namespace

std::string image_difference_text(pugi::xml_node reply) {
    const pugi::xml_node from = reply.child("fromImage");
    const pugi::xml_node to = reply.child("toImage");
    std::string text =
        fmt::format("{} {} -> {} {}\n\n", text_of(from, "imageId"), text_of(from, "name"),
                    text_of(to, "imageId"), text_of(to, "name"));
    text += packages_text(reply.child("packages"));
    const bool has_files = from.child("fileCount").text().as_llong() > 0 ||
                           to.child("fileCount").text().as_llong() > 0;
    if (has_files) text += "\n" + files_text(reply.child("files"), from, to);
    return text;
}

}  // namespace kiln::cli
