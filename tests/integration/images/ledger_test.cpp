#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <random>

#include "images/accounts/account.hpp"
#include "images/catalog/account_setting.hpp"
#include "images/catalog/instance.hpp"
#include "images/catalog/usage.hpp"
#include "images/market/product.hpp"
#include "images/market/product_code.hpp"
#include "images/usage/cost_report.hpp"
#include "tests/catalog_fixture.hpp"

namespace kiln::images {

namespace {

using std::chrono::seconds;

constexpr int instance_count = 1000;
constexpr int day_s = 86'400;
constexpr int days = 30;
constexpr std::size_t changes_in_a_transaction = 20;
constexpr int kills = 25;
constexpr const char* progress = "ledger-test-progress";

/// An instance starts to run or ends to.
struct Change {
    Time time;
    int instance;
    bool starts;
};

struct Stretch {
    int instance;
    Time start;
    Time end;
};

/// Instances that run once to five times each in the thirty days, for seconds or for days.
std::vector<Stretch> simulated_runs(Time first_day) {
    std::mt19937 random(2718);
    const auto between = [&](int least, int most) {
        return std::uniform_int_distribution<int>(least, most)(random);
    };
    std::vector<Stretch> runs;
    for (int instance = 0; instance < instance_count; ++instance) {
        int at = between(0, day_s * days / 2);
        for (int count = between(1, 5); count > 0; --count) {
            const int duration = between(0, 3) == 0 ? between(0, 90) : between(1, 5 * day_s);
            const int end = std::min(at + duration, days * day_s - 120);
            runs.push_back(
                {.instance = instance,
                 .start = first_day + seconds(at) + std::chrono::milliseconds(at % 1000),
                 .end = first_day + seconds(end) + std::chrono::milliseconds(end % 999)});
            at = end + between(61, day_s);
            if (at >= days * day_s - 120) break;
        }
    }
    std::erase_if(runs, [](const Stretch& run) { return run.end <= run.start; });
    return runs;
}

std::vector<Change> changes_of(const std::vector<Stretch>& runs) {
    std::vector<Change> changes;
    for (const Stretch& run : runs) {
        changes.push_back({.time = run.start, .instance = run.instance, .starts = true});
        changes.push_back({.time = run.end, .instance = run.instance, .starts = false});
    }
    std::ranges::stable_sort(changes, {}, &Change::time);
    return changes;
}

class LedgerTest : public tests::CatalogFixture {
  protected:
    LedgerTest() {
        Database ledger(path());
        ledger.migrate(migrations());
        ledger.write([&](Session& session) {
            insert_account(session, {.id = seller_, .name = "seller", .created = now()});
            insert_product(session,
                           {.code = "code", .seller = seller_, .name = "A", .created = Time()},
                           Decimal::parse("0.37").value());
            for (int i = 0; i < instance_count; ++i) {
                add_product_codes(session, id_of(i).str(), {"code"});
                Instance instance = this->instance(ImageId("ami-00000001"));
                instance.id = id_of(i);
                instance.state = InstanceState::stopped;
                insert_instance(session, instance);
            }
        });
    }

    /// Open in one process at a time, and in this one not while it forks.
    std::string path() const { return (directory() / "ledger.db").string(); }
    static InstanceId id_of(int number) { return InstanceId(fmt::format("i-{:017x}", number)); }

    /// What a service does that finds the catalog as it is: goes on after the last change that is
    /// written, and does that one again, as whoever resumes an operation does.
    void work_on(Database& database, const std::vector<Change>& changes) const {
        const auto done = [&](Session& session) {
            return std::stoul(find_setting(session, scope(), progress).value_or("0"));
        };
        std::size_t next = database.read(done);
        if (next > 0) database.write([&](Session& session) { apply(session, changes[next - 1]); });
        while (next < changes.size()) {
            const std::size_t end = std::min(next + changes_in_a_transaction, changes.size());
            database.write([&](Session& session) {
                for (std::size_t i = next; i < end; ++i)
                    apply(session, changes[i]);
                set_setting(session, scope(), progress, std::to_string(end));
            });
            next = end;
        }
    }

    /// Does it in a process of its own, which is killed after some milliseconds. Whether it came
    /// to its end before.
    bool work_until_killed(const std::vector<Change>& changes, int after_ms) const {
        const pid_t child = ::fork();
        if (child == 0) {
            Database database(path());
            work_on(database, changes);
            ::_exit(0);
        }
        ::usleep(static_cast<useconds_t>(after_ms) * 1000);
        ::kill(child, SIGKILL);
        int status = 0;
        ::waitpid(child, &status, 0);
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }

    const AccountId& seller() const { return seller_; }

  private:
    static void apply(Session& session, const Change& change) {
        Instance instance = find_instance(session, id_of(change.instance)).value();
        instance.state = change.starts ? InstanceState::running : InstanceState::stopped;
        update_instance(session, instance, change.time);
    }

    AccountId seller_{"333333333333"};
};

TEST_F(LedgerTest, bills_of_a_thousand_instances_are_right_however_often_the_service_is_killed) {
    const Time first_day = parse_time("2026-11-01").value();
    const std::vector<Stretch> runs = simulated_runs(first_day);
    const std::vector<Change> changes = changes_of(runs);
    std::mt19937 random(31);
    int killed = 0;
    while (killed < kills) {
        if (work_until_killed(changes, std::uniform_int_distribution<int>(1, 60)(random))) break;
        ++killed;
    }
    Database ledger(path());
    work_on(ledger, changes);
    EXPECT_GT(killed, 3) << "it was done before it was killed";

    // The closed form: seconds, at least a minute for each run.
    Decimal instances;
    Decimal products;
    const Rates rates{.instance_hour = {{"default", Decimal::parse("0.0104").value()}}};
    for (const Stretch& run : runs) {
        const auto length =
            std::chrono::floor<seconds>(run.end) - std::chrono::floor<seconds>(run.start);
        const Decimal hours = Decimal::ratio(
            static_cast<WideNumber>(std::max<std::int64_t>(length.count(), 60)), 3600);
        instances = instances + hours * rates.instance_hour.at("default");
        products = products + hours * Decimal::parse("0.37").value();
    }
    const TimePeriod month{.start = first_day, .end = first_day + std::chrono::days(days)};
    const CostRequest request{.period = month, .granularity = Granularity::monthly};
    const UsageSpan span{.since = month.start, .until = month.end};
    const auto bill =
        ledger.read([&](Session& session) { return list_usage(session, scope().owner, span); });
    const auto sales =
        ledger.read([&](Session& session) { return list_sales(session, seller(), span); });
    EXPECT_EQ(bill.size(), 2 * runs.size());
    EXPECT_EQ(cost_report(bill, rates, request, month.end).at(0).total.amount.str(),
              (instances + products).str());
    EXPECT_EQ(cost_report(sales, rates, request, month.end).at(0).total.amount.str(),
              products.str());
}

}  // namespace

}  // namespace kiln::images
