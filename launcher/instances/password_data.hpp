#pragma once

#include <string>
#include <string_view>

namespace kiln::launcher {

/// The administrator's password in what a Windows guest said through its serial port, encrypted
/// with the public key of its key pair: the last text between <Password> and </Password>, as
/// EC2Launch and EC2Config write it, as base64 without line breaks. Empty when there is none, or
/// none that is base64: a guest may say anything.
std::string password_data_in(std::string_view console);

}  // namespace kiln::launcher
