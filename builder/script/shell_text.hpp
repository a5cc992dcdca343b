#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "builder/recipe/step.hpp"

namespace kiln::builder {

/// Text for a POSIX shell. Pure functions.

/// The text as one word, whatever is in it: spaces, quotes, newlines.
std::string as_word(std::string_view text);
/// The texts as words.
std::string as_words(const std::vector<std::string>& words);

/// A script that lies in a directory of the guest's.
struct ScriptCall {
    std::string directory;    // with the file "script"; "output" and "status" are written there
    std::string interpreter;  // a program and its options, between spaces
    Environment environment;
    std::chrono::seconds time_limit;
};
/// Runs it with nothing but the environment and what every program needs, ends it after the time
/// with the status that timed_out() knows, and writes what it said and its exit status.
std::string script_call(const ScriptCall& call);
bool timed_out(int exit_status);

/// Ends all programs in the system that the shell runs in, but for itself: whatever a step has left
/// running would keep its file systems from being unmounted.
std::string ending_leftovers();

}  // namespace kiln::builder
