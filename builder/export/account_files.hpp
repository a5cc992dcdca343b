#pragma once

#include <string>

namespace kiln::builder {

/// The texts of a system's files of users (passwd(5), shadow(5), group(5), gshadow(5)); one that
/// there is not is empty.
struct AccountFiles {
    std::string passwd;
    std::string shadow;
    std::string group;
    std::string gshadow;
};

struct UserIds {
    int user;
    int group;

    friend bool operator==(const UserIds&, const UserIds&) = default;
};

/// Adds a user without a password, with a group of the same name: numbers from 1000 on that nobody
/// has. One that is there stays as it is. Only text is changed, so that it does for a system of any
/// architecture. Throws Error{UnsupportedOperation} when no number is free.
UserIds add_user(AccountFiles& files, const std::string& name, const std::string& shell);

}  // namespace kiln::builder
