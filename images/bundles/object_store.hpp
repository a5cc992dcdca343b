#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.hpp"
#include "images/bundles/object_name.hpp"

namespace kiln::images {

/// Writes one object. The object appears whole when commit() has returned, in place of one of that
/// name; destroyed without it, nothing is left. After an error it can only be destroyed. One
/// thread; must not outlive its store.
class ObjectWriter {
  public:
    virtual ~ObjectWriter() = default;
    virtual void write(std::string_view bytes) = 0;
    /// Makes the object durable and visible. When it throws, the object may be there or not.
    virtual void commit() = 0;
};

/// Where bundles and stored images are kept: buckets of objects as in S3. All functions throw
/// Error{InvalidBucketName}, and Error{InvalidParameterValue} for a key that the store cannot take.
/// Any thread.
class ObjectStore {
  public:
    virtual ~ObjectStore() = default;

    /// Throws what a put() of that name would; nothing is written.
    virtual void check(const ObjectName& name) const = 0;
    /// Begins to write an object. The bucket appears with its first object.
    virtual std::unique_ptr<ObjectWriter> put(const ObjectName& name) = 0;

    struct Range {
        Bytes offset;
        Bytes length;
    };
    /// The bytes of that range; fewer where the object ends earlier, none behind its end. They are
    /// held in memory, so bound the length. Throws Error{NoSuchBucket} or Error{NoSuchKey}.
    virtual std::string get(const ObjectName& name, const Range& range) const = 0;
    /// Throws Error{NoSuchBucket} or Error{NoSuchKey}.
    virtual Bytes size(const ObjectName& name) const = 0;

    struct Listed {
        std::string key;
        Bytes size;

        friend bool operator==(const Listed&, const Listed&) = default;
    };
    /// The bucket's objects whose keys begin with the prefix, sorted by the bytes of their keys.
    /// Throws Error{NoSuchBucket}.
    virtual std::vector<Listed> list(const ObjectPrefix& prefix) const = 0;

    /// Removes the object; none is no error.
    virtual void remove(const ObjectName& name) = 0;
};

}  // namespace kiln::images
