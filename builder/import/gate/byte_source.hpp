#pragma once

#include <cstdint>
#include <span>

namespace kiln::builder::gate {

/// The bytes of a file that is looked at: so that the checks do not know where they come from.
class ByteSource {
  public:
    explicit ByteSource(std::uint64_t size) : size_(size) {}
    virtual ~ByteSource() = default;
    ByteSource(const ByteSource&) = delete;
    ByteSource& operator=(const ByteSource&) = delete;

    std::uint64_t size() const { return size_; }
    /// Fills `to` with what stands from `offset` on, and with zeros where the file has ended.
    void read(std::uint64_t offset, std::span<char> to) const;

  private:
    /// All that is asked for lies within the size.
    virtual void read_inside(std::uint64_t offset, std::span<char> to) const = 0;

    std::uint64_t size_;
};

/// A regular file. Throws Error{InvalidParameterValue} for anything else that a descriptor can
/// stand for, and when the file has become shorter since; Error{InternalError} when it cannot be
/// read. The descriptor stays the caller's, and open while the object lives.
class FileBytes final : public ByteSource {
  public:
    explicit FileBytes(int fd);

  private:
    void read_inside(std::uint64_t offset, std::span<char> to) const override;

    int fd_;
};

/// A part of another source, which outlives it and in which all of it lies.
class PartOfBytes final : public ByteSource {
  public:
    PartOfBytes(const ByteSource& whole, std::uint64_t offset, std::uint64_t size)
        : ByteSource(size), whole_(whole), offset_(offset) {}

  private:
    void read_inside(std::uint64_t offset, std::span<char> to) const override {
        whole_.read(offset_ + offset, to);
    }

    const ByteSource& whole_;
    std::uint64_t offset_;
};

}  // namespace kiln::builder::gate
