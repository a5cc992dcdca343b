#pragma once

#include <memory>
#include <mutex>
#include <string>

struct nft_ctx;

namespace kiln::hypervisor {

/// Talks to the kernel's nftables of the network namespace that the caller is in. Any thread.
class Nftables {
  public:
    Nftables();
    ~Nftables();
    Nftables(const Nftables&) = delete;
    Nftables& operator=(const Nftables&) = delete;

    /// Runs the commands (as `nft -f` reads them) as one transaction: all or nothing. Throws
    /// Error{InternalError} with nftables' words.
    void run(const std::string& commands);
    /// Whether the table is there.
    bool has_table(const std::string& family, const std::string& name);

  private:
    std::string run_command(const std::string& command);

    struct Free {
        void operator()(nft_ctx* context) const noexcept;
    };
    std::mutex mutex_;
    std::unique_ptr<nft_ctx, Free> context_;
};

}  // namespace kiln::hypervisor
