#pragma once

#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/units.hpp"
#include "builder/export/byte_sink.hpp"

namespace kiln::builder {

/// Writes an archive of regular files in the format ustar (POSIX.1-2001, pax utility), which OVF
/// wants of an OVA. Files belong to root and can be read by everybody. A file of 8 GiB or more has
/// its size in base 256, as GNU tar and all that reads archives for virtual machines have it. One
/// thread.
class TarWriter {
  public:
    TarWriter(ByteSink sink, Time modified) : sink_(std::move(sink)), modified_(modified) {}

    /// A whole file. `name`: at most 100 bytes.
    void add(const std::string& name, std::string_view content);
    /// A file of that size that is written piece by piece from now on, until end().
    void begin(const std::string& name, Bytes size);
    void write(std::string_view piece);
    /// Throws Error{InternalError} when the file turned out to be of another size.
    void end();
    /// The archive's end.
    void finish();

  private:
    ByteSink sink_;
    Time modified_;
    std::string name_;
    Bytes size_;     // of the file that is being written
    Bytes written_;  // of it
};

}  // namespace kiln::builder
