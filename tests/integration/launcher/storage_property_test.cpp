#include "base/environment.hpp"
#include "tests/integration/launcher/storage_operations.hpp"

namespace kiln::tests {

namespace {

constexpr std::size_t default_operations = 300;
constexpr std::size_t operations_between_readings = 100;

std::size_t operations_from_environment() {
    const std::string text = environment_variable("KILN_OPERATIONS");
    return text.empty() ? default_operations : std::stoul(text);
}

/// KILN_OPERATIONS says how many operations there are (2,000 take some three minutes), KILN_SEED
/// which. A run that fails tells its seed and its last operations.
class StoragePropertyTest : public StorageOperations {
  protected:
    void do_operations(std::size_t count) {
        std::size_t next_reading = operations_between_readings;
        while (operation_count() < count && !HasFailure()) {
            do_any();
            if (operation_count() < next_reading) continue;
            next_reading += operations_between_readings;
            settle_and_check();
            expect_contents();
        }
    }
    void delete_everything() {
        while (!model().is_empty() && !HasFailure())
            delete_any();
    }
    void expect_nothing_left() {
        for (const std::string& region : region_names()) {
            EXPECT_THAT(read([&](Session& session) { return images::all_layers(session, region); }),
                        testing::IsEmpty());
            EXPECT_TRUE(std::filesystem::is_empty(pool_of(region).directory())) << region;
        }
        EXPECT_EQ(host().domain_count(), 0U);
    }
};

TEST_F(StoragePropertyTest, whatever_is_done_no_layer_is_missing_or_leaked_and_contents_are_kept) {
    try {
        do_operations(operations_from_environment());
        settle_and_check();
        if (!HasFailure()) expect_contents();
        delete_everything();
        settle_and_check();
        if (!HasFailure()) expect_nothing_left();
    } catch (const std::exception& error) {
        ADD_FAILURE() << error.what();
    }
    if (HasFailure()) std::cerr << history();
}

}  // namespace

}  // namespace kiln::tests
