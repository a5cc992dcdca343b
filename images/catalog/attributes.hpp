#pragma once

#include <string>
#include <string_view>

namespace kiln::images {

/// Attribute values in EC2's words. Each has to_text(), which gives the word, and a parse function
/// that throws Error{InvalidParameterValue} for any other word.

enum class Architecture { i386, x86_64, arm64, x86_64_mac };
enum class VirtualizationType { hvm, paravirtual };
enum class BootMode { legacy_bios, uefi, uefi_preferred };
enum class ImageState { pending, available, deregistered, failed, disabled };
enum class SnapshotState { pending, completed, error };
enum class LayerState { creating, live, frozen, deleting };
enum class VolumeState { creating, available, in_use, deleting, deleted, error };
enum class AttachmentState { none, attaching, attached, detaching };
enum class ModificationState { modifying, optimizing, completed, failed };
enum class InstanceState { pending, running, shutting_down, terminated, stopping, stopped };
enum class ShutdownBehavior { stop, terminate };
enum class DeviceType { ebs, instance_store };
enum class BundleTaskState { pending, bundling, storing, complete, cancelling, failed };
enum class StoreTaskState { in_progress, completed, failed };
enum class UsageKind { instance, volume, snapshot, bundle, product };
enum class AccountState { active, suspended };
enum class AccessKeyState { active, inactive };
enum class ProductState { available, retired };
enum class DeregistrationProtection { disabled, without_cooldown, with_cooldown };
/// How an image came to be; unknown: kiln did not note it yet.
enum class ImageOrigin {
    unknown,
    build,
    registration,
    capture,
    copy,
    conversion,
    restoration,
    import
};

std::string_view to_text(Architecture value);
std::string_view to_text(VirtualizationType value);
std::string_view to_text(BootMode value);
std::string_view to_text(ImageState value);
std::string_view to_text(SnapshotState value);
std::string_view to_text(LayerState value);
std::string_view to_text(VolumeState value);
std::string_view to_text(AttachmentState value);  // "" for none
std::string_view to_text(ModificationState value);
std::string_view to_text(InstanceState value);
std::string_view to_text(ShutdownBehavior value);
std::string_view to_text(DeviceType value);
std::string_view to_text(BundleTaskState value);
std::string_view to_text(StoreTaskState value);
std::string_view to_text(UsageKind value);
std::string_view to_text(AccountState value);
std::string_view to_text(AccessKeyState value);
std::string_view to_text(ProductState value);
std::string_view to_text(DeregistrationProtection value);
std::string_view to_text(ImageOrigin value);  // "" for unknown

Architecture parse_architecture(std::string_view text);
VirtualizationType parse_virtualization_type(std::string_view text);
BootMode parse_boot_mode(std::string_view text);
ImageState parse_image_state(std::string_view text);
SnapshotState parse_snapshot_state(std::string_view text);
LayerState parse_layer_state(std::string_view text);
VolumeState parse_volume_state(std::string_view text);
AttachmentState parse_attachment_state(std::string_view text);
ModificationState parse_modification_state(std::string_view text);
InstanceState parse_instance_state(std::string_view text);
ShutdownBehavior parse_shutdown_behavior(std::string_view text);
DeviceType parse_device_type(std::string_view text);
BundleTaskState parse_bundle_task_state(std::string_view text);
StoreTaskState parse_store_task_state(std::string_view text);
UsageKind parse_usage_kind(std::string_view text);
AccountState parse_account_state(std::string_view text);
AccessKeyState parse_access_key_state(std::string_view text);
ProductState parse_product_state(std::string_view text);
DeregistrationProtection parse_deregistration_protection(std::string_view text);
ImageOrigin parse_image_origin(std::string_view text);

/// EC2's code of an instance state: pending 0, running 16, shutting-down 32, terminated 48,
/// stopping 64, stopped 80.
int state_code(InstanceState state);

}  // namespace kiln::images
