#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/ids.hpp"
#include "images/catalog/scope.hpp"

namespace kiln::images {

/// Who calls, where, and whether for real. Every operation of the services is given one.
struct Caller {
    AccountId account;
    std::string region;
    bool dry_run = false;
    /// Root, or the user that the service runs as, unless they act as another account: may change
    /// what belongs to no account.
    bool administrator = false;
    /// The user at the other end, and whose account the user has; nullopt: nobody's.
    std::optional<uid_t> uid = {};
    std::optional<AccountId> own_account = {};
    /// With which the request was signed; empty: it was not, the user is known.
    std::string access_key_id = {};

    Scope scope() const { return {.owner = account, .region = region}; }

    /// Operations call this after their checks and before their first change. Throws
    /// Error{DryRunOperation} when the caller only wanted to know.
    void stop_if_dry_run() const {
        if (!dry_run) return;
        throw Error("DryRunOperation", "", "Request would have succeeded, but DryRun flag is set.");
    }

    /// Throws Error{UnauthorizedOperation} for everybody else.
    void require_administrator() const {
        if (administrator) return;
        if (!access_key_id.empty()) {
            throw Error("UnauthorizedOperation", "",
                        "You are not authorized to perform this operation: administrators do it "
                        "with kiln on the host, and no access key is an administrator's.");
        }
        throw Error("UnauthorizedOperation", "",
                    "You are not authorized to perform this operation: it needs root, or the user "
                    "that the service runs as, who act as no other account.");
    }
};

}  // namespace kiln::images
