#include "builder/import/download.hpp"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"

namespace kiln::builder {

namespace {

constexpr long most_redirections = 5;
constexpr long connect_limit_s = 30;
// Slower than this for so long, and nobody is there any more.
constexpr long least_bytes_per_second = 16L << 10;
constexpr long slow_limit_s = 60;
constexpr long longest_transfer_s = 24L * 3600;
constexpr std::size_t longest_url = 2048;

struct CloseHandle {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct CloseUrl {
    void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
struct FreeText {
    void operator()(char* text) const { curl_free(text); }
};

void start_curl() {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

/// fe80::/10 and 169.254.0.0/16, also as IPv4 within IPv6.
enum class Reach { link_local, loopback, elsewhere };

/// Where other clouds tell what their machines know of themselves: Alibaba's, Azure's.
constexpr std::array<std::uint32_t, 2> metadata_addresses{0x646464c8U, 0xa83f8110U};
constexpr const char* metadata_of_ec2 = "fd00:ec2::254";

bool is_metadata_of_ec2(const in6_addr& address) {
    in6_addr known{};
    ::inet_pton(AF_INET6, metadata_of_ec2, &known);
    return std::memcmp(&known, &address, sizeof known) == 0;
}

/// Whether the address is one of this host's: then a socket can be bound to it.
bool is_this_host(const curl_sockaddr& peer) {
    const Fd socket(::socket(peer.family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket) return false;
    sockaddr_storage address{};
    std::memcpy(&address, &peer.addr, std::min<std::size_t>(sizeof address, peer.addrlen));
    if (peer.family == AF_INET) reinterpret_cast<sockaddr_in&>(address).sin_port = 0;
    if (peer.family == AF_INET6) reinterpret_cast<sockaddr_in6&>(address).sin6_port = 0;
    return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), peer.addrlen) == 0;
}

Reach reach_of(std::uint32_t address) {
    constexpr std::uint32_t link_local = 0xa9fe0000U;
    constexpr std::uint32_t first_octet = 0xff000000U;
    if ((address & 0xffff0000U) == link_local ||
        std::ranges::find(metadata_addresses, address) != metadata_addresses.end()) {
        return Reach::link_local;
    }
    if ((address & first_octet) == 0x7f000000U || (address & first_octet) == 0)
        return Reach::loopback;
    return Reach::elsewhere;
}

Reach reach_of(const curl_sockaddr& peer) {
    if (peer.family == AF_INET) {
        sockaddr_in address{};
        std::memcpy(&address, &peer.addr, sizeof address);
        return reach_of(ntohl(address.sin_addr.s_addr));
    }
    sockaddr_in6 address{};
    std::memcpy(&address, &peer.addr, std::min<std::size_t>(sizeof address, peer.addrlen));
    if (IN6_IS_ADDR_V4MAPPED(&address.sin6_addr)) {
        std::uint32_t inner = 0;
        constexpr std::size_t ipv4_part = 12;
        std::memcpy(&inner, address.sin6_addr.s6_addr + ipv4_part, sizeof inner);
        return reach_of(ntohl(inner));
    }
    if (IN6_IS_ADDR_LINKLOCAL(&address.sin6_addr) || is_metadata_of_ec2(address.sin6_addr))
        return Reach::link_local;
    if (IN6_IS_ADDR_LOOPBACK(&address.sin6_addr) || IN6_IS_ADDR_UNSPECIFIED(&address.sin6_addr))
        return Reach::loopback;
    return Reach::elsewhere;
}

/// One transfer, as libcurl's callbacks see it. None of them may throw through libcurl.
class Transfer {
  public:
    Transfer(const Download& download, const std::function<void(Bytes, Bytes)>& keep,
             const std::stop_token& stop)
        : download_(download), keep_(keep), stop_(stop) {
        file_.reset(::open(download.to.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
        if (!file_) throw system_error(fmt::format("open '{}'", download.to.string()));
    }

    void run() {
        start_curl();
        const std::unique_ptr<CURL, CloseHandle> handle(curl_easy_init());
        if (!handle) throw failed("libcurl does not start");
        std::array<char, CURL_ERROR_SIZE> words{};
        set_up(handle.get(), words.data());
        const CURLcode result = curl_easy_perform(handle.get());
        if (thrown_) std::rethrow_exception(thrown_);
        if (stop_.stop_requested()) throw Error("Canceled", "", "the import was canceled");
        if (result == CURLE_OK) return;
        throw failed(!refusal_.empty() ? refusal_
                     : words[0] != 0   ? words.data()
                                       : curl_easy_strerror(result));
    }

  private:
    Error failed(const std::string& cause) const {
        return {download_failed, download_.url,
                fmt::format("cannot fetch '{}': {}", download_.url, cause)};
    }

    void set_up(CURL* handle, char* words) {
        curl_easy_setopt(handle, CURLOPT_URL, download_.url.c_str());
        curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, words);
        curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(handle, CURLOPT_FAILONERROR, 1L);
        curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
        curl_easy_setopt(handle, CURLOPT_MAXREDIRS, most_redirections);
        curl_easy_setopt(handle, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
        curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, connect_limit_s);
        curl_easy_setopt(handle, CURLOPT_TIMEOUT, longest_transfer_s);
        curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, least_bytes_per_second);
        curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, slow_limit_s);
        // A proxy would be asked in our place, and speak to whom we may not.
        curl_easy_setopt(handle, CURLOPT_PROXY, "");
        curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, &Transfer::open_socket);
        curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, this);
        curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &Transfer::write);
        curl_easy_setopt(handle, CURLOPT_WRITEDATA, this);
        curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, &Transfer::progress);
        curl_easy_setopt(handle, CURLOPT_XFERINFODATA, this);
    }

    static curl_socket_t open_socket(void* self, curlsocktype, curl_sockaddr* peer) {
        auto& transfer = *static_cast<Transfer*>(self);
        switch (reach_of(*peer)) {
            case Reach::link_local:
                transfer.refusal_ = "it leads to a link-local address, which no import comes from";
                return CURL_SOCKET_BAD;
            case Reach::loopback:
                if (transfer.download_.loopback) break;
                transfer.refusal_ =
                    "it leads to this host itself, which only administrators may use";
                return CURL_SOCKET_BAD;
            case Reach::elsewhere:
                if (transfer.download_.loopback || !is_this_host(*peer)) break;
                transfer.refusal_ =
                    "it leads to this host itself, which only administrators may use";
                return CURL_SOCKET_BAD;
        }
        return ::socket(peer->family, peer->socktype | SOCK_CLOEXEC, peer->protocol);
    }

    /// libcurl's type. Fewer bytes than were given end the transfer.
    static std::size_t write(char* bytes, std::size_t, std::size_t count, void* self) {
        auto& transfer = *static_cast<Transfer*>(self);
        try {
            if (count > transfer.download_.largest.value - transfer.done_.value) {
                throw transfer.failed(fmt::format("it has more than {} GiB",
                                                  transfer.download_.largest.in_gibibytes()));
            }
            write_all(transfer.file_, transfer.download_.to, {bytes, count});
            transfer.done_ = transfer.done_ + Bytes{count};
            return count;
        } catch (...) {
            transfer.thrown_ = std::current_exception();
            return 0;
        }
    }

    static int progress(void* self, curl_off_t total, curl_off_t, curl_off_t, curl_off_t) {
        auto& transfer = *static_cast<Transfer*>(self);
        if (transfer.stop_.stop_requested()) return 1;
        try {
            transfer.keep_(transfer.done_,
                           {static_cast<std::uint64_t>(std::max<curl_off_t>(total, 0))});
            return 0;
        } catch (...) {
            transfer.thrown_ = std::current_exception();
            return 1;
        }
    }

    const Download& download_;
    const std::function<void(Bytes, Bytes)>& keep_;
    const std::stop_token& stop_;
    Fd file_;
    Bytes done_;
    std::string refusal_;
    std::exception_ptr thrown_;
};

}  // namespace

void check_url(const std::string& url) {
    const std::unique_ptr<CURLU, CloseUrl> parsed(curl_url());
    char* part = nullptr;
    const bool is_url = url.size() <= longest_url &&
                        curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) == CURLUE_OK &&
                        curl_url_get(parsed.get(), CURLUPART_SCHEME, &part, 0) == CURLUE_OK;
    const std::unique_ptr<char, FreeText> scheme(part);
    const std::string word = scheme ? scheme.get() : "";
    if (is_url && (word == "http" || word == "https")) return;
    throw Error(error_code::invalid_parameter_value, url,
                fmt::format("'{}' is no URL of http or https: a file of your own is sent by "
                            "'kiln import FILE'",
                            url));
}

void download(const Download& download, const std::function<void(Bytes done, Bytes total)>& keep,
              const std::stop_token& stop) {
    Transfer(download, keep, stop).run();
}

}  // namespace kiln::builder
