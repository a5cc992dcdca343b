// Sends and receives what a guest's own programs would not: runs in guests and on the host, and
// needs no library there.
//
//   guest_probe send INTERFACE
//       sends the frames on its standard input, a line of hex digits each
//   guest_probe watch INTERFACE SECONDS
//       prints the frames that come in, a line of hex digits each
//   guest_probe serve SECONDS PORT...
//       answers on TCP and UDP with what it gets
//   guest_probe tcp|udp ADDRESS PORT [SOURCE]
//       sends a line and prints "answered", "refused" or "silent"
//   guest_probe flow tcp|udp ADDRESS PORT SECONDS
//       sends a line every 100 ms over one connection; prints how many were answered, and how long
//       ago the last was, in milliseconds
//   guest_probe say ADDRESS PORT [SOURCE]
//       sends its standard input and prints what comes back
//   guest_probe load ADDRESS PORT PER_SECOND SECONDS
//       sends its standard input so often, over a connection each time; prints how many were
//       answered

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

using Frame = std::vector<unsigned char>;

constexpr milliseconds answer_limit{1500};
constexpr milliseconds flow_interval{100};
constexpr int all_frames = 0x0003;
constexpr std::size_t longest_frame = 65536;

[[noreturn]] void fail(const std::string& action) {
    std::perror(("guest_probe: " + action).c_str());
    std::exit(2);
}

int checked(int result, const char* action) {
    if (result < 0) fail(action);
    return result;
}

Frame parse_hex(const std::string& line) {
    Frame frame;
    for (std::size_t i = 0; i + 1 < line.size(); i += 2)
        frame.push_back(
            static_cast<unsigned char>(std::strtoul(line.substr(i, 2).c_str(), nullptr, 16)));
    return frame;
}

void print_hex(const unsigned char* bytes, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i)
        std::printf("%02x", bytes[i]);
    std::printf("\n");
    std::fflush(stdout);
}

int open_packet_socket(const char* interface) {
    const int socket = checked(::socket(AF_PACKET, SOCK_RAW, htons(all_frames)), "make a socket");
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(all_frames);
    address.sll_ifindex = static_cast<int>(::if_nametoindex(interface));
    if (address.sll_ifindex == 0) fail("find the interface");
    checked(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
    return socket;
}

int send_frames(const char* interface) {
    const int socket = open_packet_socket(interface);
    std::string line;
    while (std::getline(std::cin, line)) {
        const Frame frame = parse_hex(line);
        checked(static_cast<int>(::send(socket, frame.data(), frame.size(), 0)), "send a frame");
        ::usleep(2000);  // a queue that overflows would drop what the test wants to see refused
    }
    return 0;
}

/// Milliseconds until then, at least 0.
int until(Clock::time_point deadline) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now()).count();
    return left > 0 ? static_cast<int>(left) : 0;
}

bool wait_readable(int socket, Clock::time_point deadline) {
    pollfd waiting{socket, POLLIN, 0};
    return checked(::poll(&waiting, 1, until(deadline)), "wait") == 1;
}

int watch_frames(const char* interface, int duration) {
    const int socket = open_packet_socket(interface);
    const auto deadline = Clock::now() + seconds(duration);
    std::printf("watching\n");
    std::fflush(stdout);
    std::vector<unsigned char> frame(longest_frame);
    while (wait_readable(socket, deadline)) {
        sockaddr_ll from{};
        socklen_t size = sizeof from;
        const auto received = ::recvfrom(socket, frame.data(), frame.size(), 0,
                                         reinterpret_cast<sockaddr*>(&from), &size);
        if (received > 0 && from.sll_pkttype != PACKET_OUTGOING)
            print_hex(frame.data(), static_cast<std::size_t>(received));
    }
    std::printf("ended\n");
    return 0;
}

sockaddr_in ipv4(const char* address, int port) {
    sockaddr_in result{};
    result.sin_family = AF_INET;
    result.sin_port = htons(static_cast<std::uint16_t>(port));
    if (::inet_pton(AF_INET, address, &result.sin_addr) != 1) fail("read the address");
    return result;
}

int bound_socket(int type, const sockaddr_in& address) {
    const int socket = checked(::socket(AF_INET, type, 0), "make a socket");
    const int on = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    checked(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
    return socket;
}

/// Answers what one socket has for us. Listeners come first in `sockets`, then UDP, then
/// connections.
void answer(std::vector<pollfd>& sockets, std::size_t index, std::size_t listeners) {
    char text[2048];
    const int socket = sockets[index].fd;
    if (index < listeners) {
        sockets.push_back({::accept(socket, nullptr, nullptr), POLLIN, 0});
        return;
    }
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    const auto received =
        ::recvfrom(socket, text, sizeof text, 0, reinterpret_cast<sockaddr*>(&peer), &size);
    const bool is_udp = index < 2 * listeners;
    if (received > 0) {
        ::sendto(socket, text, static_cast<std::size_t>(received), 0,
                 is_udp ? reinterpret_cast<sockaddr*>(&peer) : nullptr, is_udp ? size : 0);
    } else if (!is_udp) {
        ::close(socket);
        sockets[index].fd = -1;
    }
}

int serve(int duration, const std::vector<int>& ports) {
    std::vector<pollfd> sockets;
    for (const int port : ports) {
        sockets.push_back({bound_socket(SOCK_STREAM, ipv4("0.0.0.0", port)), POLLIN, 0});
        checked(::listen(sockets.back().fd, 16), "listen");
    }
    for (const int port : ports)
        sockets.push_back({bound_socket(SOCK_DGRAM, ipv4("0.0.0.0", port)), POLLIN, 0});
    std::printf("serving\n");
    std::fflush(stdout);
    const auto deadline = Clock::now() + seconds(duration);
    while (checked(::poll(sockets.data(), sockets.size(), until(deadline)), "wait") > 0) {
        const std::size_t count = sockets.size();
        for (std::size_t i = 0; i < count; ++i) {
            if (sockets[i].revents != 0) answer(sockets, i, ports.size());
        }
    }
    return 0;
}

/// A connection, or -1 with `silent` or `refused` printed.
int connect_to(int type, const char* address, int port, const char* source) {
    const sockaddr_in peer = ipv4(address, port);
    const int socket = bound_socket(type, ipv4(source, 0));
    timeval limit{};
    limit.tv_sec = answer_limit.count() / 1000;
    limit.tv_usec = answer_limit.count() % 1000 * 1000;
    ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&peer), sizeof peer) == 0)
        return socket;
    const bool silent = errno == EINPROGRESS || errno == ETIMEDOUT;
    std::printf("%s\n", silent ? "silent" : "refused");
    return -1;
}

bool is_answered(int socket) {
    const std::string line = "a line\n";
    ::send(socket, line.data(), line.size(), MSG_NOSIGNAL);
    if (!wait_readable(socket, Clock::now() + answer_limit)) return false;
    char text[64];
    return ::recv(socket, text, sizeof text, 0) > 0;
}

int ask(int type, const char* address, int port, const char* source) {
    const int socket = connect_to(type, address, port, source);
    if (socket < 0) return 1;
    const bool answered = is_answered(socket);
    std::printf("%s\n", answered ? "answered" : "silent");
    return answered ? 0 : 1;
}

int flow(int type, const char* address, int port, int duration) {
    const int socket = connect_to(type, address, port, "0.0.0.0");
    if (socket < 0) return 1;
    const auto deadline = Clock::now() + seconds(duration);
    auto last = Clock::now();
    int answers = 0;
    const std::string line = "a line\n";
    while (Clock::now() < deadline) {
        ::send(socket, line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        const auto next = Clock::now() + flow_interval;
        char text[4096];
        if (wait_readable(socket, next) && ::recv(socket, text, sizeof text, 0) > 0) {
            ++answers;
            last = Clock::now();
        }
        ::usleep(static_cast<useconds_t>(until(next)) * 1000);
    }
    const auto since = std::chrono::duration_cast<milliseconds>(Clock::now() - last).count();
    std::printf("%d %lld\n", answers, static_cast<long long>(since));
    return 0;
}

int say(const char* address, int port, const char* source) {
    const std::string text(std::istreambuf_iterator<char>(std::cin), {});
    const int socket = connect_to(SOCK_STREAM, address, port, source);
    if (socket < 0) return 1;
    ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    char answer[4096];
    while (wait_readable(socket, Clock::now() + answer_limit)) {
        const auto received = ::recv(socket, answer, sizeof answer, 0);
        if (received <= 0) break;
        std::fwrite(answer, 1, static_cast<std::size_t>(received), stdout);
    }
    return 0;
}

int load(const char* address, int port, int per_second, int duration) {
    const std::string text(std::istreambuf_iterator<char>(std::cin), {});
    const auto interval = std::chrono::microseconds(seconds(1)) / per_second;
    auto next = Clock::now();
    const auto deadline = next + seconds(duration);
    int answers = 0;
    for (; next < deadline; next += interval) {
        std::this_thread::sleep_until(next);
        const int socket = connect_to(SOCK_STREAM, address, port, "0.0.0.0");
        if (socket < 0) return 1;
        ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
        char answer[4096];
        if (wait_readable(socket, Clock::now() + answer_limit) &&
            ::recv(socket, answer, sizeof answer, 0) > 0)
            ++answers;
        ::close(socket);
    }
    std::printf("%d\n", answers);
    return 0;
}

int usage() {
    std::fprintf(stderr, "guest_probe: send, watch, serve, tcp, udp, flow, say or load\n");
    return 2;
}

int socket_type(const std::string& protocol) {
    return protocol == "udp" ? SOCK_DGRAM : SOCK_STREAM;
}

}  // namespace

int main(int count, char** arguments) {
    const std::vector<const char*> words(arguments + 1, arguments + count);
    if (words.size() < 2) return usage();
    const std::string action = words[0];
    const auto number = [&](std::size_t index) { return std::atoi(words.at(index)); };
    const char* source = words.size() > 3 ? words[3] : "0.0.0.0";
    if (action == "send") return send_frames(words[1]);
    if (action == "watch" && words.size() == 3) return watch_frames(words[1], number(2));
    if (action == "serve") {
        std::vector<int> ports;
        for (std::size_t i = 2; i < words.size(); ++i)
            ports.push_back(number(i));
        return serve(number(1), ports);
    }
    if (words.size() < 3) return usage();
    if (action == "tcp" || action == "udp")
        return ask(socket_type(action), words[1], number(2), source);
    if (action == "flow" && words.size() == 5)
        return flow(socket_type(words[1]), words[2], number(3), number(4));
    if (action == "load" && words.size() == 5)
        return load(words[1], number(2), number(3), number(4));
    if (action == "say") return say(words[1], number(2), source);
    return usage();
}
