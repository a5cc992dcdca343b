#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>

namespace kiln {

namespace detail {
/// Throws Error{malformed_code} unless `text` is `prefix` + '-' + 8 or 17 lower-case hex digits.
void check_id(std::string_view text, std::string_view prefix, const char* malformed_code);
/// `prefix` + '-' + 17 random lower-case hex digits.
std::string generate_id(std::string_view prefix);
}  // namespace detail

/// A resource id that was checked when it was made, so it can be trusted everywhere else. There is
/// no empty id: use std::optional where an id may be absent. Kind gives `prefix` and
/// `malformed_code`.
template <class Kind>
class Id {
  public:
    static constexpr const char* prefix = Kind::prefix;

    /// Throws Error{Kind::malformed_code} when `text` is not such an id.
    explicit Id(std::string text) : text_(std::move(text)) {
        detail::check_id(text_, Kind::prefix, Kind::malformed_code);
    }
    /// A new random id (68 bits from the kernel).
    static Id generate() { return Id(detail::generate_id(Kind::prefix)); }

    const std::string& str() const noexcept { return text_; }

    friend bool operator==(const Id&, const Id&) = default;
    friend std::strong_ordering operator<=>(const Id& a, const Id& b) {
        return a.text_.compare(b.text_) <=> 0;
    }

  private:
    std::string text_;
};

struct ImageKind {
    static constexpr const char* prefix = "ami";
    static constexpr const char* malformed_code = "InvalidAMIID.Malformed";
};
struct InstanceKind {
    static constexpr const char* prefix = "i";
    static constexpr const char* malformed_code = "InvalidInstanceID.Malformed";
};
struct ReservationKind {
    static constexpr const char* prefix = "r";
    static constexpr const char* malformed_code = "InvalidReservationID.Malformed";
};
struct VolumeKind {
    static constexpr const char* prefix = "vol";
    static constexpr const char* malformed_code = "InvalidVolumeID.Malformed";
};
struct SnapshotKind {
    static constexpr const char* prefix = "snap";
    static constexpr const char* malformed_code = "InvalidSnapshotID.Malformed";
};
struct KeyPairKind {
    static constexpr const char* prefix = "key";
    static constexpr const char* malformed_code = "InvalidKeyPairId.Malformed";
};
struct LayerKind {
    static constexpr const char* prefix = "layer";
    static constexpr const char* malformed_code = "InvalidParameterValue";
};
struct VpcKind {
    static constexpr const char* prefix = "vpc";
    static constexpr const char* malformed_code = "InvalidVpcID.Malformed";
};
struct SubnetKind {
    static constexpr const char* prefix = "subnet";
    static constexpr const char* malformed_code = "InvalidSubnetID.Malformed";
};
struct NetworkInterfaceKind {
    static constexpr const char* prefix = "eni";
    static constexpr const char* malformed_code = "InvalidNetworkInterfaceId.Malformed";
};
struct AllocationKind {
    static constexpr const char* prefix = "eipalloc";
    static constexpr const char* malformed_code = "InvalidAllocationID.Malformed";
};
struct AssociationKind {
    static constexpr const char* prefix = "eipassoc";
    static constexpr const char* malformed_code = "InvalidAssociationID.Malformed";
};
struct SecurityGroupKind {
    static constexpr const char* prefix = "sg";
    static constexpr const char* malformed_code = "InvalidGroupId.Malformed";
};
struct SecurityGroupRuleKind {
    static constexpr const char* prefix = "sgr";
    static constexpr const char* malformed_code = "InvalidSecurityGroupRuleId.Malformed";
};
struct LaunchTemplateKind {
    static constexpr const char* prefix = "lt";
    static constexpr const char* malformed_code = "InvalidLaunchTemplateId.Malformed";
};
struct OperationKind {
    static constexpr const char* prefix = "op";
    static constexpr const char* malformed_code = "InvalidParameterValue";
};

using ImageId = Id<ImageKind>;
using InstanceId = Id<InstanceKind>;
using ReservationId = Id<ReservationKind>;
using VolumeId = Id<VolumeKind>;
using SnapshotId = Id<SnapshotKind>;
using KeyPairId = Id<KeyPairKind>;
using VpcId = Id<VpcKind>;
using SubnetId = Id<SubnetKind>;
using NetworkInterfaceId = Id<NetworkInterfaceKind>;
using AllocationId = Id<AllocationKind>;
using AssociationId = Id<AssociationKind>;
using SecurityGroupId = Id<SecurityGroupKind>;
using SecurityGroupRuleId = Id<SecurityGroupRuleKind>;
using LaunchTemplateId = Id<LaunchTemplateKind>;
using LayerId = Id<LayerKind>;
using OperationId = Id<OperationKind>;

/// A 12-digit account id, as EC2's owner ids.
class AccountId {
  public:
    /// Throws Error{InvalidParameterValue} unless `text` is 12 digits.
    explicit AccountId(std::string text);
    static bool is_valid(std::string_view text);
    /// A new random account id that does not begin with 0.
    static AccountId generate();

    const std::string& str() const noexcept { return text_; }

    friend bool operator==(const AccountId&, const AccountId&) = default;
    friend std::strong_ordering operator<=>(const AccountId& a, const AccountId& b) {
        return a.text_.compare(b.text_) <=> 0;
    }

  private:
    std::string text_;
};

}  // namespace kiln

template <class Kind>
struct std::hash<kiln::Id<Kind>> {
    std::size_t operator()(const kiln::Id<Kind>& id) const noexcept {
        return std::hash<std::string>{}(id.str());
    }
};
