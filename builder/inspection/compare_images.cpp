#include "builder/inspection/compare_images.hpp"

#include "builder/inspection/root_snapshot.hpp"
#include "images/accounts/allowed_images.hpp"
#include "images/layers/checked_chain.hpp"
#include "images/market/product_code.hpp"
#include "images/market/subscription.hpp"
#include "launcher/regions/regions.hpp"

namespace kiln::builder {

namespace {

struct Root {
    images::Image image;
    LayerId layer;
};

/// Who may launch an image may read its disk; nobody else.
Root readable_root(Session& session, const images::Caller& caller, const ImageId& id, Time now) {
    images::Image image = images::get_launchable_image(session, caller.scope(), id);
    images::check_allowed(session, caller.scope(), image, now);
    images::check_subscribed(session, caller.account, images::product_codes_of(session, id.str()));
    const images::Snapshot snapshot = root_snapshot(session, image);
    return {.image = std::move(image), .layer = snapshot.layer.value()};
}

}  // namespace

ComparedImages compare_images(Database& database, const launcher::Regions& regions,
                              const hypervisor::Accelerators& accelerators,
                              const images::Caller& caller, const ImagesToCompare& wanted,
                              Time now) {
    const launcher::Region& region = regions.get(caller.region);
    auto reading = region.chains->read();
    const auto [before, after] = database.read([&](Session& session) {
        return std::pair(readable_root(session, caller, wanted.before, now),
                         readable_root(session, caller, wanted.after, now));
    });
    caller.stop_if_dry_run();
    for (const Root* root : {&before, &after})
        images::checked_chain(database, region.pool, region.name, root->layer);
    DiskDifference difference = compare_disks({.before = region.pool.path_of(before.layer),
                                               .after = region.pool.path_of(after.layer),
                                               .below = wanted.below,
                                               .packages_only = wanted.packages_only,
                                               .use_kvm = accelerators.host_uses_kvm(),
                                               .on_open = [&] { reading.reset(); }});
    return {.before = before.image, .after = after.image, .difference = std::move(difference)};
}

}  // namespace kiln::builder
