#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/database.hpp"
#include "base/ids.hpp"
#include "images/catalog/image.hpp"

namespace kiln::images {

/// Of a line of ancestors, and of a family.
inline constexpr std::size_t max_ancestors = 1'000;
inline constexpr std::size_t max_family = 5'000;

/// What an account may know of an image in any region: of its own everything, also when it was
/// deregistered; of one that it may launch not what it was made of, unless the account may know
/// that one, too. nullopt: nothing.
std::optional<Image> known_image(Session& session, const AccountId& account, const ImageId& id);

/// The image, which the scope's account may see, and what it was made of, and so on, as far as the
/// account may know it. The last one may have a source that it may not know. Throws what
/// get_image() throws.
std::vector<Image> ancestry(Session& session, const Scope& scope, const ImageId& id);

/// One of a family of images.
struct Relative {
    ImageId id;
    std::string region;          // empty: not known
    std::optional<Image> image;  // nullopt: another was made of it, and no more is known
};

struct Family {
    std::vector<Relative> relatives;  // oldest first, those of which nothing is known before them
    bool is_whole = true;             // false: there are more than max_family
};

/// All images in all regions that come from the same one as the image, which the scope's account
/// may see, as far as the account may know them. Throws what get_image() throws.
Family family(Session& session, const Scope& scope, const ImageId& id);

}  // namespace kiln::images
