#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>

#include "base/keyed_executor.hpp"
#include "builder/sealing/sealing_rows.hpp"
#include "builder/stages/workshop.hpp"
#include "launcher/regions/regions.hpp"

namespace kiln::builder {

/// Makes sealed images of others, one after the other, in a thread of its own: a root disk on the
/// source's, in which the steps of sealing have run. The job is run again from its beginning after
/// a crash. Any thread.
class ImageSealer {
  public:
    struct Dependencies {
        Database& database;
        const launcher::Regions& regions;
        const Clock& clock;
        Bytes free_space_reserve;
        /// Seals the system on a disk, and lets what it does not use be holes when that is wanted.
        std::function<void(const OfflineDiskSpec& disk, bool trim)> seal;
    };
    explicit ImageSealer(Dependencies dependencies);
    /// Ends what is being done; the next start of the service takes it up again.
    ~ImageSealer();
    ImageSealer(const ImageSealer&) = delete;
    ImageSealer& operator=(const ImageSealer&) = delete;

    /// Takes up what a crash cut off. Once, before requests are served.
    void recover();
    /// Makes a pending image, which becomes available, or fails with the reason. Throws as
    /// insert_sealing().
    ImageId seal_image(const images::Caller& caller, const SealRequest& request);
    /// For tests: blocks until nothing is being sealed.
    void wait_until_idle();

  private:
    void add(const images::Operation& operation);
    void run(const images::Operation& operation);
    void make(const images::Operation& operation, const Sealing& sealing);
    void make_overlay(const Sealing& sealing) const;
    void make_one_file(const Sealing& sealing) const;
    Bytes stored_size_of_chain(const Sealing& sealing) const;

    Dependencies use_;
    std::stop_source stops_;
    KeyedExecutor executor_;
};

/// The sealing of a disk for ImageSealer, in a libguestfs appliance whose files are in
/// `directory`.
std::function<void(const OfflineDiskSpec& disk, bool trim)> sealing_in_appliance(
    const std::filesystem::path& directory, bool use_kvm);

}  // namespace kiln::builder
