#include "launcher/metadata/metadata_tree.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "launcher/network/network_plan.hpp"

namespace kiln::launcher {

namespace {

constexpr const char* no_manifest = "(unknown)";

std::string without_dev(const std::string& device) {
    constexpr std::string_view dev = "/dev/";
    return device.starts_with(dev) ? device.substr(dev.size()) : device;
}

template <class Ids>
std::string lines_of(const Ids& ids) {
    std::string text;
    for (const auto& id : ids)
        text += (text.empty() ? "" : "\n") + id.str();
    return text;
}

void add_block_devices(MetadataTree& tree, const MetadataSubject& subject) {
    const std::string& root = subject.instance.root_device_name;
    tree["block-device-mapping/ami"] = root;
    tree["block-device-mapping/root"] = root;
    int ebs = 0;
    for (const images::Volume& volume : subject.volumes) {
        if (!volume.attachment || volume.attachment->device_name == root) continue;
        const std::string name =
            volume.virtual_name.empty() ? fmt::format("ebs{}", ++ebs) : volume.virtual_name;
        tree["block-device-mapping/" + name] = without_dev(volume.attachment->device_name);
    }
}

void add_public_key(MetadataTree& tree, const images::Instance& instance) {
    if (instance.public_key.empty()) return;
    tree["public-keys/"] = "0=" + instance.key_name;
    tree["public-keys/0/openssh-key"] = instance.public_key;
}

void add_interface(MetadataTree& tree, const MetadataSubject& subject) {
    const images::NetworkInterface& card = subject.interface;
    const std::string place = fmt::format("network/interfaces/macs/{}/", card.mac_address);
    const std::string name = private_dns_name(card);
    tree[place + "device-number"] = "0";
    tree[place + "interface-id"] = card.id.str();
    tree[place + "local-hostname"] = name;
    tree[place + "local-ipv4s"] = to_text(card.address);
    if (subject.public_address) {
        tree[place + "public-ipv4s"] = to_text(*subject.public_address);
        tree[place + "ipv4-associations/" + to_text(*subject.public_address)] =
            to_text(card.address);
    }
    tree[place + "mac"] = card.mac_address;
    tree[place + "owner-id"] = card.owner.str();
    tree[place + "security-group-ids"] = lines_of(card.groups);
    tree[place + "security-groups"] = fmt::format("{}", fmt::join(subject.group_names, "\n"));
    tree[place + "subnet-id"] = subject.subnet.id.str();
    tree[place + "subnet-ipv4-cidr-block"] = to_text(subject.subnet.range);
    tree[place + "vpc-id"] = subject.vpc.id.str();
    tree[place + "vpc-ipv4-cidr-block"] = to_text(subject.vpc.range);
    tree[place + "vpc-ipv4-cidr-blocks"] = to_text(subject.vpc.range);
}

void add_image(MetadataTree& tree, const MetadataSubject& subject) {
    const images::Instance& instance = subject.instance;
    tree["ami-id"] = instance.image.str();
    tree["ami-launch-index"] = std::to_string(instance.launch_index);
    tree["ami-manifest-path"] = subject.manifest_path.empty() ? no_manifest : subject.manifest_path;
    if (!subject.ancestors.empty()) tree["ancestor-ami-ids"] = lines_of(subject.ancestors);
    if (!instance.kernel_id.empty()) tree["kernel-id"] = instance.kernel_id;
    if (!instance.ramdisk_id.empty()) tree["ramdisk-id"] = instance.ramdisk_id;
}

void add_tags(MetadataTree& tree, const MetadataSubject& subject) {
    if (!subject.instance.metadata.has_tags) return;
    for (const images::Tag& tag : subject.tags) {
        const bool is_a_name = !tag.key.empty() && tag.key.find('/') == std::string::npos &&
                               tag.key != "." && tag.key != "..";
        if (is_a_name) tree["tags/instance/" + tag.key] = tag.value;
    }
}

/// What a directory lists of a path inside it: "placement/" of "placement/region".
std::string_view listed_name(std::string_view path, std::string_view directory) {
    const std::string_view rest = path.substr(directory.size());
    const std::size_t slash = rest.find('/');
    return slash == std::string_view::npos ? rest : rest.substr(0, slash + 1);
}

}  // namespace

MetadataTree metadata_tree(const MetadataSubject& subject) {
    const images::Instance& instance = subject.instance;
    const std::string name = private_dns_name(subject.interface);
    MetadataTree tree;
    add_image(tree, subject);
    add_block_devices(tree, subject);
    add_public_key(tree, instance);
    add_interface(tree, subject);
    add_tags(tree, subject);
    tree["hostname"] = name;
    tree["instance-action"] = "none";
    tree["instance-id"] = instance.id.str();
    tree["instance-life-cycle"] = "on-demand";
    tree["instance-type"] = instance.instance_type;
    tree["local-hostname"] = name;
    tree["local-ipv4"] = to_text(subject.interface.address);
    if (subject.public_address) tree["public-ipv4"] = to_text(*subject.public_address);
    tree["mac"] = subject.interface.mac_address;
    tree["placement/availability-zone"] = instance.zone;
    tree["placement/region"] = instance.region;
    if (!subject.product_codes.empty())
        tree["product-codes"] = fmt::format("{}", fmt::join(subject.product_codes, "\n"));
    tree["profile"] = "default-hvm";
    tree["reservation-id"] = instance.reservation.str();
    tree["security-groups"] = fmt::format("{}", fmt::join(subject.group_names, "\n"));
    tree["services/domain"] = "amazonaws.com";
    tree["services/partition"] = "aws";
    return tree;
}

std::optional<std::string> look_up(const MetadataTree& tree, std::string_view path) {
    const auto exact = tree.find(path);
    if (exact != tree.end()) return exact->second;
    std::string directory(path);
    if (!directory.empty() && !directory.ends_with('/')) directory += '/';
    if (const auto listing = tree.find(directory); listing != tree.end()) return listing->second;
    std::string names;
    std::string_view last;
    for (auto entry = tree.lower_bound(directory);
         entry != tree.end() && entry->first.starts_with(directory); ++entry) {
        const std::string_view name = listed_name(entry->first, directory);
        if (name == last) continue;
        if (!names.empty()) names += '\n';
        names += name;
        last = name;
    }
    if (names.empty()) return std::nullopt;
    return names;
}

}  // namespace kiln::launcher
