#include "images/catalog/operation.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "images/catalog/table.hpp"

namespace kiln::images {

namespace {

struct OperationTable {
    static constexpr const char* name = "operations";
    static Operation blank() {
        return {.id = placeholder_id<OperationId>(), .owner = placeholder_account()};
    }
    static void columns(auto& column, auto& operation) {
        column("operation_id", operation.id);
        column("kind", operation.kind);
        column("owner", operation.owner);
        column("resource_id", operation.resource_id);
        column("payload", operation.payload);
        column("created", operation.created);
    }
};

struct ClientTokenRow {
    AccountId owner;
    std::string region;
    ClientToken token;
};

struct ClientTokenTable {
    static constexpr const char* name = "client_tokens";
    static ClientTokenRow blank() { return {.owner = placeholder_account()}; }
    static void columns(auto& column, auto& row) {
        column("owner", row.owner);
        column("region", row.region);
        column("action", row.token.action);
        column("token", row.token.token);
        column("parameters_digest", row.token.parameters_digest);
        column("resource_id", row.token.resource_id);
        column("created", row.token.created);
    }
};

}  // namespace

void insert_operation(Session& session, const Operation& operation) {
    insert_row<OperationTable>(session, operation);
}

void set_operation_payload(Session& session, const OperationId& id, const std::string& payload) {
    run_sql(session, "update operations set payload = :payload where operation_id = :id",
            {{"payload", payload}, {"id", id.str()}});
}

bool operation_is_open(Session& session, const OperationId& id) {
    Statement row(session, "select 1 from operations where operation_id = :id", {{"id", id.str()}},
                  {ColumnType::number});
    return row.next();
}

void delete_operation(Session& session, const OperationId& id) {
    run_sql(session, "delete from operations where operation_id = :id", {{"id", id.str()}});
}

std::vector<Operation> open_operations(Session& session) {
    return select_rows<OperationTable>(session, "order by created, operation_id");
}

std::vector<Operation> operations_of_resource(Session& session, const std::string& resource_id) {
    return select_rows<OperationTable>(
        session, "where resource_id = :resource order by created, operation_id",
        {{"resource", resource_id}});
}

std::optional<ClientToken> find_client_token(Session& session, const Scope& scope,
                                             const std::string& action, const std::string& token,
                                             const std::string& parameters_digest) {
    const auto row = select_row<ClientTokenTable>(session,
                                                  "where owner = :owner and region = :region"
                                                  " and action = :action and token = :token",
                                                  {{"owner", scope.owner.str()},
                                                   {"region", scope.region},
                                                   {"action", action},
                                                   {"token", token}});
    if (!row) return std::nullopt;
    if (row->token.parameters_digest == parameters_digest) return row->token;
    throw Error("IdempotentParameterMismatch", token,
                fmt::format("The client token '{}' was used for a call of {} with other "
                            "parameters: use a new one",
                            token, action));
}

void insert_client_token(Session& session, const Scope& scope, const ClientToken& token) {
    insert_row<ClientTokenTable>(session,
                                 {.owner = scope.owner, .region = scope.region, .token = token});
}

}  // namespace kiln::images
