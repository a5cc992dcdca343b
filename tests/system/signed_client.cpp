#include "tests/system/signed_client.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "tests/signing.hpp"

namespace kiln::tests {

namespace {

Fd connect_to_endpoint() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint_port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        throw system_error("connect to the endpoint");
    return socket;
}

/// What the endpoint says to it.
std::string exchanged(const std::string& text) {
    const Fd socket = connect_to_endpoint();
    if (::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(text.size()))
        throw system_error("send to the endpoint");
    ::shutdown(socket.get(), SHUT_WR);  // this is all, so that it closes when it has answered
    std::string said;
    std::array<char, 65'536> part{};
    while (true) {
        const ssize_t got = ::recv(socket.get(), part.data(), part.size(), 0);
        if (got < 0) throw system_error("receive from the endpoint");
        if (got == 0) return said;
        said.append(part.data(), static_cast<std::size_t>(got));
    }
}

}  // namespace

AccessKey new_access_key(KilnHost& host, const std::string& account) {
    host.act_as(account);
    const nlohmann::json key = host.kiln_json({"create-access-key"}).at("AccessKey");
    host.act_as("");
    return {.id = key.at("AccessKeyId"), .secret = key.at("SecretAccessKey")};
}

api::Reply call_signed(const AccessKey& key, const std::string& action, api::WirePairs pairs) {
    pairs.insert(pairs.begin(), {{"Action", action}, {"Version", "2016-11-15"}});
    const std::string said = exchanged(wire_form(signed_post(
        {.access_key_id = key.id, .secret = key.secret, .timestamp = timestamp_now()}, pairs)));
    const std::size_t end = said.find("\r\n\r\n");
    if (end == std::string::npos)
        throw Error(error_code::internal_error, action, "no answer: '" + said + "'");
    api::Reply reply(said.substr(end + 4));
    if (said.starts_with("HTTP/1.1 200 ")) return reply;
    const pugi::xml_node error = reply.root().child("Errors").child("Error");
    throw Error(error.child_value("Code"), action, error.child_value("Message"));
}

}  // namespace kiln::tests
