#include "launcher/metadata/instance_metadata.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "images/catalog/address.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/security_group.hpp"
#include "images/market/product_code.hpp"

namespace kiln::launcher {

namespace {

constexpr const char* token_path = "/latest/api/token";
constexpr const char* binary = "application/octet-stream";
constexpr const char* token_key_file = "tokens.key";
constexpr int longest_time_to_live_s = 21600;
constexpr std::size_t most_ancestors = 16;

constexpr std::array<std::string_view, 29> versions{
    "1.0",        "2007-01-19", "2007-03-01", "2007-08-29", "2007-10-10", "2007-12-15",
    "2008-02-01", "2008-09-01", "2009-04-04", "2011-01-01", "2011-05-01", "2012-01-12",
    "2014-02-25", "2014-11-05", "2015-10-20", "2016-04-19", "2016-06-30", "2016-09-02",
    "2018-03-28", "2018-08-17", "2018-09-24", "2019-10-01", "2020-10-27", "2021-01-03",
    "2021-03-23", "2021-07-15", "2022-07-09", "2022-09-24", "latest"};

MetadataResponse refusal(int status) {
    switch (status) {
        case 400:
            return {.status = status, .body = "Bad Request"};
        case 401:
            return {.status = status, .body = "Unauthorized"};
        case 403:
            return {.status = status, .body = "Forbidden"};
        case 405:
            return {.status = status, .body = "Method Not Allowed"};
        default:
            return {.status = 404, .body = "Not Found"};
    }
}

std::optional<int> parse_time_to_live(const std::optional<std::string>& text) {
    if (!text) return std::nullopt;
    int seconds = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
    const bool whole = error == std::errc() && end == text->data() + text->size();
    if (!whole || seconds < 1 || seconds > longest_time_to_live_s) return std::nullopt;
    return seconds;
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/// Without the query, with %XX decoded, and with single slashes.
std::string path_of(std::string_view target) {
    target = target.substr(0, target.find_first_of("?#"));
    std::string path;
    for (std::size_t i = 0; i < target.size(); ++i) {
        char c = target[i];
        if (c == '%' && i + 2 < target.size() && hex_digit(target[i + 1]) >= 0 &&
            hex_digit(target[i + 2]) >= 0) {
            c = static_cast<char>(hex_digit(target[i + 1]) * 16 + hex_digit(target[i + 2]));
            i += 2;
        }
        if (c == '/' && path.ends_with('/')) continue;
        path += c;
    }
    return path;
}

/// The images that the image was made from, the nearest first, as far as the catalog knows them.
std::vector<ImageId> ancestors_of(Session& session, const std::optional<images::Image>& image) {
    std::vector<ImageId> ancestors;
    std::optional<images::Image> child = image;
    while (child && child->source_image && ancestors.size() < most_ancestors) {
        ancestors.push_back(*child->source_image);
        child = images::find_image(session, ancestors.back());
    }
    return ancestors;
}

std::vector<images::Tag> tags_of(Session& session, const images::Instance& instance) {
    return images::tags_of(session, {.owner = instance.owner, .region = instance.region},
                           instance.id.str());
}

std::optional<MetadataSubject> load_subject(Session& session, const images::Instance& instance) {
    const auto interface = images::interface_of_instance(session, instance.id);
    const auto vpc = images::find_vpc(session, instance.region);
    if (!interface || !vpc) return std::nullopt;
    const auto subnet = images::find_subnet(session, interface->subnet);
    if (!subnet) return std::nullopt;
    const auto image = images::find_image(session, instance.image);
    MetadataSubject subject{.instance = instance,
                            .interface = *interface,
                            .vpc = *vpc,
                            .subnet = *subnet,
                            .volumes = images::volumes_of_instance(session, instance.id),
                            .ancestors = ancestors_of(session, image)};
    const auto addresses = images::addresses_of_interface(session, interface->id);
    if (!addresses.empty()) subject.public_address = addresses.front().public_address;
    if (image) subject.manifest_path = image->location;
    subject.product_codes = images::product_codes_of(session, instance.id.str());
    for (const SecurityGroupId& id : interface->groups) {
        const auto group = images::find_security_group(session, id);
        if (group) subject.group_names.push_back(group->name);
    }
    if (instance.metadata.has_tags) subject.tags = tags_of(session, instance);
    return subject;
}

nlohmann::ordered_json text_or_null(const std::string& text) {
    return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(text);
}

nlohmann::ordered_json list_or_null(const std::vector<std::string>& texts) {
    return texts.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(texts);
}

std::string without_milliseconds(Time time) {
    std::string text = format_time(time);
    return text.substr(0, text.find('.')) + "Z";
}

}  // namespace

std::string identity_document(const MetadataSubject& subject) {
    const images::Instance& instance = subject.instance;
    const nlohmann::ordered_json document{
        {"accountId", instance.owner.str()},
        {"architecture", images::to_text(instance.architecture)},
        {"availabilityZone", instance.zone},
        {"billingProducts", nullptr},
        {"devpayProductCodes", nullptr},
        {"marketplaceProductCodes", list_or_null(subject.product_codes)},
        {"imageId", instance.image.str()},
        {"instanceId", instance.id.str()},
        {"instanceType", instance.instance_type},
        {"kernelId", text_or_null(instance.kernel_id)},
        {"pendingTime", without_milliseconds(instance.launched)},
        {"privateIp", to_text(subject.interface.address)},
        {"ramdiskId", text_or_null(instance.ramdisk_id)},
        {"region", instance.region},
        {"version", "2017-09-30"}};
    return document.dump(2);
}

InstanceMetadata::InstanceMetadata(Database& database, const Clock& clock,
                                   const std::filesystem::path& key_directory)
    : database_(database),
      clock_(clock),
      keys_(key_directory),
      tokens_(key_directory / token_key_file) {}

MetadataResponse InstanceMetadata::answer(const std::string& region, Ipv4Address peer,
                                          const MetadataRequest& request) {
    const auto instance = database_.read([&](Session& session) -> std::optional<images::Instance> {
        const auto interface = images::interface_at(session, region, peer);
        if (!interface) return std::nullopt;
        return images::find_instance(session, interface->instance);
    });
    if (!instance || !instance->metadata.enabled || request.was_forwarded) return refusal(403);
    return answer_instance(*instance, request);
}

MetadataResponse InstanceMetadata::answer_instance(const images::Instance& instance,
                                                   const MetadataRequest& request) {
    const std::string path = path_of(request.target);
    const bool is_token_path = path == token_path;
    if (request.method == "PUT")
        return is_token_path ? issue_token(instance, request) : refusal(405);
    if (request.method != "GET" && request.method != "HEAD") return refusal(405);
    if (is_token_path) return refusal(405);
    if (request.token) {
        if (!tokens_.is_good(*request.token, instance.id, clock_.now())) return refusal(401);
    } else if (instance.metadata.tokens_required) {
        return refusal(401);
    }
    return look_up_path(instance, path);
}

MetadataResponse InstanceMetadata::issue_token(const images::Instance& instance,
                                               const MetadataRequest& request) const {
    const auto seconds = parse_time_to_live(request.time_to_live);
    if (!seconds) return refusal(400);
    return {.body = tokens_.issue(instance.id, std::chrono::seconds(*seconds), clock_.now()),
            .time_to_live_s = seconds,
            .hop_limit = instance.metadata.hop_limit};
}

MetadataResponse InstanceMetadata::look_up_path(const images::Instance& instance,
                                                const std::string& path) {
    if (path == "/" || path.empty()) return {.body = fmt::format("{}", fmt::join(versions, "\n"))};
    const std::size_t slash = std::min(path.find('/', 1), path.size());
    const std::string_view version = std::string_view(path).substr(1, slash - 1);
    if (std::ranges::find(versions, version) == versions.end()) return refusal(404);
    const std::string rest = slash < path.size() ? path.substr(slash + 1) : "";
    const std::string user_data = base64_decode(instance.user_data).value_or("");
    if (rest.empty())
        return {.body = user_data.empty() ? "dynamic\nmeta-data" : "dynamic\nmeta-data\nuser-data"};
    if (rest == "user-data" || rest == "user-data/") {
        if (user_data.empty()) return refusal(404);
        return {.body = user_data, .content_type = binary};
    }
    const auto subject =
        database_.read([&](Session& session) { return load_subject(session, instance); });
    if (!subject) return refusal(404);
    constexpr std::string_view meta_data = "meta-data";
    constexpr std::string_view dynamic_data = "dynamic";
    if (rest == meta_data || rest.starts_with("meta-data/")) {
        const std::string below = rest.substr(std::min(rest.size(), meta_data.size() + 1));
        const auto value = look_up(metadata_tree(*subject), below);
        return value ? MetadataResponse{.body = *value} : refusal(404);
    }
    if (rest == dynamic_data || rest.starts_with("dynamic/"))
        return dynamic(*subject, rest.substr(std::min(rest.size(), dynamic_data.size() + 1)));
    return refusal(404);
}

MetadataResponse InstanceMetadata::dynamic(const MetadataSubject& subject,
                                           const std::string& path) {
    const std::string document = identity_document(subject);
    const IdentityKey& key = keys_.of(subject.instance.region);
    if (path.empty()) return {.body = "instance-identity/"};
    if (path == "instance-identity" || path == "instance-identity/")
        return {.body = "document\npkcs7\nrsa2048\nsignature"};
    if (path == "instance-identity/document") return {.body = document};
    if (path == "instance-identity/signature") return {.body = key.sign(document)};
    if (path == "instance-identity/pkcs7" || path == "instance-identity/rsa2048")
        return {.body = key.sign_pkcs7(document)};
    return refusal(404);
}

void InstanceMetadata::prepare(const std::string& region) {
    keys_.of(region);
}

std::string InstanceMetadata::certificate(const std::string& region) {
    return keys_.of(region).certificate();
}

}  // namespace kiln::launcher
