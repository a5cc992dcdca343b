#include "tests/hostile_images.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <thread>

#include "api/client/client.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "tests/system/kiln_host.hpp"

namespace kiln::tests {

namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::chrono::seconds answer_limit{5};
/// Of those that name other files: a backing file, one in JSON, an external data file.
const std::set<int> leading_out{40, 45, 54};
/// A line of the file that the images try to reach: it must be in none that is made.
constexpr const char* canary = "daemon:x:1:1:";

/// Notes what the service and all that it starts does with files, as long as it lives.
class Trace {
  public:
    Trace(pid_t service, fs::path log) : log_(std::move(log)) {
        thread_ = std::jthread([this, service](const std::stop_token& stop) {
            try {
                run_process({.arguments = {"strace", "-f", "-qq", "-s", "4096", "-e", "trace=%file",
                                           "-o", log_.string(), "-p", std::to_string(service)},
                             .time_limit = std::chrono::minutes(30),
                             .stop = stop});
            } catch (const std::exception&) {
                // it was stopped, as it was meant to be
            }
        });
        wait_until(
            "strace looks at the service",
            [service] {
                const std::string status =
                    read_file(fmt::format("/proc/{}/status", service), Bytes::mebibytes(1));
                return status.find("TracerPid:\t0\n") == std::string::npos;
            },
            std::chrono::seconds(30));
    }

    /// What a process did after it became qemu-img.
    struct Process {
        bool is_limited = false;  // to 1 GiB, before
        std::vector<std::string> lines = {};
    };
    /// By their ids.
    std::map<std::string, Process> end() {
        thread_.request_stop();
        thread_.join();
        std::ifstream file(log_);
        std::map<std::string, Process> found;
        std::set<std::string> limited;
        static const std::regex limits_itself(
            R"re(execve\("[^"]*/prlimit", \["prlimit", "--as=1073741824".* = 0$)re");
        static const std::regex becomes_qemu_img(
            R"re(^(\d+) +execve\("[^"]*/qemu-img", .* = 0$)re");
        for (std::string line; std::getline(file, line);) {
            std::smatch match;
            const std::string pid = line.substr(0, line.find(' '));
            if (std::regex_search(line, match, limits_itself)) limited.insert(pid);
            if (std::regex_search(line, match, becomes_qemu_img)) {
                found[pid].is_limited = limited.contains(pid);
            } else if (const auto known = found.find(pid); known != found.end()) {
                known->second.lines.push_back(line);
            }
        }
        return found;
    }

  private:
    fs::path log_;
    std::jthread thread_;
};

/// What a program opens to be run at all.
bool is_the_systems(const std::string& path) {
    static const std::vector<std::string> places{
        "/lib/",     "/usr/lib/",    "/lib64/",           "/etc/ld.so",     "/usr/share/locale",
        "/dev/null", "/dev/urandom", "/usr/bin/qemu-img", "/etc/localtime", "/usr/share/zoneinfo"};
    return path.starts_with("/proc/self") || path.starts_with("/sys/") ||
           path.starts_with("/proc/sys/") || path.starts_with("/etc/gnutls") ||
           path.starts_with("/etc/ssl/openssl.cnf") ||
           std::ranges::any_of(places,
                               [&](const std::string& place) { return path.starts_with(place); });
}

std::vector<std::string> paths_in(const std::string& line) {
    std::vector<std::string> paths;
    static const std::regex quoted(R"re("((?:[^"\\]|\\.)*)")re");
    for (std::sregex_iterator it(line.begin(), line.end(), quoted), end; it != end; ++it) {
        if ((*it)[1].length() > 0) paths.push_back((*it)[1]);
    }
    return paths;
}

class HostileImagesTest : public ::testing::Test {
  protected:
    HostileImagesTest() : host_("tiny") { host_.start_service(); }

    fs::path imports() const { return host_.state_directory() / "layers/imports"; }

    /// What `kiln import` says of the input.
    ProcessResult import(const HostileImage& image, const fs::path& file) {
        Arguments arguments{"import", file.string(), "--snapshot", "--output", "json"};
        if (image.declared) {
            arguments.insert(arguments.end(), {"--format", to_text(*image.declared)});
        }
        if (image.circumstance == Circumstance::wrong_sha256)
            arguments.insert(arguments.end(), {"--sha256", std::string(64, '0')});
        return host_.kiln(arguments);
    }

    /// An input as a client has it.
    fs::path put(const HostileImage& image) {
        fs::path file = host_.home() / fmt::format("input-{}", image.number);
        fs::remove_all(file);
        switch (image.circumstance) {
            case Circumstance::fifo:
                EXPECT_EQ(::mkfifo(file.c_str(), 0600), 0);
                return file;
            case Circumstance::socket:
                make_socket(file);
                return file;
            case Circumstance::device:
                return "/dev/zero";
            case Circumstance::directory:
                fs::create_directory(file);
                return file;
            default:
                write_disk_file(image.make(), file);
                return file;
        }
    }
    static void make_socket(const fs::path& path) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.string().copy(address.sun_path, sizeof address.sun_path - 1);
        const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
                  0);
    }

    /// The end of what came of it, for messages.
    static std::string told(const HostileImage& image, const ProcessResult& result) {
        return fmt::format("number {}, {}: exit status {}\n{}{}", image.number, image.name,
                           result.exit_status, result.standard_output, result.standard_error);
    }
    void expect_outcome(const HostileImage& image, const ProcessResult& result) {
        if (image.outcome == Outcome::refused) {
            EXPECT_EQ(result.exit_status, 1) << told(image, result);
            if (image.is_for_the_gate()) {
                EXPECT_THAT(result.standard_error, HasSubstr(image.words)) << told(image, result);
            }
            return;
        }
        ASSERT_EQ(result.exit_status, 0) << told(image, result);
        const std::string snapshot = nlohmann::json::parse(result.standard_output)
                                         .at("ImportSnapshotTasks")
                                         .at(0)
                                         .at("SnapshotTaskDetail")
                                         .at("SnapshotId");
        host_.kiln_json({"delete-snapshot", "--snapshot-id", snapshot});
    }
    void expect_nothing_left(const HostileImage& image) {
        EXPECT_TRUE(!fs::exists(imports()) || fs::is_empty(imports()))
            << image.number << " " << image.name;
        EXPECT_THAT(host_.kiln_json({"describe-uploads"}).at("Uploads"), IsEmpty())
            << image.number << " " << image.name;
    }
    std::set<fs::path> layers() const {
        std::set<fs::path> files;
        for (const auto& entry : fs::directory_iterator(host_.state_directory() / "layers")) {
            if (entry.is_regular_file()) files.insert(entry.path());
        }
        return files;
    }
    /// Whether what is read through the layer has the canary in it.
    bool has_canary(const fs::path& layer) const {
        const fs::path raw = host_.home() / "raw";
        run_checked({.arguments = {"qemu-img", "convert", "-f", "qcow2", "-O", "raw", layer, raw}});
        const bool found =
            run_process({.arguments = {"grep", "-q", "-a", "-F", canary, raw}}).exit_status == 0;
        fs::remove(raw);
        return found;
    }

    /// A file that changes while it is sent is another one than its checksum says, and nothing is
    /// added to one that is complete.
    void expect_change_is_noticed(const HostileImage& image) {
        std::string bytes = read_file(put(image), Bytes::mebibytes(64));
        const std::string sha256 = sha256_hex(bytes);
        const std::string id =
            host_.kiln_json({"create-upload", "--size", std::to_string(bytes.size())})
                .at("UploadId");
        const api::Client client(host_.socket());
        const std::size_t half = bytes.size() / 2;
        client.send_piece(id, 0, bytes.substr(0, half));
        bytes.back() = static_cast<char>(bytes.back() ^ 1);
        client.send_piece(id, half, bytes.substr(half));
        EXPECT_THROW(client.send_piece(id, bytes.size(), "more"), Error);
        const ProcessResult result =
            host_.kiln({"import-snapshot", "--disk-container",
                        fmt::format("UploadId={},Sha256={}", id, sha256), "--wait"});
        EXPECT_EQ(result.exit_status, 1);
        EXPECT_THAT(result.standard_error, HasSubstr("the file has the SHA-256"));
    }

    void limit_volumes(const std::string& gibibytes) {
        const std::string account = host_.kiln_json({"get-caller-identity"}).at("Account");
        host_.kiln_json(
            {"modify-account-quotas", "--account-id", account, "--volume-gib", gibibytes});
    }

    KilnHost host_;
};

/// Those that are more than bytes, and need more than a file.
bool needs_more(const HostileImage& image) {
    constexpr std::uint64_t largest_file = 16ULL << 40U;  // of ext4
    if (image.is_for_the_gate() && image.make().size >= largest_file) return true;
    return image.circumstance == Circumstance::over_quota ||
           image.circumstance == Circumstance::shorter_than_declared ||
           image.circumstance == Circumstance::hard_link ||
           image.circumstance == Circumstance::changes_during_import;
}

TEST_F(HostileImagesTest, every_input_is_refused_or_made_harmless_at_once_and_leaves_nothing) {
    const std::set<fs::path> before = layers();
    std::set<int> numbers;
    for (const HostileImage& image : hostile_images()) {
        if (needs_more(image)) continue;
        const fs::path file = put(image);
        const auto begin = steady_clock::now();
        const ProcessResult result = import(image, file);
        EXPECT_LE(steady_clock::now() - begin, answer_limit) << told(image, result);
        // Before the snapshot of one that is taken goes.
        for (const fs::path& layer : layers()) {
            if (before.contains(layer)) continue;
            EXPECT_FALSE(has_canary(layer)) << told(image, result);
        }
        expect_outcome(image, result);
        expect_nothing_left(image);
        numbers.insert(image.number);
        if (file != "/dev/zero") fs::remove_all(file);
    }
    EXPECT_GE(numbers.size(), 70U);
    EXPECT_EQ(layers(), before) << "of those that were taken, the snapshots were deleted";
}

TEST_F(HostileImagesTest, no_file_is_opened_but_the_input_by_who_reads_it_with_a_gibibyte_at_most) {
    Trace trace(host_.service_pid(), host_.home() / "trace");
    for (const HostileImage& image : hostile_images()) {
        // What the gate refuses no program sees: of that, one of each kind is enough.
        const bool reaches_programs = image.outcome != Outcome::refused;
        if (!needs_more(image) && (reaches_programs || leading_out.contains(image.number)))
            import(image, put(image));
    }
    const auto processes = trace.end();
    EXPECT_FALSE(processes.empty());
    int readers = 0;
    for (const auto& [pid, process] : processes) {
        bool reads_the_input = false;
        for (const std::string& line : process.lines) {
            for (const std::string& path : paths_in(line)) {
                EXPECT_TRUE(is_the_systems(path) || path.starts_with(imports().string())) << line;
                reads_the_input = reads_the_input || path.ends_with("/file");
            }
        }
        EXPECT_TRUE(!reads_the_input || process.is_limited) << pid;
        if (reads_the_input) ++readers;
    }
    constexpr int programs_for_a_disk = 4;  // info, measure, check, convert
    EXPECT_GE(readers, programs_for_a_disk);
}

TEST_F(HostileImagesTest, what_is_more_than_the_bytes_of_a_file_does_no_harm_either) {
    for (const HostileImage& image : hostile_images()) {
        if (!needs_more(image) || image.is_for_the_gate()) continue;
        SCOPED_TRACE(fmt::format("number {}, {}", image.number, image.name));
        switch (image.circumstance) {
            case Circumstance::over_quota: {
                limit_volumes("1");
                const ProcessResult result = import(image, put(image));
                EXPECT_EQ(result.exit_status, 1);
                EXPECT_THAT(result.standard_error, HasSubstr("volume"));
                limit_volumes("-1");
                break;
            }
            case Circumstance::shorter_than_declared: {
                const std::string id =
                    host_.kiln_json({"create-upload", "--size", "4096"}).at("UploadId");
                host_.expect_refused({"import-snapshot", "--disk-container", "UploadId=" + id},
                                     "IncompleteUpload");
                host_.kiln_json({"delete-upload", "--upload-id", id});
                break;
            }
            case Circumstance::hard_link: {
                const fs::path link = host_.home() / "link";
                fs::create_hard_link(*layers().begin(), link);
                const ProcessResult result =
                    run_process({.arguments = {"setpriv", "--reuid=65534", "--regid=65534",
                                               "--clear-groups", "cat", link}});
                EXPECT_NE(result.exit_status, 0) << "it is its owner's to read";
                EXPECT_THAT(result.standard_error, HasSubstr("Permission denied"));
                break;
            }
            default: {
                expect_change_is_noticed(image);
                break;
            }
        }
        expect_nothing_left(image);
    }
}

}  // namespace

}  // namespace kiln::tests
