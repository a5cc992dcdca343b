#include "launcher/sharing/image_life.hpp"

#include <fmt/format.h>

#include <functional>

#include "base/database.hpp"
#include "base/error.hpp"
#include "images/catalog/permission.hpp"

namespace kiln::launcher {

namespace {

using images::DeregistrationProtection;
using images::Image;
using images::ImageState;

constexpr std::chrono::hours cooldown{24};
constexpr std::chrono::years latest_deprecation{10};

/// Does `change` to an image of the caller's and writes it.
Image change_image(Database& database, const images::Caller& caller, const ImageId& id,
                   const std::function<void(Session&, Image&)>& change) {
    return database.write([&](Session& session) {
        Image image = images::get_own_image(session, caller.scope(), id);
        change(session, image);
        images::update_image(session, image);
        caller.stop_if_dry_run();
        return image;
    });
}

void check_available(const Image& image, const char* verb) {
    if (image.state == ImageState::available || image.state == ImageState::disabled) return;
    throw Error("InvalidAMIID.Unavailable", image.id.str(),
                fmt::format("The image '{}' cannot be {}: its state is {}", image.id.str(), verb,
                            images::to_text(image.state)));
}

void begin_cooldown(Image& image, Time now) {
    if (image.deregistration_protection != DeregistrationProtection::with_cooldown) return;
    image.protected_until = now + cooldown;
}

}  // namespace

void disable_image(Database& database, const images::Caller& caller, const ImageId& id) {
    change_image(database, caller, id, [&](Session& session, Image& image) {
        check_available(image, "disabled");
        image.state = ImageState::disabled;
        images::revoke_all(session, id);
    });
}

void enable_image(Database& database, const images::Caller& caller, const ImageId& id) {
    change_image(database, caller, id, [](Session&, Image& image) {
        check_available(image, "enabled");
        image.state = ImageState::available;
    });
}

void deprecate_image(Database& database, const images::Caller& caller, const ImageId& id,
                     std::optional<Time> at, Time now) {
    if (at && (*at < now || *at > now + latest_deprecation)) {
        throw Error(error_code::invalid_parameter_value, format_time(*at),
                    fmt::format("Invalid value '{}' for DeprecateAt: expecting a time from now to "
                                "10 years ahead",
                                format_time(*at)));
    }
    change_image(database, caller, id, [&](Session&, Image& image) {
        image.deprecated = at;
        if (at) image.deprecated = std::chrono::round<std::chrono::minutes>(*at);
    });
}

/// However it leaves the cooldown, that has to pass.
Image protect_image(Database& database, const images::Caller& caller, const ImageId& id,
                    bool with_cooldown, Time now) {
    return change_image(database, caller, id, [&](Session&, Image& image) {
        if (!with_cooldown) begin_cooldown(image, now);
        image.deregistration_protection = with_cooldown
                                              ? DeregistrationProtection::with_cooldown
                                              : DeregistrationProtection::without_cooldown;
    });
}

Image unprotect_image(Database& database, const images::Caller& caller, const ImageId& id,
                      Time now) {
    return change_image(database, caller, id, [&](Session&, Image& image) {
        begin_cooldown(image, now);
        image.deregistration_protection = DeregistrationProtection::disabled;
    });
}

}  // namespace kiln::launcher
