#pragma once

#include <hivex.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace kiln::tests {

/// A file of a Windows registry, made from nothing and filled by hivex, which cannot make one.
class RegistryHive {
  public:
    explicit RegistryHive(std::filesystem::path file);

    /// Sets a value of a key, which is made with those that it lies in.
    void set_text(const std::vector<std::string>& key, const std::string& name,
                  const std::string& value);
    void set_number(const std::vector<std::string>& key, const std::string& name,
                    std::uint32_t value);
    /// Writes the file.
    void commit();

  private:
    struct Close {
        void operator()(hive_h* hive) const { hivex_close(hive); }
    };
    hive_node_h open_key(const std::vector<std::string>& key);
    void set(const std::vector<std::string>& key, const std::string& name, hive_type type,
             std::string bytes);

    std::filesystem::path file_;
    std::unique_ptr<hive_h, Close> hive_;
};

}  // namespace kiln::tests
