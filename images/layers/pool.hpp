#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/units.hpp"
#include "images/layers/file_transfer.hpp"
#include "images/layers/layer_key.hpp"

namespace kiln::images {

/// The directory of a region's layers: <directory>/layer-….qcow2. All paths of layers are made
/// here. Any thread; the functions touch only the files they name.
class Pool {
  public:
    /// Makes the directory (mode 0711: QEMU's user must be able to pass) when it is missing.
    explicit Pool(std::filesystem::path directory);

    const std::filesystem::path& directory() const { return directory_; }
    std::filesystem::path path_of(const LayerId& id) const;
    /// Beside the layer's file: what is to become it.
    std::filesystem::path unfinished_path_of(const LayerId& id) const;
    /// For a raw disk that becomes the layer.
    std::filesystem::path raw_path_of(const LayerId& id) const;
    /// Throws Error{InsufficientInstanceCapacity} when less than `reserve` bytes plus `needed` are
    /// free: says how much is free and what to do. Throws Error{InternalError} "the pool … is gone"
    /// when the directory was deleted.
    void check_space(Bytes needed, Bytes reserve) const;
    /// Which directory on the way here other users may not pass, as far as mode bits tell; nullopt
    /// when they can pass all.
    std::optional<std::filesystem::path> first_closed_directory() const;
    /// Throws Error{InternalError} with the cause when no file can be made here.
    void check_writable() const;
    /// Whether files here can be opened with O_DIRECT, so that QEMU may bypass the host's page
    /// cache.
    bool supports_direct_io() const;

    struct OverlaySpec {
        LayerId layer;
        LayerId parent;
        Bytes size;  // virtual size, at least the parent's
        std::optional<LayerKey> key = std::nullopt;
    };
    /// Makes an empty overlay of the parent (128 KiB clusters with 4 KiB subclusters), mode 0600,
    /// and syncs it. An overlay that is there already stays: its guest may have written to it.
    /// Refuses an overlay in clear of an encrypted parent, whose key it must have.
    void create_overlay(const OverlaySpec& overlay) const;
    /// Makes an empty layer without a parent.
    void create_empty(const LayerId& layer, Bytes size,
                      const std::optional<LayerKey>& key = std::nullopt) const;
    /// Grows a live layer that no guest uses; one of that size or larger stays as it is.
    void grow(const LayerId& layer, Bytes size,
              const std::optional<LayerKey>& key = std::nullopt) const;
    /// Puts a live layer that no guest uses onto `parent`, which must be below it: what the layers
    /// between them hold is copied into it. A stop leaves it where it was.
    void rebase(const LayerId& layer, const LayerId& parent, std::stop_token stop,
                const std::optional<LayerKey>& key = std::nullopt) const;

    struct EncryptionSpec {
        LayerId layer;                     // the new one
        Bytes size;                        // its virtual size, at least that of what it is to hold
        std::filesystem::path from;        // a frozen layer's file, of this pool or of another one
        std::optional<LayerKey> from_key;  // absent: its chain is in clear
        LayerKey key;
    };
    /// Makes an encrypted live layer without a parent that holds what is read through another one,
    /// synced; one that is here already stays. Throws, Error{Canceled} after a stop; nothing is
    /// left then.
    void encrypt(const EncryptionSpec& spec, std::stop_token stop) const;
    bool is_encrypted(const LayerId& layer) const;
    /// No more layers are made with the key: removes the empty file that they are copied from,
    /// which makes the first one with a key take two seconds longer than others. None is no error.
    void forget_key(const std::string& key_id) const;
    /// The layer that this one's file names as its backing file. A guest that has broken out of
    /// QEMU may have written the header of its live layer: only one that was below it may be
    /// believed. Here and wherever qemu-img opens a layer, a file that names one outside of the
    /// pool, or another file for its data, is refused: Error{InternalError}.
    std::optional<LayerId> parent_of(const LayerId& layer) const;
    /// Throws Error{InternalError} when the file names another. To be asked of each layer of a
    /// chain before qemu-img follows the names in its files.
    void check_parent(const LayerId& layer, const std::optional<LayerId>& parent) const;
    /// What the layer's file occupies.
    Bytes allocated_size(const LayerId& layer) const;
    /// Moves a finished qcow2 file in as a frozen layer, synced.
    void adopt(const LayerId& layer, const std::filesystem::path& file) const;
    /// Whether a frozen layer of the other pool comes here without a byte copied.
    bool shares_file_system_with(const Pool& other) const;
    /// Takes a copy of a frozen layer of another pool, synced; one that is here already stays. As
    /// transfer_file().
    void receive(const LayerId& layer, const Pool& from, const TransferProgress& progress,
                 const std::stop_token& stop) const;
    /// Mode 0400 and synced: from now on the layer never changes. It becomes the service's; QEMU's
    /// user who has it, as the top of a running guest, may still read it. Its backing file is named
    /// without a directory, so that the file means the same in another pool. Where the file system
    /// cannot name readers (base/file_readers.hpp) everybody is one: mode 0444.
    void freeze(const LayerId& layer) const;
    /// What freeze() does about the rights to a frozen layer's file, which it may lack.
    void close_to_others(const LayerId& layer) const;
    /// Removes the layer's file; none is no error.
    void remove(const LayerId& layer) const;
    /// Held by whoever condemns layers, until their rows are gone: a layer may be received anew
    /// under the same id, and nobody is to remove its file by an old list.
    std::unique_lock<std::mutex> collecting() const { return std::unique_lock(*collecting_); }
    bool exists(const LayerId& layer) const;
    /// The virtual size as the file's header says. The layer must not be untrusted input.
    Bytes virtual_size(const LayerId& layer) const;

    /// The layers that have a file here; other files are passed over.
    std::vector<LayerId> files() const;

  private:
    struct NewFile {
        Bytes size;
        std::optional<LayerId> parent;
        std::optional<LayerKey> key;
    };
    void create_live_layer(const LayerId& layer, const NewFile& file) const;
    void write_unfinished(const LayerId& layer, const NewFile& file) const;
    void copy_blank(const LayerId& layer, const LayerKey& key) const;
    void publish(const LayerId& layer) const;
    mode_t mode_of_frozen() const;
    void set_frozen_mode(const std::filesystem::path& path) const;
    std::filesystem::path blank_path_of(const std::string& key_id) const;
    void take_copy(const LayerId& layer, const std::filesystem::path& file,
                   const TransferProgress& progress, const std::stop_token& stop) const;

    std::filesystem::path directory_;
    std::unique_ptr<std::mutex> collecting_ = std::make_unique<std::mutex>();
};

}  // namespace kiln::images
