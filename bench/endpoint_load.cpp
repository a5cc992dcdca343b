// Sends signed requests to kiln's endpoint and says how quickly they are answered.
//
//   kiln_endpoint_load load PORT CONNECTIONS SECONDS RATE ACTION [NAME=VALUE...]
//   kiln_endpoint_load pages PORT
//   kiln_endpoint_load slow PORT CONNECTIONS SECONDS
//
// load: over that many connections that stay open, at RATE requests per second in all (0: as many
// as are answered), until the seconds are over. pages: all images in pages of 1,000, one after the
// other. slow: connections that never finish their request, a byte each second, made anew when they
// are closed. The key is in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.hpp"
#include "tests/signing.hpp"

namespace {

using kiln::Fd;
using kiln::api::WirePairs;
using Clock = std::chrono::steady_clock;
using std::chrono::duration;
using std::chrono::seconds;

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    if (value == nullptr) throw std::runtime_error(std::string(name) + " is not set");
    return value;
}

/// Signed once and sent many times: what is measured is the service.
std::string signed_request(WirePairs pairs) {
    pairs.insert(pairs.begin(), {"Version", "2016-11-15"});
    return kiln::tests::wire_form(
        kiln::tests::signed_post({.access_key_id = environment("AWS_ACCESS_KEY_ID"),
                                  .secret = environment("AWS_SECRET_ACCESS_KEY"),
                                  .timestamp = kiln::tests::timestamp_now()},
                                 pairs));
}

Fd connected(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        throw std::runtime_error("nobody listens there");
    const int yes = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return socket;
}

class Connection {
  public:
    explicit Connection(std::uint16_t port) : socket_(connected(port)), part_(1 << 16) {}

    /// The answer's header and body. Throws when the service closes the connection.
    const std::string& exchange(const std::string& request) {
        if (::send(socket_.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0)
            throw std::runtime_error("the service closed a connection");
        answer_.clear();
        std::size_t wanted = 0;
        while (wanted == 0 || answer_.size() < wanted) {
            receive();
            if (wanted == 0) wanted = size_of_answer();
        }
        return answer_;
    }

  private:
    void receive() {
        const ssize_t got = ::recv(socket_.get(), part_.data(), part_.size(), 0);
        if (got <= 0) throw std::runtime_error("the service closed a connection");
        answer_.append(part_.data(), static_cast<std::size_t>(got));
    }
    /// 0 while the header is not whole.
    std::size_t size_of_answer() const {
        constexpr std::string_view length = "Content-Length: ";
        const std::size_t end = answer_.find("\r\n\r\n");
        const std::size_t place = answer_.find(length);
        if (end == std::string::npos || place == std::string::npos) return 0;
        return end + 4 + std::strtoul(answer_.c_str() + place + length.size(), nullptr, 10);
    }

    Fd socket_;
    std::vector<char> part_;
    std::string answer_;
};

struct Load {
    std::uint16_t port = 0;
    int connections = 1;
    double seconds = 1;
    double rate = 0;
    std::string request;
};

/// What all connections saw.
class Outcome {
  public:
    void add(const std::vector<double>& times_ms, const std::map<std::string, int>& statuses) {
        const std::lock_guard lock(mutex_);
        times_ms_.insert(times_ms_.end(), times_ms.begin(), times_ms.end());
        for (const auto& [status, count] : statuses)
            statuses_[status] += count;
    }
    void print(double elapsed_s) {
        std::ranges::sort(times_ms_);
        std::printf("%.0f requests/s, p50 %.2f ms, p99 %.2f ms, longest %.2f ms;",
                    static_cast<double>(times_ms_.size()) / elapsed_s, at(0.5), at(0.99), at(1));
        for (const auto& [status, count] : statuses_)
            std::printf(" %s: %d", status.c_str(), count);
        std::printf("\n");
    }

  private:
    double at(double part) const {
        if (times_ms_.empty()) return 0;
        const auto last = static_cast<double>(times_ms_.size() - 1);
        return times_ms_[static_cast<std::size_t>(last * part)];
    }

    std::mutex mutex_;
    std::vector<double> times_ms_;
    std::map<std::string, int> statuses_;
};

void send_until(Clock::time_point end, const Load& load, int index, Outcome& outcome) {
    Connection connection(load.port);
    std::vector<double> times_ms;
    std::map<std::string, int> statuses;
    const duration<double> pause(load.rate > 0 ? load.connections / load.rate : 0);
    auto next = Clock::now() +
                std::chrono::duration_cast<Clock::duration>(pause * index / load.connections);
    while (Clock::now() < end) {
        if (load.rate > 0) std::this_thread::sleep_until(next);
        const auto begin = Clock::now();
        const std::string& answer = connection.exchange(load.request);
        times_ms.push_back(duration<double, std::milli>(Clock::now() - begin).count());
        ++statuses[answer.substr(9, 3)];
        next += std::chrono::duration_cast<Clock::duration>(pause);
    }
    outcome.add(times_ms, statuses);
}

void run_load(const Load& load) {
    Outcome outcome;
    const auto begin = Clock::now();
    const auto end =
        begin + std::chrono::duration_cast<Clock::duration>(duration<double>(load.seconds));
    std::vector<std::jthread> threads;
    for (int index = 0; index < load.connections; ++index)
        threads.emplace_back([&, index] { send_until(end, load, index, outcome); });
    threads.clear();
    outcome.print(duration<double>(Clock::now() - begin).count());
}

std::string between(const std::string& text, const std::string& before, const std::string& after) {
    const std::size_t begin = text.find(before);
    if (begin == std::string::npos) return "";
    const std::size_t start = begin + before.size();
    return text.substr(start, text.find(after, start) - start);
}

std::size_t count(const std::string& text, const std::string& word) {
    std::size_t found = 0;
    for (std::size_t place = text.find(word); place != std::string::npos;
         place = text.find(word, place + 1))
        ++found;
    return found;
}

void run_pages(std::uint16_t port) {
    Connection connection(port);
    std::string token;
    std::size_t images = 0;
    int pages = 0;
    const auto begin = Clock::now();
    do {
        WirePairs pairs{{"Action", "DescribeImages"}, {"MaxResults", "1000"}};
        if (!token.empty()) pairs.emplace_back("NextToken", token);
        const std::string& answer = connection.exchange(signed_request(pairs));
        images += count(answer, "<imageId>");
        token = between(answer, "<nextToken>", "</nextToken>");
        ++pages;
    } while (!token.empty());
    std::printf("%zu images in %d pages in %.0f ms\n", images, pages,
                duration<double, std::milli>(Clock::now() - begin).count());
}

void run_slow(std::uint16_t port, int connections, double limit_s) {
    const auto end =
        Clock::now() + std::chrono::duration_cast<Clock::duration>(duration<double>(limit_s));
    std::vector<Fd> sockets(static_cast<std::size_t>(connections));
    int made = 0;
    while (Clock::now() < end) {
        for (Fd& socket : sockets) {
            if (socket && ::send(socket.get(), "G", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1) continue;
            socket = connected(port);
            ++made;
        }
        std::this_thread::sleep_for(seconds(1));
    }
    std::printf("%d slow connections, made %d times\n", connections, made);
}

WirePairs pairs_of(const std::vector<std::string>& words) {
    WirePairs pairs{{"Action", words.front()}};
    for (std::size_t i = 1; i < words.size(); ++i) {
        const std::size_t equals = words[i].find('=');
        pairs.emplace_back(words[i].substr(0, equals), words[i].substr(equals + 1));
    }
    return pairs;
}

int run(const std::vector<std::string>& words) {
    const auto port = static_cast<std::uint16_t>(std::stoi(words.at(1)));
    if (words.at(0) == "load") {
        run_load({.port = port,
                  .connections = std::stoi(words.at(2)),
                  .seconds = std::stod(words.at(3)),
                  .rate = std::stod(words.at(4)),
                  .request = signed_request(pairs_of({words.begin() + 5, words.end()}))});
    } else if (words.at(0) == "pages") {
        run_pages(port);
    } else {
        run_slow(port, std::stoi(words.at(2)), std::stod(words.at(3)));
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) try {
    return run({argv + 1, argv + argc});
} catch (const std::exception& error) {
    std::fprintf(stderr, "endpoint_load: %s\n", error.what());
    return 1;
}
