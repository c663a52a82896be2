#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace nj {

/// What went wrong, in terms of what the reader can do about it.
enum class ErrorKind {
  config,      ///< a value that a person wrote is wrong
  format,      ///< a file does not follow its format
  shape,       ///< tensors or layers do not fit each other
  capacity,    ///< something does not fit the chip or a stated limit
  io,          ///< the operating system refused
  numeric,     ///< a value is not finite or left its range
  unsupported  ///< understood, and not implemented
};

/// The name of a kind as it is printed, e.g. `config`.
std::string_view to_string(ErrorKind kind);

/// Where an error was found; every part is optional.
struct Location {
  std::string file{};                          ///< path as the user wrote it
  std::optional<std::size_t> line{};           ///< 1-based
  std::optional<std::size_t> column{};         ///< 1-based
  std::optional<std::uint64_t> byte_offset{};  ///< from the start of a binary file
  std::string key{};                           ///< key path, tensor or dataset name
};

/// The one exception type of the libraries.
///
/// `what()` renders as `chip.yaml:12:7: noc.flit_bits: expected 1..1024, got 0`, and for binary
/// files as `model.safetensors: byte 812: head.weight: ...`.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, std::string message, Location location = {});

  [[nodiscard]] ErrorKind kind() const noexcept { return kind_; }
  [[nodiscard]] const std::string& message() const noexcept { return message_; }
  [[nodiscard]] const Location& location() const noexcept { return location_; }

 private:
  ErrorKind kind_;
  std::string message_;
  Location location_;
};

}  // namespace nj
