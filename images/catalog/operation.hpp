#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/ids.hpp"
#include "images/catalog/scope.hpp"

namespace kiln::images {

/// An intent: written with the first rows of a change of several steps, deleted with the last. What
/// is left at a start of the service was cut off, and is finished or undone by its kind.
struct Operation {
    OperationId id;
    std::string kind;  // "launch", "start", "stop", "terminate", "create-image", "build-image"
    AccountId owner;
    std::string resource_id;
    std::string payload;  // JSON, by kind
    Time created;
};

void insert_operation(Session& session, const Operation& operation);
void set_operation_payload(Session& session, const OperationId& id, const std::string& payload);
void delete_operation(Session& session, const OperationId& id);
bool operation_is_open(Session& session, const OperationId& id);
/// Oldest first.
std::vector<Operation> open_operations(Session& session);
std::vector<Operation> operations_of_resource(Session& session, const std::string& resource_id);

/// What a call with a ClientToken made, so that the same call again answers the same.
struct ClientToken {
    std::string action;
    std::string token;
    std::string parameters_digest;
    std::string resource_id;
    Time created;
};

/// The earlier call with this token. Throws Error{IdempotentParameterMismatch} when its parameters
/// differ.
std::optional<ClientToken> find_client_token(Session& session, const Scope& scope,
                                             const std::string& action, const std::string& token,
                                             const std::string& parameters_digest);
void insert_client_token(Session& session, const Scope& scope, const ClientToken& token);

}  // namespace kiln::images
