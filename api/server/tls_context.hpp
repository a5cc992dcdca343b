#pragma once

#include "api/server/coroutine.hpp"  // before Asio

#include <boost/asio/ssl/context.hpp>

#include "api/server/endpoint.hpp"

namespace kiln::api {

/// For a server, from TLS 1.2 on. Throws Error{InvalidConfiguration} for files that cannot be read
/// or do not fit, and for a key with a passphrase.
boost::asio::ssl::context tls_context(const TlsFiles& files);

}  // namespace kiln::api
