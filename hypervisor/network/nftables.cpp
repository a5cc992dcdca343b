#include "hypervisor/network/nftables.hpp"

#include <fmt/format.h>
#include <nftables/libnftables.h>

#include "base/error.hpp"
#include "base/text.hpp"

namespace kiln::hypervisor {

void Nftables::Free::operator()(nft_ctx* context) const noexcept {
    nft_ctx_free(context);
}

Nftables::Nftables() : context_(nft_ctx_new(NFT_CTX_DEFAULT)) {
    if (context_) {
        nft_ctx_buffer_output(context_.get());
        nft_ctx_buffer_error(context_.get());
        return;
    }
    throw Error(error_code::internal_error, "nftables", "nftables cannot be opened");
}

Nftables::~Nftables() = default;

std::string Nftables::run_command(const std::string& command) {
    const std::lock_guard lock(mutex_);
    const int status = nft_run_cmd_from_buffer(context_.get(), command.c_str());
    const char* output = nft_ctx_get_output_buffer(context_.get());
    const char* failure = nft_ctx_get_error_buffer(context_.get());
    if (status == 0) return output == nullptr ? "" : output;
    throw Error(error_code::internal_error, "nftables",
                fmt::format("nftables refuses a change: {}",
                            trim(failure == nullptr ? "no reason" : failure)));
}

void Nftables::run(const std::string& commands) {
    if (!commands.empty()) run_command(commands);
}

bool Nftables::has_table(const std::string& family, const std::string& name) {
    const std::string wanted = fmt::format("table {} {}", family, name);
    for (const std::string& line : split(run_command("list tables"), '\n')) {
        if (trim(line) == wanted) return true;
    }
    return false;
}

}  // namespace kiln::hypervisor
