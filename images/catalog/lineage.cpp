#include "images/catalog/lineage.hpp"

#include <algorithm>
#include <deque>
#include <unordered_set>

#include "base/statement.hpp"
#include "images/catalog/permission.hpp"

namespace kiln::images {

namespace {

bool may_know(Session& session, const AccountId& account, const Image& image) {
    if (image.owner == account) return true;
    return image.state != ImageState::deregistered && is_shared_with(session, image.id, account);
}

bool may_know(Session& session, const AccountId& account, const ImageId& id) {
    const auto image = find_image(session, id);
    return image && may_know(session, account, *image);
}

/// Only those of which the account may know: there may be very many others.
std::vector<ImageId> made_of(Session& session, const AccountId& account, const ImageId& id) {
    Statement rows(session,
                   "select image_id from images where source_image_id = :id and (owner = :owner"
                   " or image_id in (select image_id from image_permissions"
                   "  where grantee in (:owner, :everybody) or grantee in"
                   "   (select arn from account_arns where account_id = :owner)))"
                   " limit :limit",
                   {{"id", id.str()},
                    {"owner", account.str()},
                    {"everybody", everybody},
                    {"limit", static_cast<std::int64_t>(max_family)}},
                   {ColumnType::text});
    std::vector<ImageId> ids;
    while (rows.next())
        ids.emplace_back(rows.text(0));
    return ids;
}

bool is_older(const Relative& a, const Relative& b) {
    if (!a.image || !b.image) return !a.image && (b.image || a.id < b.id);
    return std::pair(a.image->created, a.id) < std::pair(b.image->created, b.id);
}

/// Goes from relative to relative along what is known, each once.
class FamilySearch {
  public:
    FamilySearch(Session& session, const AccountId& account)
        : session_(session), account_(account) {}

    void visit(const ImageId& id, const std::string& region) {
        if (!seen_.insert(id).second) return;
        if (seen_.size() > max_family) {
            family_.is_whole = false;
            return;
        }
        Relative found{.id = id, .region = region, .image = known_image(session_, account_, id)};
        if (found.image) found.region = found.image->region;
        family_.relatives.push_back(found);
        unfinished_.push_back(std::move(found));
    }
    Family run() {
        while (!unfinished_.empty()) {
            const Relative next = unfinished_.front();
            unfinished_.pop_front();
            if (next.image && next.image->source_image)
                visit(*next.image->source_image, next.image->source_region);
            visit_children(next.id);
        }
        std::ranges::sort(family_.relatives, is_older);
        return std::move(family_);
    }

  private:
    /// Those of which the account may know that they were made of it.
    void visit_children(const ImageId& of) {
        for (const ImageId& id : made_of(session_, account_, of)) {
            const auto child = known_image(session_, account_, id);
            if (child && child->source_image == of) visit(id, child->region);
        }
    }

    Session& session_;
    const AccountId& account_;
    Family family_;
    std::deque<Relative> unfinished_;
    std::unordered_set<ImageId> seen_;
};

}  // namespace

std::optional<Image> known_image(Session& session, const AccountId& account, const ImageId& id) {
    auto image = find_image(session, id);
    if (!image || !may_know(session, account, *image)) return std::nullopt;
    if (image->owner == account) return image;
    image->source_instance.reset();
    image->last_launched.reset();
    image->state_reason.clear();
    if (image->source_image && !may_know(session, account, *image->source_image)) {
        image->source_image.reset();
        image->source_region.clear();
    }
    return image;
}

std::vector<Image> ancestry(Session& session, const Scope& scope, const ImageId& id) {
    get_image(session, scope, id);
    std::vector<Image> line;
    std::optional<ImageId> next = id;
    while (next && line.size() < max_ancestors) {
        auto image = known_image(session, scope.owner, *next);
        if (!image) break;
        next = image->source_image;
        line.push_back(*std::move(image));
    }
    return line;
}

Family family(Session& session, const Scope& scope, const ImageId& id) {
    get_image(session, scope, id);
    FamilySearch search(session, scope.owner);
    search.visit(id, scope.region);
    return search.run();
}

}  // namespace kiln::images
