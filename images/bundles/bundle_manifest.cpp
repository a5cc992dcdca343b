#include "images/bundles/bundle_manifest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <pugixml.hpp>
#include <sstream>

#include "base/error.hpp"
#include "base/sha256.hpp"
#include "base/text.hpp"
#include "images/bundles/frame.hpp"
#include "images/bundles/object_name.hpp"

namespace kiln::images {

namespace {

constexpr const char* format_version = "kiln-1";
constexpr const char* digest_algorithm = "SHA256";
constexpr const char* image_type = "machine";
constexpr std::size_t max_filename_bytes = 255;

Error invalid(const std::string& what) {
    return Error("InvalidManifest", "", "the bundle's manifest is not valid: " + what);
}

void require(bool holds, const char* what) {
    if (!holds) throw invalid(what);
}

}  // namespace

// Writing

namespace {

void add_text(pugi::xml_node parent, const char* name, const std::string& text) {
    parent.append_child(name).text().set(text.c_str());
}

void add_number(pugi::xml_node parent, const char* name, Bytes number) {
    add_text(parent, name, std::to_string(number.value));
}

void add_digest(pugi::xml_node parent, const std::string& digest) {
    pugi::xml_node node = parent.append_child("digest");
    node.append_attribute("algorithm").set_value(digest_algorithm);
    node.text().set(digest.c_str());
}

void add_machine_configuration(pugi::xml_node root, const BundleDescription& description) {
    pugi::xml_node machine = root.append_child("machine_configuration");
    add_text(machine, "architecture", description.architecture);
    pugi::xml_node mappings = machine.append_child("block_device_mapping");
    for (const BundleMapping& mapping : description.block_device_mapping) {
        pugi::xml_node node = mappings.append_child("mapping");
        add_text(node, "virtual", mapping.virtual_name);
        add_text(node, "device", mapping.device);
    }
    for (const auto& [name, text, max_bytes] : optional_texts) {
        if (!(description.*text).empty()) add_text(machine, name, description.*text);
    }
}

void add_parts(pugi::xml_node image, const std::vector<BundlePart>& parts) {
    pugi::xml_node list = image.append_child("parts");
    list.append_attribute("count").set_value(std::to_string(parts.size()).c_str());
    for (std::size_t i = 0; i < parts.size(); ++i) {
        pugi::xml_node node = list.append_child("part");
        node.append_attribute("index").set_value(std::to_string(i).c_str());
        add_text(node, "filename", parts[i].filename);
        add_digest(node, parts[i].digest);
        add_number(node, "size", parts[i].size);
    }
}

void add_image(pugi::xml_node root, const BundleManifest& manifest) {
    pugi::xml_node image = root.append_child("image");
    add_text(image, "name", manifest.description.name);
    add_text(image, "user", manifest.description.user);
    add_text(image, "type", image_type);
    add_digest(image, manifest.digest);
    add_number(image, "size", manifest.size);
    add_number(image, "bundled_size", manifest.bundled_size);
    add_parts(image, manifest.parts);
}

}  // namespace

std::string to_xml(const BundleManifest& manifest) {
    pugi::xml_document document;
    pugi::xml_node declaration = document.append_child(pugi::node_declaration);
    declaration.append_attribute("version").set_value("1.0");
    declaration.append_attribute("encoding").set_value("UTF-8");
    pugi::xml_node root = document.append_child("manifest");
    add_text(root, "version", format_version);
    pugi::xml_node bundler = root.append_child("bundler");
    add_text(bundler, "name", manifest.bundler_name);
    add_text(bundler, "version", manifest.bundler_version);
    add_machine_configuration(root, manifest.description);
    add_image(root, manifest);
    std::ostringstream xml;
    document.save(xml, " ", pugi::format_indent, pugi::encoding_utf8);
    return xml.str();
}

// Reading

namespace {

/// The five entities of XML itself, and characters by number.
bool is_known_entity(std::string_view entity) {
    return entity == "amp" || entity == "lt" || entity == "gt" || entity == "quot" ||
           entity == "apos" || entity.starts_with('#');
}

void check_entities(std::string_view xml) {
    for (std::size_t at = xml.find('&'); at != xml.npos; at = xml.find('&', at + 1)) {
        const std::size_t end = xml.find(';', at);
        require(end != xml.npos && is_known_entity(xml.substr(at + 1, end - at - 1)),
                "it has an entity that XML does not define");
    }
}

void check_characters(std::string_view xml) {
    require(xml.size() <= max_manifest_size.value, "it is larger than 1 MiB");
    require(count_characters(xml).has_value(), "it is not UTF-8");
    const auto is_allowed = [](char c) {
        return static_cast<unsigned char>(c) >= ' ' || c == '\t' || c == '\n' || c == '\r';
    };
    require(std::ranges::all_of(xml, is_allowed), "it has control characters");
}

pugi::xml_document parse(std::string_view xml) {
    check_characters(xml);
    check_entities(xml);
    pugi::xml_document document;
    const pugi::xml_parse_result result = document.load_buffer(
        xml.data(), xml.size(), pugi::parse_default | pugi::parse_doctype, pugi::encoding_utf8);
    if (!result) throw invalid(fmt::format("it is not XML: {}", result.description()));
    for (const pugi::xml_node node : document.children())
        require(node.type() != pugi::node_doctype, "it has a document type, which it may not");
    return document;
}

pugi::xml_node only_child(pugi::xml_node parent, const char* name) {
    const pugi::xml_node child = parent.child(name);
    if (child && !child.next_sibling(name)) return child;
    throw invalid(fmt::format("it must have one '{}' in '{}'", name,
                              parent.name()[0] != '\0' ? parent.name() : "the document"));
}

std::string read_text(pugi::xml_node parent, const char* name) {
    const pugi::xml_node child = only_child(parent, name);
    const pugi::xml_node text = child.first_child();
    // CDATA, comments or elements would split a text: which piece counts must not be a question.
    if (!text || text.next_sibling() || text.type() != pugi::node_pcdata) {
        throw invalid(fmt::format("'{}' must hold text alone", name));
    }
    return text.value();
}

std::uint64_t parse_number(std::string_view text, const char* name) {
    std::uint64_t number = 0;
    const char* end = text.data() + text.size();
    const auto [rest, failure] = std::from_chars(text.data(), end, number);
    if (failure == std::errc() && rest == end) return number;
    throw invalid(fmt::format("'{}' must be a whole number of at most 64 bits", name));
}

Bytes read_bytes(pugi::xml_node parent, const char* name) {
    return {parse_number(read_text(parent, name), name)};
}

std::string read_digest(pugi::xml_node parent) {
    const std::string_view algorithm = only_child(parent, "digest").attribute("algorithm").value();
    require(algorithm == digest_algorithm, "its digests must be of the algorithm SHA256");
    return read_text(parent, "digest");
}

void check_version(pugi::xml_node root) {
    const std::string version = read_text(root, "version");
    if (version == format_version) return;
    throw invalid(fmt::format("its format is '{}', and only '{}' is known: bundle the image anew",
                              is_plain_text(version) ? version : "?", format_version));
}

std::string read_if_there(pugi::xml_node parent, const char* name) {
    const pugi::xml_node child = parent.child(name);
    return child && child.first_child() ? read_text(parent, name) : "";
}

std::vector<BundleMapping> read_mappings(pugi::xml_node machine) {
    std::vector<BundleMapping> mappings;
    for (const pugi::xml_node node : only_child(machine, "block_device_mapping").children()) {
        if (node.type() == pugi::node_comment) continue;
        require(node.name() == std::string_view("mapping"), "a mapping has another name");
        require(mappings.size() < max_bundle_mappings, "it has more than 64 mappings");
        mappings.push_back(
            {.virtual_name = read_text(node, "virtual"), .device = read_text(node, "device")});
    }
    return mappings;
}

std::vector<BundlePart> read_parts(pugi::xml_node image) {
    const pugi::xml_node list = only_child(image, "parts");
    std::vector<BundlePart> parts;
    for (const pugi::xml_node node : list.children("part")) {
        require(parts.size() < max_bundle_parts, "it has more than 65536 parts");
        require(parse_number(node.attribute("index").value(), "index") == parts.size(),
                "its parts must be numbered from 0 on, in order");
        parts.push_back({.filename = read_text(node, "filename"),
                         .digest = read_digest(node),
                         .size = read_bytes(node, "size")});
    }
    require(parse_number(list.attribute("count").value(), "count") == parts.size(),
            "it does not have as many parts as it says");
    return parts;
}

}  // namespace

BundleManifest parse_manifest(std::string_view xml, Bytes max_file_size) {
    const pugi::xml_document document = parse(xml);
    const pugi::xml_node root = only_child(document, "manifest");
    check_version(root);
    const pugi::xml_node bundler = only_child(root, "bundler");
    const pugi::xml_node machine = only_child(root, "machine_configuration");
    const pugi::xml_node image = only_child(root, "image");
    require(read_text(image, "type") == image_type, "its type must be 'machine'");
    BundleManifest manifest{.bundler_name = read_text(bundler, "name"),
                            .bundler_version = read_text(bundler, "version"),
                            .description = {.name = read_text(image, "name"),
                                            .user = read_text(image, "user"),
                                            .architecture = read_text(machine, "architecture"),
                                            .block_device_mapping = read_mappings(machine)},
                            .digest = read_digest(image),
                            .size = read_bytes(image, "size"),
                            .bundled_size = read_bytes(image, "bundled_size"),
                            .parts = read_parts(image)};
    for (const auto& [name, text, max_bytes] : optional_texts)
        manifest.description.*text = read_if_there(machine, name);
    check_manifest(manifest, max_file_size);
    return manifest;
}

// Checking

bool is_user_name(std::string_view name) {
    constexpr std::size_t max_length = 32;
    const auto is_one_of = [](char c, std::string_view others) {
        return (c >= 'a' && c <= 'z') || others.find(c) != std::string_view::npos;
    };
    return !name.empty() && name.size() <= max_length && is_one_of(name.front(), "_") &&
           std::ranges::all_of(name, [&](char c) { return is_one_of(c, "_-0123456789"); });
}

namespace {

void check_text(const std::string& text, const char* name,
                std::size_t max_bytes = max_manifest_text_bytes) {
    if (!trim(text).empty() && text.size() <= max_bytes && is_plain_text(text)) return;
    throw invalid(fmt::format("'{}' must be 1 to {} bytes of text without control characters", name,
                              max_bytes));
}

void check_description(const BundleDescription& description) {
    for (const auto& [name, text, max_bytes] : optional_texts) {
        if (!(description.*text).empty()) check_text(description.*text, name, max_bytes);
    }
    require(description.login_user.empty() || is_user_name(description.login_user),
            "its login_user is no user's name");
    check_text(description.name, "name");
    check_text(description.user, "user");
    check_text(description.architecture, "architecture");
    require(description.block_device_mapping.size() <= max_bundle_mappings,
            "it has more than 64 mappings");
    for (const BundleMapping& mapping : description.block_device_mapping) {
        check_text(mapping.virtual_name, "virtual");
        check_text(mapping.device, "device");
    }
}

void check_part(const BundlePart& part) {
    const std::string& name = part.filename;
    require(!name.empty() && name != "." && name != ".." && name.size() <= max_filename_bytes &&
                name.find('/') == name.npos && is_plain_text(name),
            "a part's filename must be the plain name of an object beside the manifest");
    require(is_sha256_hex(part.digest), "a part's digest must be 64 lower-case hex digits");
    require(part.size.value > 0 && part.size <= max_compressed_frame_size,
            "a part's size must be 1 byte to that of 16 MiB that cannot be compressed");
}

}  // namespace

void check_manifest(const BundleManifest& manifest, Bytes max_file_size) {
    check_text(manifest.bundler_name, "bundler name");
    check_text(manifest.bundler_version, "bundler version");
    check_description(manifest.description);
    require(is_sha256_hex(manifest.digest), "its digest must be 64 lower-case hex digits");
    if (manifest.size > max_file_size) {
        throw invalid(fmt::format("its image of {} bytes is larger than the limit of {} bytes",
                                  manifest.size.value, max_file_size.value));
    }
    require(manifest.parts.size() <= max_bundle_parts, "it has more than 65536 parts");
    require(manifest.parts.size() == count_frames(manifest.size),
            "it must have one part for each 16 MiB of its size");
    Bytes bundled;
    for (const BundlePart& part : manifest.parts) {
        check_part(part);
        bundled = bundled + part.size;
    }
    require(bundled == manifest.bundled_size, "its bundled_size is not that of all parts");
}

}  // namespace kiln::images
