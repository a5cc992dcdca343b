#include "hypervisor/network/connection_tracking.hpp"

#include <arpa/inet.h>

#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <vector>

#include "base/error.hpp"

namespace kiln::hypervisor {

namespace {

struct Close {
    void operator()(nfct_handle* handle) const noexcept { nfct_close(handle); }
};
using Handle = std::unique_ptr<nfct_handle, Close>;

struct Destroy {
    void operator()(nf_conntrack* connection) const noexcept { nfct_destroy(connection); }
};
using Connection = std::unique_ptr<nf_conntrack, Destroy>;

struct Search {
    const std::function<bool(Ipv4Address)>& is_of;
    std::vector<Connection> found;
};

Handle open_table() {
    Handle handle(nfct_open(CONNTRACK, 0));
    if (!handle) throw system_error("open the table of connections");
    return handle;
}

/// The reply's addresses differ from the original's where a packet's address is translated.
bool concerns(const nf_conntrack* connection, const Search& search) {
    constexpr std::array ends{ATTR_ORIG_IPV4_SRC, ATTR_ORIG_IPV4_DST, ATTR_REPL_IPV4_SRC,
                              ATTR_REPL_IPV4_DST};
    return std::ranges::any_of(ends, [&](nf_conntrack_attr end) {
        return search.is_of({.bits = ntohl(nfct_get_attr_u32(connection, end))});
    });
}

int collect(nf_conntrack_msg_type, nf_conntrack* connection, void* data) {
    Search& search = *static_cast<Search*>(data);
    if (concerns(connection, search)) search.found.emplace_back(nfct_clone(connection));
    return NFCT_CB_CONTINUE;
}

}  // namespace

void forget_connections(const std::function<bool(Ipv4Address)>& is_of) {
    Search search{.is_of = is_of, .found = {}};
    const Handle table = open_table();
    nfct_callback_register(table.get(), NFCT_T_ALL, collect, &search);
    constexpr std::uint32_t family = AF_INET;
    if (nfct_query(table.get(), NFCT_Q_DUMP, &family) < 0)
        throw system_error("read the table of connections");
    for (const Connection& connection : search.found) {
        const int status = nfct_query(table.get(), NFCT_Q_DESTROY, connection.get());
        // It may have ended by itself.
        if (status < 0 && errno != ENOENT) throw system_error("end a connection");
    }
}

}  // namespace kiln::hypervisor
