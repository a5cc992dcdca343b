#pragma once

#include <libvirt/libvirt.h>

#include <cstdlib>
#include <memory>

namespace kiln::hypervisor {

template <auto free_function>
struct Deleter {
    template <class T>
    void operator()(T* object) const noexcept {
        free_function(object);
    }
};

using DomainPtr = std::unique_ptr<virDomain, Deleter<virDomainFree>>;
using SnapshotPtr = std::unique_ptr<virDomainSnapshot, Deleter<virDomainSnapshotFree>>;
using NetworkPtr = std::unique_ptr<virNetwork, Deleter<virNetworkFree>>;
using SecretPtr = std::unique_ptr<virSecret, Deleter<virSecretFree>>;
using StreamPtr = std::unique_ptr<virStream, Deleter<virStreamFree>>;
/// Text that libvirt allocated for its caller.
using TextPtr = std::unique_ptr<char, Deleter<std::free>>;
/// Shared: a call that is under way keeps the connection that it began with.
using ConnectionPtr = std::shared_ptr<virConnect>;

}  // namespace kiln::hypervisor
