#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/ipv4.hpp"
#include "launcher/metadata/identity_key.hpp"
#include "launcher/metadata/metadata_tokens.hpp"
#include "launcher/metadata/metadata_tree.hpp"

namespace kiln::launcher {

/// What a guest asks: those parts of an HTTP request that count.
struct MetadataRequest {
    std::string method;
    std::string target;                       // as it came, "/latest/meta-data/"
    std::optional<std::string> token;         // X-aws-ec2-metadata-token
    std::optional<std::string> time_to_live;  // X-aws-ec2-metadata-token-ttl-seconds
    bool was_forwarded = false;               // X-Forwarded-For is there
};

struct MetadataResponse {
    int status = 200;
    std::string body;
    const char* content_type = "text/plain";
    std::optional<int> time_to_live_s;  // of the token that it is, or that was shown
    /// How many routers the answer may pass: the IP TTL of the packets that carry it.
    std::optional<int> hop_limit;
};

/// The instance metadata service, without its HTTP: versions 1 and 2, as EC2 has them
/// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-v2-how-it-works.html).
/// Any thread.
class InstanceMetadata {
  public:
    InstanceMetadata(Database& database, const Clock& clock,
                     const std::filesystem::path& key_directory);

    /// Answers the guest of the region that has this address, and whose packets were compared with
    /// it: who asks is told by nothing else.
    MetadataResponse answer(const std::string& region, Ipv4Address peer,
                            const MetadataRequest& request);
    /// Makes the region's key, so that no guest waits for it.
    void prepare(const std::string& region);
    /// With which the region's identity documents can be checked; in PEM.
    std::string certificate(const std::string& region);

  private:
    MetadataResponse answer_instance(const images::Instance& instance,
                                     const MetadataRequest& request);
    MetadataResponse issue_token(const images::Instance& instance,
                                 const MetadataRequest& request) const;
    MetadataResponse look_up_path(const images::Instance& instance, const std::string& path);
    MetadataResponse dynamic(const MetadataSubject& subject, const std::string& path);

    Database& database_;
    const Clock& clock_;
    IdentityKeys keys_;  // makes the directory
    MetadataTokens tokens_;
};

/// The instance identity document, in EC2's layout; a pure function.
std::string identity_document(const MetadataSubject& subject);

}  // namespace kiln::launcher
