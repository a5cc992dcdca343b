// Writes 4 KiB blocks with O_DIRECT for some seconds and prints the longest time between the ends
// of two writes: what a guest feels of a snapshot.
//
//     kiln_stall_probe FILE SECONDS      prints "longest_gap_us writes"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t block_bytes = 4096;
constexpr off_t blocks = 4096;  // 16 MiB, over and over

int fail(const char* what) {
    std::perror(what);
    return EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fputs("usage: kiln_stall_probe FILE SECONDS\n", stderr);
        return 2;
    }
    const int fd = ::open(argv[1], O_WRONLY | O_CREAT | O_DIRECT, 0600);
    if (fd < 0) return fail("open");
    alignas(block_bytes) static char block[block_bytes] = {1};
    const auto end = Clock::now() + std::chrono::seconds(std::atoi(argv[2]));
    auto last = Clock::now();
    auto longest = Clock::duration::zero();
    long writes = 0;
    while (last < end) {
        const off_t offset = (writes % blocks) * static_cast<off_t>(block_bytes);
        if (::pwrite(fd, block, block_bytes, offset) != static_cast<ssize_t>(block_bytes)) {
            return fail("write");
        }
        const auto now = Clock::now();
        longest = std::max(longest, now - last);
        last = now;
        ++writes;
    }
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(longest).count();
    std::printf("%lld %ld\n", static_cast<long long>(us), writes);
    return EXIT_SUCCESS;
}
