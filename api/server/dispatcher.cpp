#include "api/server/dispatcher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <set>
#include <utility>

#include "api/protocol/query.hpp"
#include "api/server/named_resources.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/text.hpp"

namespace kiln::api {

namespace {

constexpr std::size_t longest_task_name = 64;  // in the audit log

/// What reading an export's file is called in the audit log.
const std::string& download_name() {
    static const std::string name = "DownloadExport";
    return name;
}

void write_code_and_message(XmlWriter& xml, const Error& error) {
    xml.text("Code", error.code());
    xml.text("Message", error.message());
}

std::string ec2_error(const Error& error, const std::string& request_id) {
    XmlWriter xml;
    xml.open("Response");
    xml.open("Errors");
    xml.open("Error");
    write_code_and_message(xml, error);
    xml.close("Error");
    xml.close("Errors");
    xml.text("RequestID", request_id);
    xml.close("Response");
    return xml.take();
}

std::string query_error(const Error& error, const std::string& request_id,
                        const WebService& service) {
    XmlWriter xml;
    xml.open("ErrorResponse", service.xml_namespace);
    xml.open("Error");
    xml.text("Type", status_of_error(error.code()) < 500 ? "Sender" : "Receiver");
    write_code_and_message(xml, error);
    xml.close("Error");
    xml.text("RequestId", request_id);
    xml.close("ErrorResponse");
    return xml.take();
}

void write_metadata(XmlWriter& xml, const std::string& request_id) {
    xml.open("ResponseMetadata");
    xml.text("RequestId", request_id);
    xml.close("ResponseMetadata");
}

const WebService& service_of(const Request& request) {
    return request.service == nullptr ? ec2_service : *request.service;
}

Response error_response_of(const Error& error, const std::string& request_id,
                           const WebService& service) {
    return {.status = status_of_error(error.code()),
            .body = service.protocol == Protocol::ec2 ? ec2_error(error, request_id)
                                                      : query_error(error, request_id, service),
            .request_id = request_id};
}

/// What the client is told of a failure that no one foresaw; the log has the details.
Error unforeseen(const std::string& request_id) {
    return {error_code::internal_error, "",
            fmt::format("An internal error has occurred; the service's log tells more about "
                        "request {}",
                        request_id)};
}

void check_version(const std::string& version, const WebService& service) {
    if (version.empty() || version == service.version) return;
    throw Error("NoSuchVersion", version,
                fmt::format("The requested version ({}) of service {} does not exist; it speaks {}",
                            version, service.name, service.version));
}

/// "Name.member.1" is "Name.1" elsewhere.
void join_members(WirePairs& pairs) {
    constexpr std::string_view member = ".member.";
    for (auto& [name, value] : pairs) {
        std::string joined;
        std::size_t begin = 0;
        for (std::size_t at = name.find(member); at != std::string::npos;
             at = name.find(member, begin)) {
            joined.append(name, begin, at - begin);
            begin = at + member.size() - 1;  // the next may begin with this one's last dot
        }
        name = joined.append(name, begin);
    }
}

/// What a presigned request is signed with is no argument.
void remove_signature(WirePairs& pairs) {
    std::erase_if(pairs, [](const auto& pair) { return pair.first.starts_with("X-Amz-"); });
}

/// Takes the pair of that name out and returns its value.
std::optional<std::string> take(WirePairs& pairs, std::string_view name) {
    const auto found = std::ranges::find(pairs, name, &WirePairs::value_type::first);
    if (found == pairs.end()) return std::nullopt;
    std::string value = found->second;
    pairs.erase(found);
    return value;
}

void check_content_type(const std::string& content_type) {
    const std::string type(trim(split(content_type, ';').front()));
    if (type.empty() || type == "application/x-www-form-urlencoded") return;
    throw Error("InvalidContentType", type,
                fmt::format("The content type '{}' is not supported: send "
                            "application/x-www-form-urlencoded",
                            type));
}

WirePairs pairs_of(const Request& request) {
    const std::size_t question = request.target.find('?');
    const std::string path = request.target.substr(0, question);
    if (path != "/") {
        throw Error("InvalidPath", path, fmt::format("There is nothing at '{}'", path));
    }
    WirePairs pairs;
    if (question != std::string::npos) pairs = decode_query(request.target.substr(question + 1));
    if (request.method == "POST") {
        check_content_type(request.content_type);
        std::ranges::move(decode_query(request.body), std::back_inserter(pairs));
    } else if (request.method != "GET") {
        throw Error("MethodNotAllowed", request.method,
                    fmt::format("The method {} is not supported: use GET or POST", request.method));
    }
    if (request.service != nullptr) remove_signature(pairs);
    if (service_of(request).protocol == Protocol::query) join_members(pairs);
    return pairs;
}

bool only_reads(const std::string& action) {
    constexpr std::array<std::string_view, 5> verbs{"Describe", "Get", "List", "Lookup", "Confirm"};
    return std::ranges::any_of(verbs,
                               [&](std::string_view verb) { return action.starts_with(verb); });
}

void log_success(const Action& action, const images::Caller& caller, const std::string& request_id,
                 std::chrono::steady_clock::time_point begin) {
    const auto duration = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - begin);
    log::write_formatted(only_reads(action.name) ? log::Level::debug : log::Level::info,
                         "{} for {} done in {} ms ({})", action.name, caller.account.str(),
                         duration.count(), request_id);
}

void log_error(const std::string& name, const images::Caller& caller, const Error& error,
               const std::string& request_id) {
    const bool ours = status_of_error(error.code()) >= 500;
    const std::string message = on_one_line(error.message());  // a client's words
    log::write_formatted(ours ? log::Level::error : log::Level::info,
                         "{} for {} failed: {}: {} ({})", name, caller.account.str(), error.code(),
                         message, request_id);
}

}  // namespace

unsigned status_of_error(const std::string& code) {
    static constexpr std::array<std::pair<std::string_view, unsigned>, 16> statuses{{
        {"MissingAuthenticationToken", 403},
        {"InvalidClientTokenId", 403},
        {"SignatureDoesNotMatch", 403},
        {"DryRunOperation", 412},
        {"UnauthorizedOperation", 403},
        {"InternalError", 500},
        {"InsufficientInstanceCapacity", 500},
        {"Unavailable", 503},
        {"RequestLimitExceeded", 503},
        {"InvalidPath", 404},
        {"AccessDenied", 403},
        {"LimitExceeded", 409},
        {"NoSuchEntity", 404},
        {"MethodNotAllowed", 405},
        {"RequestEntityTooLarge", 413},
        {"RequestHeaderTooLarge", 431},
    }};
    for (const auto& [known, status] : statuses) {
        if (known == code) return status;
    }
    return 400;
}

Response error_response(const Error& error, const WebService& service) {
    return error_response_of(error, random_uuid(), service);
}

bool Dispatcher::Downloads::is_first(const std::pair<std::string, std::string>& read) const {
    constexpr std::size_t most = 10'000;
    const std::lock_guard lock(mutex_);
    if (told_.contains(read)) return false;
    if (told_.size() >= most) told_.clear();  // some are told of twice
    told_.insert(read);
    return true;
}

Dispatcher::Dispatcher(const std::vector<Action>& table, Invoke invoke, Audit audit,
                       ResolveImage resolve_image, Download download)
    : table_(table),
      invoke_(std::move(invoke)),
      audit_(std::move(audit)),
      resolve_image_(std::move(resolve_image)),
      download_(std::move(download)) {}

const Action& Dispatcher::action_of(const std::string& name, const WebService* service) const {
    const auto is_of_service = [&](const Action& action) {
        return service == nullptr || (action.service == service && !action.is_local);
    };
    const auto found = std::ranges::find(table_, name, &Action::name);
    if (found != table_.end() && is_of_service(*found)) return *found;
    std::vector<std::string> known;
    for (const Action& action : table_)
        if (is_of_service(action)) known.push_back(action.name);
    const auto suggestion = nearest(name, known);
    throw Error("InvalidAction", name,
                fmt::format("The action {} is not valid for this web service.{}", name,
                            suggestion ? fmt::format(" Did you mean {}?", *suggestion) : ""));
}

/// What is known of a request so far, also when it fails.
struct Dispatcher::Progress {
    const Action* action = nullptr;
    std::set<std::string> resources = {};  // of an event: what only reads is none

    bool is_event() const {
        return action != nullptr && (action->is_event || !only_reads(action->name));
    }
    std::string name() const { return action == nullptr ? "a request" : action->name; }
};

WirePairs Dispatcher::begin(const Request& request, Progress& progress) const {
    WirePairs pairs = pairs_of(request);
    const auto asked = take(pairs, "Action");
    if (!asked || asked->empty()) {
        throw Error("MissingAction", "", "The request must contain the parameter Action");
    }
    check_version(take(pairs, "Version").value_or(""), service_of(request));
    progress.action = &action_of(*asked, request.service);
    if (progress.is_event()) add_named(pairs, progress.resources);
    return pairs;
}

Arguments Dispatcher::arguments_of(const WirePairs& pairs, const images::Caller& caller,
                                   Progress& progress) const {
    const std::vector<Parameter>& parameters = progress.action->parameters;
    Arguments arguments = parse_arguments(parameters, pairs);
    if (!resolve_image_) return arguments;
    arguments.resolve_images(parameters, [&](const ImageMention& mention) {
        std::string resolved = resolve_image_(caller, mention);
        // The audit log tells both: what was said, and what it stood for then.
        if (progress.is_event() && resolved != mention.text) progress.resources.insert(resolved);
        return resolved;
    });
    return arguments;
}

std::string Dispatcher::answer(const Request& request, images::Caller& caller,
                               const std::string& request_id, Progress& progress) const {
    const auto started = std::chrono::steady_clock::now();
    const WirePairs pairs = begin(request, progress);
    const Action& action = *progress.action;
    const Arguments arguments = arguments_of(pairs, caller, progress);
    caller.dry_run = arguments.boolean("DryRun").value_or(false);

    const WebService& service = service_of(request);
    const bool wraps = service.protocol == Protocol::query;
    const std::string root = action.name + "Response";
    const std::string result = action.name + "Result";
    XmlWriter xml(service.protocol);
    xml.open(root, service.xml_namespace);
    if (!wraps) xml.text("requestId", request_id);
    if (wraps) xml.open(result);
    invoke_(action, caller, arguments, xml);
    if (wraps) xml.close(result);
    if (wraps) write_metadata(xml, request_id);
    xml.close(root);
    if (!action.answers_dry_run) caller.stop_if_dry_run();  // of an action that changes nothing
    log_success(action, caller, request_id, started);
    return xml.take();
}

std::optional<Completion> Dispatcher::audit(const Progress& progress, const images::Caller& caller,
                                            const std::string& request_id,
                                            const Error* error) const {
    if (!progress.is_event()) return std::nullopt;
    return note({.action = progress.name(),
                 .caller = caller,
                 .request_id = request_id,
                 .error = error,
                 .resources = {progress.resources.begin(), progress.resources.end()}});
}

std::optional<Completion> Dispatcher::note(const AuditedRequest& audited) const {
    if (!audit_) return std::nullopt;
    try {
        return audit_(audited);
    } catch (const std::exception& error) {
        log::error("{} is not in the audit log: {} ({})", audited.action, error.what(),
                   audited.request_id);
        return std::nullopt;
    }
}

/// A file is told of when its account reads its first piece, whichever that is, and so are all
/// refusals.
Response Dispatcher::read_file(const Request& request, const images::Caller& caller) const {
    const std::string& name = download_name();
    const std::string request_id = random_uuid();
    DownloadRequest wanted;
    const auto noted = [&](const Error* error) -> std::optional<Completion> {
        if (error == nullptr && !downloads_.is_first({caller.account.str(), wanted.task}))
            return std::nullopt;
        return note({.action = name,
                     .caller = caller,
                     .request_id = request_id,
                     .error = error,
                     .resources = {wanted.task.substr(0, longest_task_name)}});
    };
    const auto failed = [&](const Error& error) {
        Response response = error_response_of(error, request_id, service_of(request));
        response.noted = noted(&error);
        return response;
    };
    try {
        wanted = parse_download(request);
        Response response{.body = download_(caller, wanted),
                          .request_id = request_id,
                          .content_type = "application/octet-stream"};
        response.noted = noted(nullptr);
        return response;
    } catch (const Error& error) {
        log_error(name, caller, error, request_id);
        return failed(error);
    } catch (const std::exception& error) {
        log::error("{} failed unexpectedly: {} ({})", name, error.what(), request_id);
    }
    return failed(unforeseen(request_id));
}

Response Dispatcher::dispatch(const Request& request, images::Caller caller) const {
    if (download_ && is_download(request) && &service_of(request) == &ec2_service)
        return read_file(request, caller);
    const std::string request_id = random_uuid();
    Progress progress;
    const auto failed = [&](const Error& error) {
        Response response = error_response_of(error, request_id, service_of(request));
        response.noted = audit(progress, caller, request_id, &error);
        return response;
    };
    try {
        Response response{.status = 200,
                          .body = answer(request, caller, request_id, progress),
                          .request_id = request_id};
        if (progress.is_event()) add_answered(response.body, progress.resources);
        response.noted = audit(progress, caller, request_id, nullptr);
        return response;
    } catch (const Error& error) {
        log_error(progress.name(), caller, error, request_id);
        return failed(error);
    } catch (const std::exception& error) {
        log::error("{} failed unexpectedly: {} ({})", progress.name(), error.what(), request_id);
    } catch (...) {
        log::error("{} failed with an unknown exception ({})", progress.name(), request_id);
    }
    return failed(unforeseen(request_id));
}

Response Dispatcher::refuse(const Request& request, const images::Caller& caller,
                            const Error& error) const {
    const std::string request_id = random_uuid();
    Progress progress;
    if (download_ && is_download(request)) {
        log_error(download_name(), caller, error, request_id);
        Response response = error_response_of(error, request_id, service_of(request));
        response.noted = note({.action = download_name(),
                               .caller = caller,
                               .request_id = request_id,
                               .error = &error,
                               .resources = {}});
        return response;
    }
    try {
        begin(request, progress);
    } catch (const Error&) {
        // It is refused anyway.
    }
    log_error(progress.name(), caller, error, request_id);
    Response response = error_response_of(error, request_id, service_of(request));
    response.noted = audit(progress, caller, request_id, &error);
    return response;
}

}  // namespace kiln::api
