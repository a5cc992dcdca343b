#include "images/catalog/operation.hpp"

#include <gmock/gmock.h>

#include "tests/catalog_fixture.hpp"

namespace kiln::images {

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using tests::error_code_of;

class OperationTest : public tests::CatalogFixture {
  protected:
    Operation insert(const std::string& resource, Time created) {
        Operation operation{.id = OperationId::generate(),
                            .kind = "launch",
                            .owner = scope().owner,
                            .resource_id = resource,
                            .payload = R"({"layers": ["it's"]})",
                            .created = created};
        write([&](Session& session) { insert_operation(session, operation); });
        return operation;
    }
    static std::vector<OperationId> ids_of(const std::vector<Operation>& operations) {
        std::vector<OperationId> ids;
        for (const Operation& operation : operations)
            ids.push_back(operation.id);
        return ids;
    }
    std::optional<ClientToken> find(const Scope& as, const std::string& action,
                                    const std::string& digest) {
        return read([&](Session& session) {
            return find_client_token(session, as, action, "token", digest);
        });
    }
};

TEST_F(OperationTest, open_operations_come_oldest_first_with_every_field) {
    const Operation young = insert("i-1", now() + std::chrono::seconds(1));
    const Operation old = insert("ami-1", now());

    const auto open = read(open_operations);

    EXPECT_THAT(ids_of(open), ElementsAre(old.id, young.id));
    EXPECT_EQ(open[0].kind, "launch");
    EXPECT_EQ(open[0].owner, scope().owner);
    EXPECT_EQ(open[0].resource_id, "ami-1");
    EXPECT_EQ(open[0].payload, R"({"layers": ["it's"]})");
    EXPECT_EQ(open[0].created, now());
}

TEST_F(OperationTest, a_finished_operation_is_gone) {
    const Operation first = insert("i-1", now());
    const Operation second = insert("i-2", now());

    write([&](Session& session) { delete_operation(session, first.id); });

    EXPECT_THAT(ids_of(read(open_operations)), ElementsAre(second.id));
    EXPECT_THAT(read([&](Session& session) { return operations_of_resource(session, "i-1"); }),
                IsEmpty());
    EXPECT_THAT(
        ids_of(read([&](Session& session) { return operations_of_resource(session, "i-2"); })),
        ElementsAre(second.id));
}

TEST_F(OperationTest, a_client_token_leads_to_what_its_first_call_made) {
    EXPECT_FALSE(find(scope(), "RunInstances", "digest"));
    write([&](Session& session) {
        insert_client_token(session, scope(),
                            {.action = "RunInstances",
                             .token = "token",
                             .parameters_digest = "digest",
                             .resource_id = "r-1",
                             .created = now()});
    });

    const auto found = find(scope(), "RunInstances", "digest");

    ASSERT_TRUE(found);
    EXPECT_EQ(found->action, "RunInstances");
    EXPECT_EQ(found->token, "token");
    EXPECT_EQ(found->resource_id, "r-1");
    EXPECT_EQ(found->created, now());
    EXPECT_EQ(error_code_of([&] { find(scope(), "RunInstances", "other"); }),
              "IdempotentParameterMismatch");
    EXPECT_FALSE(find(scope(), "CreateImage", "other")) << "tokens belong to one action";
    EXPECT_FALSE(find(stranger(), "RunInstances", "other")) << "and to one account";
}

}  // namespace

}  // namespace kiln::images
