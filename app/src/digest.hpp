#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace nj {

/// A running SHA-256. Throws: Error(unsupported) when OpenSSL offers none.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void add(std::string_view bytes);
  /// The digest in lower-case hexadecimal; nothing can be added after it.
  std::string hex();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string sha256_hex(std::string_view content);
/// The digest of a file, read in pieces. Throws: Error(io).
std::string sha256_hex_of_file(const std::filesystem::path& file);

}  // namespace nj
