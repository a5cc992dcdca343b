#pragma once

#include "api/server/dispatcher.hpp"
#include "images/accounts/caller.hpp"

namespace kiln::builder {
class Uploads;
}

namespace kiln::api {

/// Answers PUT /uploads/UPLOAD-ID?offset=N, whose body are the file's bytes from there on:
/// <SendPieceResponse><received>how many are there now</received></SendPieceResponse>. What is
/// wrong with it becomes the answer. Any thread.
Response take_piece(builder::Uploads& uploads, const images::Caller& caller,
                    const Request& request);

}  // namespace kiln::api
