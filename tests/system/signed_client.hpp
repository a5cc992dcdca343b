#pragma once

#include <cstdint>
#include <string>

#include "api/client/client.hpp"
#include "tests/system/kiln_host.hpp"

namespace kiln::tests {

/// The key of an account, as `kiln create-access-key` tells it.
struct AccessKey {
    std::string id;
    std::string secret;
};

/// Where hosts of tests listen for signed requests, when they are configured to.
inline constexpr std::uint16_t endpoint_port = 8773;
inline constexpr const char* listen_to_signed_requests = "listen: 127.0.0.1:8773\n";
inline constexpr const char* endpoint_url = "http://127.0.0.1:8773";

/// Makes a key of the account's; empty: the user's own account.
AccessKey new_access_key(KilnHost& host, const std::string& account);

/// Sends an action to the endpoint, signed now with the key. Throws Error with the service's code
/// and message.
api::Reply call_signed(const AccessKey& key, const std::string& action, api::WirePairs pairs);

}  // namespace kiln::tests
