#include "launcher/implementation.hpp"

namespace kiln::launcher {

GarbageCollection Launcher::collect_garbage(const images::Caller& caller) {
    caller.require_administrator();
    Implementation& use = *implementation_;
    const Region& region = use.region_of(caller);
    return caller.dry_run ? use.merger().plan(region) : use.merger().collect(region);
}

}  // namespace kiln::launcher
