#include "builder/import/import_request.hpp"

#include <nlohmann/json.hpp>

namespace kiln::builder {

namespace {

using Json = nlohmann::json;

Json to_document(const std::vector<images::Tag>& tags) {
    Json list = Json::array();
    for (const images::Tag& tag : tags)
        list.push_back({tag.key, tag.value});
    return list;
}

std::vector<images::Tag> tags_from(const Json& list) {
    std::vector<images::Tag> tags;
    for (const Json& pair : list)
        tags.push_back({.key = pair.at(0), .value = pair.at(1)});
    return tags;
}

struct SourceWriter {
    Json operator()(const images::UploadId& id) const { return {{"upload", id.str()}}; }
    Json operator()(const DiskUrl& url) const { return {{"url", url.url}}; }
    Json operator()(const images::ObjectName& object) const {
        return {{"bucket", object.bucket}, {"key", object.key}};
    }
    Json operator()(const SnapshotId& id) const { return {{"snapshot", id.str()}}; }
};

DiskSource source_from(const Json& document) {
    if (document.contains("upload"))
        return images::UploadId(document.at("upload").get<std::string>());
    if (document.contains("url")) return DiskUrl{document.at("url")};
    if (document.contains("snapshot"))
        return SnapshotId(document.at("snapshot").get<std::string>());
    return images::ObjectName{.bucket = document.at("bucket"), .key = document.at("key")};
}

Json to_document(const DiskContainer& disk) {
    return {{"source", std::visit(SourceWriter(), disk.source)},
            {"format", disk.format},
            {"sha256", disk.sha256},
            {"description", disk.description},
            {"device", disk.device_name}};
}

}  // namespace

std::string to_json(const StoredImportRequest& stored) {
    const ImportImageRequest& request = stored.request;
    Json disks = Json::array();
    for (const DiskContainer& disk : request.disks)
        disks.push_back(to_document(disk));
    Json document{{"disks", disks},
                  {"name", request.name},
                  {"description", request.description},
                  {"platform", request.platform},
                  {"login_user", request.login_user},
                  {"task_tags", to_document(request.task_tags)},
                  {"image_tags", to_document(request.image_tags)},
                  {"snapshot_tags", to_document(request.snapshot_tags)},
                  {"loopback", stored.loopback}};
    if (request.architecture) document["architecture"] = to_text(*request.architecture);
    if (request.boot_mode) document["boot_mode"] = to_text(*request.boot_mode);
    return document.dump();
}

StoredImportRequest parse_import_request(const std::string& json) {
    const Json document = Json::parse(json);
    StoredImportRequest stored{.loopback = document.at("loopback")};
    ImportImageRequest& request = stored.request;
    for (const Json& disk : document.at("disks")) {
        request.disks.push_back({.source = source_from(disk.at("source")),
                                 .format = disk.at("format"),
                                 .sha256 = disk.at("sha256"),
                                 .description = disk.at("description"),
                                 .device_name = disk.at("device")});
    }
    request.name = document.at("name");
    request.description = document.at("description");
    request.platform = document.at("platform");
    request.login_user = document.at("login_user");
    request.task_tags = tags_from(document.at("task_tags"));
    request.image_tags = tags_from(document.at("image_tags"));
    request.snapshot_tags = tags_from(document.at("snapshot_tags"));
    if (document.contains("architecture")) {
        request.architecture =
            images::parse_architecture(document.at("architecture").get<std::string>());
    }
    if (document.contains("boot_mode"))
        request.boot_mode = images::parse_boot_mode(document.at("boot_mode").get<std::string>());
    return stored;
}

}  // namespace kiln::builder
