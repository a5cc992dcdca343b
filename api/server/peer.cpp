#include "api/server/peer.hpp"

#include <unistd.h>

#include "images/catalog/account.hpp"

namespace kiln::api {

images::Caller caller_of_uid(Database& database, const Settings& settings, const Clock& clock,
                             uid_t uid) {
    return {.account = images::account_of_uid(database, uid, clock.now()),
            .region = settings.region,
            .administrator = uid == 0 || uid == ::geteuid()};
}

}  // namespace kiln::api
