#include "images/layers/merging.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/rollback.hpp"
#include "images/layers/private_copy.hpp"
#include "images/layers/qemu_img.hpp"

namespace kiln::images {

namespace {

/// The needed layers of a region, with who stands on whom.
class LayerTree {
  public:
    LayerTree(Session& session, const std::string& region) : named_(named_layers(session, region)) {
        std::set<LayerId> unneeded;
        for (const Layer& layer : unneeded_layers(session, region))
            unneeded.insert(layer.id);
        for (const Layer& layer : all_layers(session, region)) {
            if (unneeded.contains(layer.id)) continue;
            layers_.emplace(layer.id, layer);
            if (layer.parent) children_[*layer.parent].push_back(layer.id);
        }
    }

    std::vector<Merge> merges() const {
        std::vector<Merge> merges;
        for (const auto& [id, layer] : layers_) {
            if (!takes_in(id) || is_taken_in(id)) continue;
            Merge merge{.into = id, .parent = layer.parent};
            while (merge.parent && is_taken_in(*merge.parent)) {
                merge.layers.push_back(*merge.parent);
                merge.parent = layers_.at(*merge.parent).parent;
            }
            if (!merge.layers.empty()) merges.push_back(std::move(merge));
        }
        return merges;
    }

  private:
    bool takes_in(const LayerId& id) const {
        const LayerState state = layers_.at(id).state;
        return state == LayerState::frozen || state == LayerState::live;
    }
    bool is_taken_in(const LayerId& id) const {
        if (layers_.at(id).state != LayerState::frozen || named_.contains(id)) return false;
        const auto children = children_.find(id);
        return children != children_.end() && children->second.size() == 1 &&
               takes_in(children->second.front());
    }

    std::set<LayerId> named_;
    std::map<LayerId, Layer> layers_;
    std::map<LayerId, std::vector<LayerId>> children_;
};

std::optional<std::filesystem::path> path_of(const Pool& pool,
                                             const std::optional<LayerId>& layer) {
    if (!layer) return std::nullopt;
    return pool.path_of(*layer);
}

void remove_unfinished_files(const Pool& pool) {
    std::vector<std::filesystem::path> unfinished;
    for (const auto& entry : std::filesystem::directory_iterator(pool.directory())) {
        if (entry.path().extension() != ".part") continue;
        try {
            const LayerId id(entry.path().stem().stem().string());
            if (pool.unfinished_path_of(id) == entry.path()) unfinished.push_back(entry.path());
        } catch (const Error&) {
            // Somebody else's file: not ours to remove.
        }
    }
    for (const std::filesystem::path& path : unfinished)
        remove_file(path);
}

/// A merge can only have led further down the chain; anything else is not for us to mend.
void learn_parent(Database& database, const Pool& pool, const Layer& layer) {
    const std::optional<LayerId> parent = pool.parent_of(layer.id);
    if (parent == layer.parent) return;
    database.write([&](Session& session) {
        const auto chain = layer_chain(session, layer.region, layer.id);
        if (parent && std::ranges::find(chain, *parent, &Layer::id) == chain.end()) {
            throw Error(error_code::internal_error, layer.id.str(),
                        fmt::format("its file stands on {}, which is not in its chain: restore "
                                    "'{}' from a backup",
                                    parent->str(), pool.path_of(layer.id).string()));
        }
        set_layer_parent(session, layer.region, layer.id, parent);
    });
    log::info("{} was merged with what it stood on", layer.id.str());
}

}  // namespace

std::vector<Merge> possible_merges(Session& session, const std::string& region) {
    return LayerTree(session, region).merges();
}

Bytes space_needed(const Pool& pool, const Merge& merge) {
    Bytes needed = pool.allocated_size(merge.into);
    for (const LayerId& layer : merge.layers)
        needed = needed + pool.allocated_size(layer);
    return needed;
}

void prepare_merge(const Pool& pool, const Merge& merge, std::stop_token stop,
                   const std::optional<LayerKey>& key) {
    const std::filesystem::path file = pool.path_of(merge.into);
    const std::filesystem::path part = pool.unfinished_path_of(merge.into);
    remove_file(part);
    Rollback undo;
    undo.add([&] { remove_file(part); });
    make_private_copy(file, part, stop);
    qemu_img::rebase(part, path_of(pool, merge.parent), std::move(stop), key);
    qemu_img::check(part, key);
    // No readers: no guest has a chain that is merged.
    constexpr auto group = std::filesystem::perms::group_all;
    std::filesystem::permissions(part, std::filesystem::status(file).permissions() & ~group);
    sync_file(part);
    undo.commit();
}

void publish_merge(Database& database, const Pool& pool, const std::string& region,
                   const Merge& merge) {
    const std::filesystem::path file = pool.path_of(merge.into);
    const std::filesystem::path part = pool.unfinished_path_of(merge.into);
    if (std::rename(part.c_str(), file.c_str()) != 0) {
        throw system_error(fmt::format("move '{}' to '{}'", part.string(), file.string()));
    }
    sync_directory(pool.directory());
    database.write(
        [&](Session& session) { set_layer_parent(session, region, merge.into, merge.parent); });
}

void abandon_merge(const Pool& pool, const Merge& merge) {
    remove_file(pool.unfinished_path_of(merge.into));
}

void recover_merges(Database& database, const Pool& pool, const std::string& region) {
    remove_unfinished_files(pool);
    const auto layers =
        database.read([&](Session& session) { return all_layers(session, region); });
    for (const Layer& layer : layers) {
        if (layer.state != LayerState::frozen || !pool.exists(layer.id)) continue;
        try {
            learn_parent(database, pool, layer);
        } catch (const Error& error) {
            log::error("cannot tell what {} stands on: {}", layer.id.str(), error.what());
        }
    }
}

}  // namespace kiln::images
