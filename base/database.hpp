#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace kiln {

/// A database session inside a transaction; only Database hands it out.
class Session;

struct Migration {
    int version = 0;  // 1, 2, 3, …
    std::string_view name;
    std::string_view sql;  // statements that end in ";\n"
};

/// The catalog's database, embedded SQLite: WAL, synchronous=FULL, foreign keys on. One transaction
/// writes at a time; readers see the last committed state and never wait for the writer. Any
/// thread.
///
/// Failures of the database are Error{InternalError}; a full disk is
/// Error{InsufficientInstanceCapacity} and everything else goes on working.
class Database {
  public:
    /// Opens or makes the database file. Throws when it is no database or its directory is missing.
    explicit Database(const std::string& path);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    /// Runs the migrations that the database has not had yet, in order, each in one transaction,
    /// after a backup copy of the file when it holds data. Throws when the database is from a newer
    /// kiln.
    void migrate(const std::vector<Migration>& migrations);

    /// Runs `work` in one read transaction (a consistent view).
    template <class Work>
    auto read(Work&& work) {
        return in_transaction(Access::read, std::forward<Work>(work));
    }
    /// Runs `work` in one write transaction: committed when it returns, rolled back when it throws.
    template <class Work>
    auto write(Work&& work) {
        return in_transaction(Access::write, std::forward<Work>(work));
    }

  private:
    enum class Access { read, write };

    template <class Work>
    auto in_transaction(Access access, Work&& work) {
        using Result = std::invoke_result_t<Work, Session&>;
        if constexpr (std::is_void_v<Result>) {
            run(access, [&](Session& session) { work(session); });
        } else {
            std::unique_ptr<Result> result;
            run(access,
                [&](Session& session) { result = std::make_unique<Result>(work(session)); });
            return std::move(*result);
        }
    }
    void run(Access access, const std::function<void(Session&)>& work);

    class Connections;
    std::unique_ptr<Connections> connections_;
};

}  // namespace kiln
