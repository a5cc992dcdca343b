#pragma once

#include <functional>
#include <utility>

#include "images/bundles/object_store.hpp"

namespace kiln::tests {

/// Another object store, and what a test does in the midst of somebody's writing.
class WatchedObjectStore final : public images::ObjectStore {
  public:
    explicit WatchedObjectStore(images::ObjectStore& store) : store_(store) {}

    /// Called once, before the next object is written, in the thread that writes it. Set it while
    /// nobody writes.
    void before_next_put(std::function<void()> work) { before_put_ = std::move(work); }

    void check(const images::ObjectName& name) const override { store_.check(name); }
    std::unique_ptr<images::ObjectWriter> put(const images::ObjectName& name) override {
        if (const auto work = std::exchange(before_put_, nullptr)) work();
        return store_.put(name);
    }
    std::string get(const images::ObjectName& name, const Range& range) const override {
        return store_.get(name, range);
    }
    Bytes size(const images::ObjectName& name) const override { return store_.size(name); }
    std::vector<Listed> list(const images::ObjectPrefix& prefix) const override {
        return store_.list(prefix);
    }
    void remove(const images::ObjectName& name) override { store_.remove(name); }

  private:
    images::ObjectStore& store_;
    std::function<void()> before_put_;
};

}  // namespace kiln::tests
