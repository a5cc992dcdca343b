#include "launcher/volumes/capture_record.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "images/catalog/snapshot.hpp"
#include "images/market/product_code.hpp"

namespace kiln::launcher {

std::string to_json(const Capture& capture) {
    nlohmann::json parts = nlohmann::json::array();
    for (const CapturePart& part : capture.parts) {
        parts.push_back({{"volume", part.volume.str()}});
        if (part.snapshot) parts.back()["snapshot"] = part.snapshot->str();
    }
    nlohmann::json document{{"no_reboot", capture.no_reboot},
                            {"boots_again", capture.boots_again},
                            {"parts", parts},
                            {"overlays", capture.overlays}};
    if (capture.image) document["image"] = capture.image->str();
    if (capture.instance) document["instance"] = capture.instance->str();
    if (capture.keeper) document["keeper"] = capture.keeper->str();
    return document.dump();
}

Capture parse_capture(const std::string& json) {
    const nlohmann::json document = nlohmann::json::parse(json);
    Capture capture{.no_reboot = document.at("no_reboot").get<bool>(),
                    .boots_again = document.at("boots_again").get<bool>(),
                    .overlays = document.at("overlays").get<std::map<std::string, std::string>>()};
    if (document.contains("image")) capture.image.emplace(document["image"].get<std::string>());
    if (document.contains("instance")) {
        capture.instance.emplace(document["instance"].get<std::string>());
    }
    if (document.contains("keeper")) capture.keeper.emplace(document["keeper"].get<std::string>());
    for (const nlohmann::json& part : document.at("parts")) {
        capture.parts.push_back({.volume = VolumeId(part.at("volume").get<std::string>())});
        if (part.contains("snapshot")) {
            capture.parts.back().snapshot.emplace(part["snapshot"].get<std::string>());
        }
    }
    return capture;
}

CapturePart insert_pending_snapshot(Session& session, const images::Volume& volume,
                                    const std::string& description, Time now) {
    if (volume.state != images::VolumeState::available &&
        volume.state != images::VolumeState::in_use) {
        throw Error("IncorrectState", volume.id.str(),
                    fmt::format("The volume '{}' is {}: a snapshot needs one that is available or "
                                "in-use.",
                                volume.id.str(), images::to_text(volume.state)));
    }
    const SnapshotId id = SnapshotId::generate();
    images::inherit_product_codes(session, volume.id.str(), id.str());
    images::insert_snapshot(session, {.id = id,
                                      .owner = volume.owner,
                                      .region = volume.region,
                                      .volume = volume.id,
                                      .state = images::SnapshotState::pending,
                                      .volume_size = volume.size,
                                      .description = description,
                                      .created = now,
                                      .key_id = volume.key_id});
    return {.volume = volume.id, .snapshot = id};
}

}  // namespace kiln::launcher
