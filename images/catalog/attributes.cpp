#include "images/catalog/attributes.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include "base/error.hpp"

namespace kiln::images {

namespace {

/// Tries the values of an enumeration from its first to `last`.
template <class Enum>
Enum parse(std::string_view text, const char* attribute, Enum last) {
    std::string words;
    for (int number = 0; number <= static_cast<int>(last); ++number) {
        const auto value = static_cast<Enum>(number);
        if (to_text(value) == text) return value;
        words += fmt::format("{}{}", words.empty() ? "" : ", ", to_text(value));
    }
    throw Error(
        error_code::invalid_parameter_value, std::string(text),
        fmt::format("Value ({}) for {} is invalid: expecting one of {}", text, attribute, words));
}

}  // namespace

std::string_view to_text(Architecture value) {
    switch (value) {
        case Architecture::i386:
            return "i386";
        case Architecture::x86_64:
            return "x86_64";
        case Architecture::arm64:
            return "arm64";
        case Architecture::x86_64_mac:
            return "x86_64_mac";
    }
    std::abort();
}

std::string_view to_text(VirtualizationType value) {
    switch (value) {
        case VirtualizationType::hvm:
            return "hvm";
        case VirtualizationType::paravirtual:
            return "paravirtual";
    }
    std::abort();
}

std::string_view to_text(BootMode value) {
    switch (value) {
        case BootMode::legacy_bios:
            return "legacy-bios";
        case BootMode::uefi:
            return "uefi";
        case BootMode::uefi_preferred:
            return "uefi-preferred";
    }
    std::abort();
}

std::string_view to_text(ImageState value) {
    switch (value) {
        case ImageState::pending:
            return "pending";
        case ImageState::available:
            return "available";
        case ImageState::deregistered:
            return "deregistered";
        case ImageState::failed:
            return "failed";
        case ImageState::disabled:
            return "disabled";
    }
    std::abort();
}

std::string_view to_text(SnapshotState value) {
    switch (value) {
        case SnapshotState::pending:
            return "pending";
        case SnapshotState::completed:
            return "completed";
        case SnapshotState::error:
            return "error";
    }
    std::abort();
}

std::string_view to_text(LayerState value) {
    switch (value) {
        case LayerState::creating:
            return "creating";
        case LayerState::live:
            return "live";
        case LayerState::frozen:
            return "frozen";
        case LayerState::deleting:
            return "deleting";
    }
    std::abort();
}

std::string_view to_text(VolumeState value) {
    switch (value) {
        case VolumeState::creating:
            return "creating";
        case VolumeState::available:
            return "available";
        case VolumeState::in_use:
            return "in-use";
        case VolumeState::deleting:
            return "deleting";
        case VolumeState::deleted:
            return "deleted";
        case VolumeState::error:
            return "error";
    }
    std::abort();
}

std::string_view to_text(AttachmentState value) {
    switch (value) {
        case AttachmentState::none:
            return "";
        case AttachmentState::attaching:
            return "attaching";
        case AttachmentState::attached:
            return "attached";
        case AttachmentState::detaching:
            return "detaching";
    }
    std::abort();
}

std::string_view to_text(ModificationState value) {
    switch (value) {
        case ModificationState::modifying:
            return "modifying";
        case ModificationState::optimizing:
            return "optimizing";
        case ModificationState::completed:
            return "completed";
        case ModificationState::failed:
            return "failed";
    }
    std::abort();
}

std::string_view to_text(InstanceState value) {
    switch (value) {
        case InstanceState::pending:
            return "pending";
        case InstanceState::running:
            return "running";
        case InstanceState::shutting_down:
            return "shutting-down";
        case InstanceState::terminated:
            return "terminated";
        case InstanceState::stopping:
            return "stopping";
        case InstanceState::stopped:
            return "stopped";
    }
    std::abort();
}

std::string_view to_text(ShutdownBehavior value) {
    switch (value) {
        case ShutdownBehavior::stop:
            return "stop";
        case ShutdownBehavior::terminate:
            return "terminate";
    }
    std::abort();
}

std::string_view to_text(DeviceType value) {
    switch (value) {
        case DeviceType::ebs:
            return "ebs";
        case DeviceType::instance_store:
            return "instance-store";
    }
    std::abort();
}

std::string_view to_text(BundleTaskState value) {
    switch (value) {
        case BundleTaskState::pending:
            return "pending";
        case BundleTaskState::bundling:
            return "bundling";
        case BundleTaskState::storing:
            return "storing";
        case BundleTaskState::complete:
            return "complete";
        case BundleTaskState::cancelling:
            return "cancelling";
        case BundleTaskState::failed:
            return "failed";
    }
    std::abort();
}

std::string_view to_text(StoreTaskState value) {
    switch (value) {
        case StoreTaskState::in_progress:
            return "InProgress";
        case StoreTaskState::completed:
            return "Completed";
        case StoreTaskState::failed:
            return "Failed";
    }
    std::abort();
}

std::string_view to_text(UsageKind value) {
    switch (value) {
        case UsageKind::instance:
            return "instance";
        case UsageKind::volume:
            return "volume";
        case UsageKind::snapshot:
            return "snapshot";
        case UsageKind::bundle:
            return "bundle";
        case UsageKind::product:
            return "product";
    }
    std::abort();
}

std::string_view to_text(AccountState value) {
    switch (value) {
        case AccountState::active:
            return "ACTIVE";
        case AccountState::suspended:
            return "SUSPENDED";
    }
    std::abort();
}

std::string_view to_text(AccessKeyState value) {
    switch (value) {
        case AccessKeyState::active:
            return "Active";
        case AccessKeyState::inactive:
            return "Inactive";
    }
    std::abort();
}

std::string_view to_text(ProductState value) {
    switch (value) {
        case ProductState::available:
            return "available";
        case ProductState::retired:
            return "retired";
    }
    std::abort();
}

std::string_view to_text(DeregistrationProtection value) {
    switch (value) {
        case DeregistrationProtection::disabled:
            return "disabled";
        case DeregistrationProtection::without_cooldown:
            return "enabled-without-cooldown";
        case DeregistrationProtection::with_cooldown:
            return "enabled-with-cooldown";
    }
    std::abort();
}

std::string_view to_text(ImageOrigin value) {
    switch (value) {
        case ImageOrigin::unknown:
            return "";
        case ImageOrigin::build:
            return "build";
        case ImageOrigin::registration:
            return "registration";
        case ImageOrigin::capture:
            return "capture";
        case ImageOrigin::copy:
            return "copy";
        case ImageOrigin::conversion:
            return "conversion";
        case ImageOrigin::restoration:
            return "restoration";
        case ImageOrigin::import:
            return "import";
    }
    std::abort();
}

Architecture parse_architecture(std::string_view text) {
    return parse(text, "architecture", Architecture::x86_64_mac);
}

VirtualizationType parse_virtualization_type(std::string_view text) {
    return parse(text, "virtualization type", VirtualizationType::paravirtual);
}

BootMode parse_boot_mode(std::string_view text) {
    return parse(text, "boot mode", BootMode::uefi_preferred);
}

ImageState parse_image_state(std::string_view text) {
    return parse(text, "image state", ImageState::disabled);
}

SnapshotState parse_snapshot_state(std::string_view text) {
    return parse(text, "snapshot state", SnapshotState::error);
}

LayerState parse_layer_state(std::string_view text) {
    return parse(text, "layer state", LayerState::deleting);
}

VolumeState parse_volume_state(std::string_view text) {
    return parse(text, "volume state", VolumeState::error);
}

AttachmentState parse_attachment_state(std::string_view text) {
    return parse(text, "attachment state", AttachmentState::detaching);
}

ModificationState parse_modification_state(std::string_view text) {
    return parse(text, "volume modification state", ModificationState::failed);
}

InstanceState parse_instance_state(std::string_view text) {
    return parse(text, "instance state", InstanceState::stopped);
}

ShutdownBehavior parse_shutdown_behavior(std::string_view text) {
    return parse(text, "instance initiated shutdown behavior", ShutdownBehavior::terminate);
}

DeviceType parse_device_type(std::string_view text) {
    return parse(text, "root device type", DeviceType::instance_store);
}

BundleTaskState parse_bundle_task_state(std::string_view text) {
    return parse(text, "bundle task state", BundleTaskState::failed);
}

StoreTaskState parse_store_task_state(std::string_view text) {
    return parse(text, "store task state", StoreTaskState::failed);
}

UsageKind parse_usage_kind(std::string_view text) {
    return parse(text, "usage kind", UsageKind::product);
}

AccountState parse_account_state(std::string_view text) {
    return parse(text, "account state", AccountState::suspended);
}

AccessKeyState parse_access_key_state(std::string_view text) {
    return parse(text, "Status", AccessKeyState::inactive);
}

ProductState parse_product_state(std::string_view text) {
    return parse(text, "State", ProductState::retired);
}

DeregistrationProtection parse_deregistration_protection(std::string_view text) {
    return parse(text, "deregistrationProtection", DeregistrationProtection::with_cooldown);
}

ImageOrigin parse_image_origin(std::string_view text) {
    return parse(text, "origin", ImageOrigin::import);
}

int state_code(InstanceState state) {
    switch (state) {
        case InstanceState::pending:
            return 0;
        case InstanceState::running:
            return 16;
        case InstanceState::shutting_down:
            return 32;
        case InstanceState::terminated:
            return 48;
        case InstanceState::stopping:
            return 64;
        case InstanceState::stopped:
            return 80;
    }
    std::abort();
}

}  // namespace kiln::images
