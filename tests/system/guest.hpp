#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "tests/system/frames.hpp"
#include "tests/system/kiln_host.hpp"

namespace kiln::tests {

/// A running instance of the tiny image with the program guest_probe in it.
class Guest {
  public:
    /// Waits until it answers and puts the program there.
    Guest(const KilnHost& host, std::string instance_id);

    const std::string& id() const { return id_; }
    const Station& station() const { return station_; }
    std::string address() const { return to_text(station_.address); }
    std::string mac_address() const { return mac_address_; }

    /// Runs a shell command, whatever its exit status. Returns its trimmed output.
    std::string run(const std::string& command, const std::string& standard_input = "") const;
    /// Runs guest_probe with these arguments.
    std::string probe(const std::string& arguments, const std::string& standard_input = "") const;
    /// Runs a shell command that goes on after this returns; what it prints is read by output().
    void start(const std::string& name, const std::string& command) const;
    void start_probe(const std::string& name, const std::string& arguments) const;
    std::string output(const std::string& name) const;
    /// Runs guest_probe's `watch` started as `name` to its end, and returns the frames that came
    /// in.
    std::vector<Octets> watched(const std::string& name) const;
    /// Starts guest_probe as a server on these ports, and waits until it serves.
    void serve(const std::string& ports) const;

  private:
    const KilnHost& host_;
    std::string id_;
    std::string mac_address_;
    Station station_;
};

/// The network of the guests as the host sees it.
struct HostNetwork {
    explicit HostNetwork(const KilnHost& host);

    std::string bridge;
    Ipv4Range range;
    Station gateway;
};

/// Runs a shell command on the host, whatever its exit status. Returns its trimmed output.
std::string run_on_host(const std::string& command);
/// What guest_probe's `watch` saw: frames, without its own words.
std::vector<Octets> frames_in(const std::string& output);
/// Runs guest_probe there.
std::string probe_on_host(const std::string& arguments);

}  // namespace kiln::tests
