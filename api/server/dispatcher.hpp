#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "api/action.hpp"
#include "api/protocol/query.hpp"
#include "api/server/completion.hpp"
#include "api/server/download.hpp"
#include "images/accounts/caller.hpp"

namespace kiln {
class Error;
}

namespace kiln::api {

/// What of an HTTP request matters to an action.
struct Request {
    std::string method;        // "GET", "POST"
    std::string target;        // "/?Action=…"
    std::string content_type;  // empty: none
    std::string body;
    /// Whose actions it may name, and in whose protocol it is; nullptr: those of all, in that of
    /// EC2.
    const WebService* service = nullptr;
};

/// The header of a request that says in which region it is; without it, in the service's own.
inline constexpr const char* region_header = "x-kiln-region";
/// An administrator's: as which account, by its id or alias, it is made.
inline constexpr const char* account_header = "x-kiln-account";

/// XML with the HTTP status that EC2 gives it, or bytes of a file.
struct Response {
    unsigned status = 200;
    std::string body;
    std::string request_id;
    const char* content_type = "text/xml;charset=UTF-8";
    std::optional<Completion> noted = {};  // before that it may not be sent
};

/// Told of every request that could have changed something.
struct AuditedRequest {
    const std::string& action;
    const images::Caller& caller;
    const std::string& request_id;
    const Error* error = nullptr;        // nullptr: it succeeded
    std::vector<std::string> resources;  // that it and its answer name, sorted
};
/// What it returns ends when the request is noted.
using Audit = std::function<Completion(const AuditedRequest&)>;

/// The text in whose place the mention stands, for the caller. Throws Error for an alias that
/// stands for nothing.
using ResolveImage = std::function<std::string(const images::Caller&, const ImageMention&)>;

/// Answers requests of AWS' query protocols: finds the action, checks the arguments, resolves the
/// aliases of images in them, calls the handler, and turns whatever it throws into an error
/// response; and those for bytes of exported files. Any thread; never throws.
class Dispatcher {
  public:
    using Invoke = std::function<void(const Action&, const images::Caller&, const Arguments&,
                                      XmlWriter& response)>;

    /// `table` must outlive the dispatcher.
    Dispatcher(const std::vector<Action>& table, Invoke invoke, Audit audit = nullptr,
               ResolveImage resolve_image = nullptr, Download download = nullptr);

    Response dispatch(const Request& request, images::Caller caller) const;
    /// The answer to a request of somebody who may ask for nothing, which is told all the same.
    Response refuse(const Request& request, const images::Caller& caller, const Error& error) const;
    /// Tells of what somebody did or tried in another way than by a request; nullopt: nobody notes.
    std::optional<Completion> note(const AuditedRequest& audited) const;

  private:
    struct Progress;
    /// Which files were told of. Any thread.
    class Downloads {
      public:
        bool is_first(const std::pair<std::string, std::string>& read) const;

      private:
        mutable std::mutex mutex_;
        mutable std::set<std::pair<std::string, std::string>> told_;  // account, task
    };

    const Action& action_of(const std::string& name, const WebService* service) const;
    /// The parameters; which action it is and what it names, as far as it comes.
    WirePairs begin(const Request& request, Progress& progress) const;
    /// The arguments as the handler finds them.
    Arguments arguments_of(const WirePairs& pairs, const images::Caller& caller,
                           Progress& progress) const;
    /// The response's text.
    std::string answer(const Request& request, images::Caller& caller,
                       const std::string& request_id, Progress& progress) const;
    Response read_file(const Request& request, const images::Caller& caller) const;
    std::optional<Completion> audit(const Progress& progress, const images::Caller& caller,
                                    const std::string& request_id, const Error* error) const;

    const std::vector<Action>& table_;
    Invoke invoke_;
    Audit audit_;
    ResolveImage resolve_image_;
    Download download_;
    Downloads downloads_;
};

/// The response to what failed outside of an action, in the protocol of the service.
Response error_response(const Error& error, const WebService& service = ec2_service);
/// The HTTP status that goes with an error code: 400 unless EC2 says otherwise.
unsigned status_of_error(const std::string& code);

}  // namespace kiln::api
