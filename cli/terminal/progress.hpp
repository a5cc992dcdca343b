#pragma once

#include <chrono>
#include <string>

namespace kiln::cli {

/// One line on standard error that tells what is waited for, drawn over and over; gone when the
/// object goes. Silent when standard error is no terminal.
class Progress {
  public:
    Progress();
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    /// "⠋ <text> (12 s)"
    void show(const std::string& text);
    bool visible() const { return visible_; }
    std::chrono::seconds elapsed() const;

  private:
    bool visible_;
    std::size_t turn_ = 0;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// "[########············]  40 %"
std::string progress_bar(int percent);

}  // namespace kiln::cli
