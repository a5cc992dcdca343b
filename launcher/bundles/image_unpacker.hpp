#pragma once

#include "images/bundles/bundle.hpp"
#include "images/catalog/image.hpp"
#include "launcher/instances/lifecycle.hpp"

namespace kiln::launcher {

/// Makes the roots of instances of instance-store images: the image's bundle is unpacked once into
/// a frozen layer of the region's pool, and each root is an overlay of it.
class ImageUnpacker {
  public:
    ImageUnpacker(const InstanceLifecycle::Dependencies& dependencies,
                  const images::ObjectStore& store)
        : use_(dependencies), store_(store) {}

    /// The lane that prepare() of instances of that image must have for itself.
    static std::string lane_of(const ImageId& image) { return "unpack " + image.str(); }
    /// Gives the root of an instance that is being launched its layer. Again is no error. Throws
    /// what unpacking the bundle does; then nothing is left.
    void prepare(const InstanceId& id) const;
    /// The layer that the image's bundle is unpacked to, which it is when it was not. The operation
    /// pins it, so that nobody collects it until it is named otherwise. The caller has the image's
    /// lane, and calls keep() in the transaction that makes the layer needed.
    LayerId layer_of(const images::Image& image, const OperationId& operation) const;
    /// The layer is frozen, and kept for the image's next launch while the image is available.
    /// false when it is gone, since the operation ended meanwhile.
    static bool keep(Session& session, const images::Image& image, const LayerId& layer);

  private:
    LayerId unpack(const images::Image& image, const OperationId& operation,
                   const LayerId& layer) const;
    void unpack_into(const images::Image& image, const LayerId& layer, Bytes size) const;

    InstanceLifecycle::Dependencies use_;
    const images::ObjectStore& store_;
};

}  // namespace kiln::launcher
