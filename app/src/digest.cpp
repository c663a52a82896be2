#include "digest.hpp"

#include <array>
#include <fstream>
#include <memory>
#include <vector>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "neurojoule/core/error.hpp"

namespace nj {
struct Sha256::Context {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> evp{EVP_MD_CTX_new(), EVP_MD_CTX_free};
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  if (!context_->evp || EVP_DigestInit_ex(context_->evp.get(), EVP_sha256(), nullptr) != 1) {
    throw Error(ErrorKind::unsupported, "this machine's OpenSSL offers no SHA-256");
  }
}
Sha256::~Sha256() = default;

void Sha256::add(std::string_view bytes) {
  EVP_DigestUpdate(context_->evp.get(), bytes.data(), bytes.size());
}

std::string Sha256::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_DigestFinal_ex(context_->evp.get(), digest.data(), &size);
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", digest.at(i));
  return text;
}

std::string sha256_hex(std::string_view content) {
  Sha256 sha;
  sha.add(content);
  return sha.hex();
}

std::string sha256_hex_of_file(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw Error(ErrorKind::io, "cannot be read", {.file = file.string()});
  Sha256 sha;
  std::vector<char> piece(std::size_t{1} << 16);
  while (stream) {
    stream.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    sha.add({piece.data(), static_cast<std::size_t>(stream.gcount())});
  }
  if (!stream.eof()) throw Error(ErrorKind::io, "cannot be read", {.file = file.string()});
  return sha.hex();
}

}  // namespace nj
