#include "builder/import/gate/ovf.hpp"

#include <algorithm>
#include <map>
#include <pugixml.hpp>

#include "builder/import/gate/refusal.hpp"

namespace kiln::builder::gate {

namespace {

/// Without the prefix, which each writer chooses.
std::string_view local(std::string_view name) {
    const std::size_t colon = name.find(':');
    return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

std::string_view attribute(const pugi::xml_node& node, std::string_view name) {
    for (const pugi::xml_attribute& found : node.attributes()) {
        if (local(found.name()) == name) return found.value();
    }
    return {};
}

std::vector<pugi::xml_node> children(const pugi::xml_node& node, std::string_view name) {
    std::vector<pugi::xml_node> found;
    for (const pugi::xml_node& child : node.children()) {
        if (local(child.name()) == name) found.push_back(child);
    }
    return found;
}

pugi::xml_node only_child(const pugi::xml_node& node, std::string_view name) {
    const auto found = children(node, name);
    if (found.size() == 1) return found[0];
    refuse("ova", fmt::format("its OVF has {} elements {}, not one", found.size(), name));
}

void check_file(const pugi::xml_node& file) {
    const std::string_view href = attribute(file, "href");
    if (href.empty() || href.find_first_of("/\\:") != std::string_view::npos) {
        refuse("ova", fmt::format("its OVF refers to {}, which is no file beside it; pack all of "
                                  "its files into the OVA",
                                  in_quotes(href)));
    }
    const std::string_view compression = attribute(file, "compression");
    if (!compression.empty() && compression != "identity") {
        refuse("ova", fmt::format("its file {} is compressed with {}; export the machine without "
                                  "(streamOptimized disks are small by themselves)",
                                  in_quotes(href), in_quotes(compression)));
    }
    if (!attribute(file, "chunkSize").empty()) {
        refuse("ova", fmt::format("its file {} is in pieces; export the machine without chunks",
                                  in_quotes(href)));
    }
}

using FilesById = std::map<std::string, std::string, std::less<>>;

FilesById files_by_id(const pugi::xml_node& references) {
    FilesById files;
    for (const pugi::xml_node& file : children(references, "File")) {
        check_file(file);
        const std::string id(attribute(file, "id"));
        if (!files.emplace(id, attribute(file, "href")).second) {
            refuse("ova", "its OVF has two files with the id " + in_quotes(id));
        }
    }
    return files;
}

std::string disk_file(const pugi::xml_node& disk, const FilesById& files) {
    const std::string_view id = attribute(disk, "diskId");
    if (!attribute(disk, "parentRef").empty()) {
        refuse("ova", fmt::format("its disk {} stands on another; export the machine without "
                                  "snapshots",
                                  in_quotes(id)));
    }
    const auto file = files.find(attribute(disk, "fileRef"));
    if (file == files.end()) {
        refuse("ova", fmt::format("its disk {} has no file; leave empty disks out of the OVF",
                                  in_quotes(id)));
    }
    return file->second;
}

}  // namespace

Ovf parse_ovf(std::string_view xml) {
    pugi::xml_document document;
    const pugi::xml_parse_result result = document.load_buffer(xml.data(), xml.size());
    if (!result) {
        refuse("ova", fmt::format("its OVF is no XML: {} at offset {}", result.description(),
                                  result.offset));
    }
    const pugi::xml_node envelope = only_child(document, "Envelope");
    const FilesById files = files_by_id(only_child(envelope, "References"));
    Ovf ovf;
    for (const auto& [id, href] : files)
        ovf.files.push_back(href);
    for (const pugi::xml_node& disk : children(only_child(envelope, "DiskSection"), "Disk")) {
        const std::string file = disk_file(disk, files);
        if (std::ranges::find(ovf.disks, file) != ovf.disks.end()) {
            refuse("ova", "two disks of its OVF have the file " + in_quotes(file));
        }
        ovf.disks.push_back(file);
    }
    if (ovf.disks.empty()) refuse("ova", "its OVF has no disk");
    return ovf;
}

}  // namespace kiln::builder::gate
