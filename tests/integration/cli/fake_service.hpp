#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <pugixml.hpp>
#include <string>
#include <thread>
#include <vector>

#include "api/action.hpp"
#include "api/server/server.hpp"
#include "base/error.hpp"
#include "base/process.hpp"
#include "tests/places.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln::tests {

/// A service whose actions a test plays, and the program `kiln` that talks to it. The actions are
/// the real ones as far as their names and parameters go.
class FakeService {
  public:
    /// Gives the response's XML without its root, or throws Error.
    using Answer = std::function<std::string(const api::Arguments& arguments)>;

    FakeService()
        : dispatcher_(
              api::actions(),
              [this](const api::Action& action, const images::Caller& caller,
                     const api::Arguments& arguments, api::XmlWriter& response) {
                  const std::lock_guard lock(mutex_);
                  region_ = caller.region;
                  const auto answer = answers_.find(action.name);
                  if (answer == answers_.end()) throw Error("Unplayed", "", action.name);
                  write(response, answer->second(arguments));
              },
              nullptr, nullptr,
              [this](const images::Caller&, const api::DownloadRequest& wanted) {
                  const std::lock_guard lock(mutex_);
                  if (wanted.offset >= breaks_at_)
                      throw Error("Unplayed", wanted.task, "the file has gone");
                  return file_.substr(wanted.offset, wanted.size);
              }),
          server_({.socket = directory_.path() / "kiln.sock"},
                  {.dispatcher = dispatcher_,
                   .caller_of =
                       [](const api::CallerClaim& claim) {
                           return images::Caller{
                               .account = AccountId("100000000000"),
                               .region = claim.region.empty() ? "local-1" : claim.region};
                       },
                   .open_console =
                       [](const images::Caller&, const std::string& id,
                          hypervisor::ConsoleCallbacks callbacks) {
                           return std::make_unique<EchoConsole>(id, std::move(callbacks));
                       }}),
          thread_([this] { server_.run(); }) {}
    ~FakeService() {
        server_.stop();
        thread_.join();
    }

    /// Before the program is run. After it has run, what answers wrote may be read.
    void play(const std::string& action, Answer answer) {
        const std::lock_guard lock(mutex_);
        answers_[action] = std::move(answer);
    }
    void play(const std::string& action, const std::string& xml) {
        play(action, [xml](const api::Arguments&) { return xml; });
    }

    /// What is downloaded, whatever task it is of; from that offset on it breaks.
    void serve_file(const std::string& content, std::size_t breaks_at = std::string::npos) {
        const std::lock_guard lock(mutex_);
        file_ = content;
        breaks_at_ = breaks_at;
    }

    const std::filesystem::path& directory() const { return directory_.path(); }
    /// Of the last request; the service's own is local-1.
    std::string region() const {
        const std::lock_guard lock(mutex_);
        return region_;
    }

    /// Runs `kiln WORDS`; the output is in the result, the home directory is the test's.
    ProcessResult kiln(std::vector<std::string> words, const std::string& input = "") const {
        words.insert(words.begin(), places::kiln);
        return run(std::move(words), input);
    }
    ProcessResult run(std::vector<std::string> words, const std::string& input = "",
                      const std::string& region = "") const {
        meet_answers();
        const std::string path = directory().string();
        ProcessResult result = run_process(
            {.arguments = std::move(words),
             .environment = {"HOME=" + path, "XDG_CONFIG_HOME=" + path + "/config",
                             "XDG_STATE_HOME=" + path + "/state", "KILN_STATE_DIR=" + path,
                             "KILN_SOCKET=" + path + "/kiln.sock", "KILN_NO_AUTOSTART=1",
                             "KILN_CONFIG=", "KILN_REGION=" + region,
                             "PATH=" + path + ":/usr/bin:/bin"},
             .standard_input = input});
        meet_answers();
        return result;
    }

  private:
    /// Says whose it is, and everything that is typed.
    class EchoConsole final : public hypervisor::Console {
      public:
        EchoConsole(const std::string& id, hypervisor::ConsoleCallbacks callbacks)
            : callbacks_(std::move(callbacks)) {
            callbacks_.on_bytes("console of " + id + "\n");
        }
        void send(std::string_view bytes) override {
            callbacks_.on_bytes("typed: " + std::string(bytes));
            if (bytes.find("exit") != std::string_view::npos) callbacks_.on_close();
        }

      private:
        hypervisor::ConsoleCallbacks callbacks_;
    };

    /// What the test has read comes before what answers write from now on, and what they have
    /// written before what the test reads: the program in between orders them for no sanitizer.
    void meet_answers() const { const std::lock_guard lock(mutex_); }

    static void write(api::XmlWriter& response, const std::string& xml) {
        pugi::xml_document document;
        const auto parsed = document.load_string(
            xml.c_str(), pugi::parse_fragment | pugi::parse_escapes | pugi::parse_ws_pcdata_single);
        if (!parsed) throw Error("Unreadable", xml, parsed.description());
        write_elements(response, document);
    }
    static void write_elements(api::XmlWriter& response, pugi::xml_node parent) {
        for (const pugi::xml_node element : parent.children()) {
            const bool is_text = element.first_child().type() == pugi::node_pcdata;
            if (is_text) {
                response.text(element.name(), element.child_value());
            } else {
                response.open(element.name());
                write_elements(response, element);
                response.close(element.name());
            }
        }
    }

    TemporaryDirectory directory_;
    mutable std::mutex mutex_;
    std::map<std::string, Answer> answers_;
    std::string region_;
    std::string file_;
    std::size_t breaks_at_ = std::string::npos;
    api::Dispatcher dispatcher_;
    api::Server server_;
    std::thread thread_;
};

}  // namespace kiln::tests
