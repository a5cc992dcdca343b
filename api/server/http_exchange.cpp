#include "api/server/http_exchange.hpp"

#include "base/error.hpp"

namespace kiln::api {

namespace http = boost::beast::http;

std::optional<Error> refusal_of(boost::beast::error_code error) {
    if (error == http::error::body_limit) {
        return Error("RequestEntityTooLarge", "", "The request's body is too large");
    }
    if (error == http::error::header_limit) {
        return Error("RequestHeaderTooLarge", "", "The request's header is too large");
    }
    if (error == http::error::end_of_stream || error == http::error::partial_message) {
        return std::nullopt;
    }
    if (error.category() == http::make_error_code(http::error::bad_method).category()) {
        return Error("MalformedRequest", "", "The request is not HTTP: " + error.message());
    }
    return std::nullopt;
}

HttpResponse http_response(Response response, unsigned http_version, bool keep_alive) {
    HttpResponse answer;
    answer.version(http_version);
    answer.result(response.status);
    answer.set(http::field::server, "kiln");
    answer.set(http::field::content_type, response.content_type);
    answer.set("x-amzn-RequestId", response.request_id);
    answer.keep_alive(keep_alive);
    answer.body() = std::move(response.body);  // megabytes, perhaps
    answer.prepare_payload();
    return answer;
}

}  // namespace kiln::api
