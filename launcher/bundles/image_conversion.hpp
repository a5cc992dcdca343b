#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "images/bundles/bundle.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/operation.hpp"
#include "launcher/bundles/image_unpacker.hpp"
#include "launcher/instances/lifecycle.hpp"

namespace kiln::launcher {

/// What ConvertImage has to do, kept in its operation. One of `snapshot` and `bundle` is there.
struct Conversion {
    ImageId source;
    ImageId image;                       // pending until it is done
    std::optional<SnapshotId> snapshot;  // the pending root of an image that becomes EBS-backed
    std::optional<LayerId> layer;        // the root of an EBS-backed source
    std::optional<images::ObjectPrefix> bundle;  // where an instance-store image is stored
};

std::string to_json(const Conversion& conversion);
Conversion parse_conversion(const std::string& json);

/// Ends a conversion that is not wanted any more, in the caller's transaction, after which its
/// image is not pending. ImageConversion::cancel() is to follow: what was stored is its job's to
/// remove, which ends the operation.
void withdraw_conversion(Session& session, const images::Operation& operation, Time now);

/// Makes EBS-backed images of instance-store images, and the other way round. The job may be run
/// again after a crash at any point. Once its image is not pending it removes what it has stored.
class ImageConversion {
  public:
    ImageConversion(const InstanceLifecycle::Dependencies& dependencies, images::ObjectStore& store,
                    const ImageUnpacker& unpacker)
        : use_(dependencies), store_(store), unpacker_(unpacker) {}

    /// Adds the job of an operation. Any thread.
    void add(const OperationId& operation, const Conversion& conversion);
    /// To be called when the conversion was withdrawn. Any thread.
    void cancel(const OperationId& operation, const Conversion& conversion);

  private:
    void run(const OperationId& operation, const Conversion& conversion);
    void convert(const OperationId& operation, const Conversion& conversion,
                 const std::stop_token& stop);
    void to_ebs(const OperationId& operation, const Conversion& conversion) const;
    void to_bundle(const OperationId& operation, const Conversion& conversion,
                   const std::stop_token& stop);
    images::Image get_image(const ImageId& id) const;
    std::filesystem::path raw_file(const Conversion& conversion) const;
    void fail(const OperationId& operation, const Conversion& conversion,
              const std::string& cause) const;
    void end_canceled(const OperationId& operation, const Conversion& conversion) const;
    void clean_up(const OperationId& operation, const Conversion& conversion) const;

    InstanceLifecycle::Dependencies use_;
    images::ObjectStore& store_;
    const ImageUnpacker& unpacker_;
    std::mutex mutex_;
    std::map<OperationId, std::shared_ptr<std::stop_source>> running_;
};

}  // namespace kiln::launcher
