#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <type_traits>

#include "base/clock.hpp"
#include "base/decimal.hpp"
#include "base/ids.hpp"
#include "base/ipv4.hpp"
#include "base/statement.hpp"
#include "base/units.hpp"
#include "images/catalog/attributes.hpp"

namespace kiln::images {

/// How a C++ type stands in a column: ids, enumerations and text as text; numbers, sizes (bytes),
/// times (milliseconds since 1970), truth values and IPv4 addresses as whole numbers, ranges of
/// addresses and amounts of money as text; an empty optional as null.

template <class T>
concept TextId = std::constructible_from<T, std::string> && requires(const T& id) {
    { id.str() } -> std::same_as<const std::string&>;
};

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

inline void parse_word(std::string_view text, Architecture& field) {
    field = parse_architecture(text);
}
inline void parse_word(std::string_view text, VirtualizationType& field) {
    field = parse_virtualization_type(text);
}
inline void parse_word(std::string_view text, BootMode& field) {
    field = parse_boot_mode(text);
}
inline void parse_word(std::string_view text, ImageState& field) {
    field = parse_image_state(text);
}
inline void parse_word(std::string_view text, SnapshotState& field) {
    field = parse_snapshot_state(text);
}
inline void parse_word(std::string_view text, LayerState& field) {
    field = parse_layer_state(text);
}
inline void parse_word(std::string_view text, VolumeState& field) {
    field = parse_volume_state(text);
}
inline void parse_word(std::string_view text, AttachmentState& field) {
    field = parse_attachment_state(text);
}
inline void parse_word(std::string_view text, ModificationState& field) {
    field = parse_modification_state(text);
}
inline void parse_word(std::string_view text, InstanceState& field) {
    field = parse_instance_state(text);
}
inline void parse_word(std::string_view text, ShutdownBehavior& field) {
    field = parse_shutdown_behavior(text);
}
inline void parse_word(std::string_view text, DeviceType& field) {
    field = parse_device_type(text);
}
inline void parse_word(std::string_view text, BundleTaskState& field) {
    field = parse_bundle_task_state(text);
}
inline void parse_word(std::string_view text, StoreTaskState& field) {
    field = parse_store_task_state(text);
}
inline void parse_word(std::string_view text, UsageKind& field) {
    field = parse_usage_kind(text);
}
inline void parse_word(std::string_view text, AccountState& field) {
    field = parse_account_state(text);
}
inline void parse_word(std::string_view text, AccessKeyState& field) {
    field = parse_access_key_state(text);
}
inline void parse_word(std::string_view text, ProductState& field) {
    field = parse_product_state(text);
}
inline void parse_word(std::string_view text, DeregistrationProtection& field) {
    field = parse_deregistration_protection(text);
}
inline void parse_word(std::string_view text, ImageOrigin& field) {
    field = parse_image_origin(text);
}

template <class T>
constexpr ColumnType column_type() {
    if constexpr (is_optional<T>) {
        return column_type<typename T::value_type>();
    } else if constexpr (std::integral<T> || std::same_as<T, Bytes> || std::same_as<T, Time> ||
                         std::same_as<T, Ipv4Address>) {
        return ColumnType::number;
    } else {
        return ColumnType::text;
    }
}

template <class T>
SqlValue to_value(const T& field) {
    if constexpr (is_optional<T>) {
        return field ? to_value(*field) : SqlValue();
    } else if constexpr (std::same_as<T, Bytes>) {
        return static_cast<std::int64_t>(field.value);
    } else if constexpr (std::same_as<T, Time>) {
        return to_epoch_ms(field);
    } else if constexpr (std::same_as<T, Ipv4Address>) {
        return static_cast<std::int64_t>(field.bits);
    } else if constexpr (std::same_as<T, Ipv4Range>) {
        return to_text(field);
    } else if constexpr (std::integral<T>) {
        return static_cast<std::int64_t>(field);
    } else if constexpr (std::is_enum_v<T>) {
        return std::string(to_text(field));
    } else if constexpr (std::same_as<T, Decimal> || (TextId<T> && !std::same_as<T, std::string>)) {
        return field.str();
    } else {
        return std::string(field);
    }
}

template <class T>
void read_field(const Statement& row, std::size_t column, T& field) {
    if constexpr (std::same_as<T, Bytes>) {
        field.value = static_cast<std::uint64_t>(row.number(column));
    } else if constexpr (std::same_as<T, Time>) {
        field = from_epoch_ms(row.number(column));
    } else if constexpr (std::same_as<T, Ipv4Address>) {
        field.bits = static_cast<std::uint32_t>(row.number(column));
    } else if constexpr (std::same_as<T, Ipv4Range>) {
        field = parse_ipv4_range(row.text(column)).value_or(Ipv4Range{});
    } else if constexpr (std::same_as<T, bool>) {
        field = row.number(column) != 0;
    } else if constexpr (std::integral<T>) {
        field = static_cast<T>(row.number(column));
    } else if constexpr (std::is_enum_v<T>) {
        parse_word(row.text(column), field);
    } else if constexpr (std::same_as<T, std::string>) {
        field = row.text(column);
    } else {
        field = T(row.text(column));
    }
}

template <TextId T>
void read_field(const Statement& row, std::size_t column, std::optional<T>& field) {
    field.reset();
    if (!row.is_null(column)) field.emplace(row.text(column));
}

inline void read_field(const Statement& row, std::size_t column,
                       std::optional<std::string>& field) {
    field.reset();
    if (!row.is_null(column)) field.emplace(row.text(column));
}

inline void read_field(const Statement& row, std::size_t column, std::optional<Decimal>& field) {
    field.reset();
    if (!row.is_null(column)) field = Decimal::parse(row.text(column));
}

inline void read_field(const Statement& row, std::size_t column, std::optional<Time>& field) {
    field.reset();
    if (!row.is_null(column)) field.emplace(from_epoch_ms(row.number(column)));
}

}  // namespace kiln::images
