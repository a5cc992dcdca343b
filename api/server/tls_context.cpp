#include "api/server/tls_context.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "base/error.hpp"

namespace kiln::api {

namespace ssl = boost::asio::ssl;

namespace {

void check_readable(const std::filesystem::path& file) {
    if (::access(file.c_str(), R_OK) == 0) return;
    throw Error("InvalidConfiguration", file.string(),
                system_error(fmt::format("read '{}'", file.string())).message());
}

}  // namespace

ssl::context tls_context(const TlsFiles& files) {
    check_readable(files.certificate);
    check_readable(files.key);
    ssl::context context(ssl::context::tls_server);
    context.set_options(ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1);
    boost::system::error_code error;
    context.use_certificate_chain_file(files.certificate.string(), error);
    if (error) {
        throw Error("InvalidConfiguration", files.certificate.string(),
                    fmt::format("'{}' is no certificate in PEM: {}", files.certificate.string(),
                                error.message()));
    }
    bool has_passphrase = false;
    context.set_password_callback([&](std::size_t, ssl::context::password_purpose) {
        has_passphrase = true;
        return std::string();
    });
    context.use_private_key_file(files.key.string(), ssl::context::pem, error);
    // A key of another kind than the certificate's is taken, and noticed here alone.
    if (!error && ::SSL_CTX_check_private_key(context.native_handle()) == 1) {
        context.set_password_callback([](auto, auto) { return std::string(); });
        return context;
    }
    if (has_passphrase) {
        throw Error("InvalidConfiguration", files.key.string(),
                    fmt::format("'{0}' has a passphrase, which nobody is there to type: write one "
                                "without, with openssl pkey -in '{0}' -out KEY",
                                files.key.string()));
    }
    throw Error(
        "InvalidConfiguration", files.key.string(),
        fmt::format("'{}' is not the key of '{}' in PEM{}{}", files.key.string(),
                    files.certificate.string(), error ? ": " : "", error ? error.message() : ""));
}

}  // namespace kiln::api
