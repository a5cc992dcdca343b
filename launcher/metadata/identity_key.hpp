#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace kiln::launcher {

/// A region's RSA key with a certificate for it that it signed itself. Any thread.
class IdentityKey {
  public:
    /// Reads it from the file, or makes it and writes it there, for its owner alone.
    IdentityKey(const std::filesystem::path& file, const std::string& region);
    ~IdentityKey();
    IdentityKey(const IdentityKey&) = delete;
    IdentityKey& operator=(const IdentityKey&) = delete;

    /// RSA (PKCS #1 1.5) over the SHA-256 of the text, in base64.
    std::string sign(const std::string& text) const;
    /// PKCS #7 signed data that holds the text and the certificate, in base64.
    std::string sign_pkcs7(const std::string& text) const;
    /// In PEM.
    std::string certificate() const;

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

/// The keys of the regions, each in a file of the directory. Any thread.
class IdentityKeys {
  public:
    /// Makes the directory when it is missing.
    explicit IdentityKeys(std::filesystem::path directory);
    /// Made at the first call; the reference holds as long as this.
    const IdentityKey& of(const std::string& region);

  private:
    std::filesystem::path directory_;
    std::mutex mutex_;
    std::map<std::string, IdentityKey> keys_;
};

}  // namespace kiln::launcher
