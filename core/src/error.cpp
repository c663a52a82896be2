#include "neurojoule/core/error.hpp"

#include <fmt/format.h>

namespace nj {
namespace {

std::string render(const std::string& message, const Location& location) {
  std::string text = location.file;
  if (location.line) text += fmt::format(":{}", *location.line);
  if (location.line && location.column) text += fmt::format(":{}", *location.column);
  if (location.byte_offset) {
    text += fmt::format("{}byte {}", text.empty() ? "" : ": ", *location.byte_offset);
  }
  for (const std::string& part : {location.key, message}) {
    if (part.empty()) continue;
    if (!text.empty()) text += ": ";
    text += part;
  }
  return text;
}

}  // namespace

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::config:
      return "config";
    case ErrorKind::format:
      return "format";
    case ErrorKind::shape:
      return "shape";
    case ErrorKind::capacity:
      return "capacity";
    case ErrorKind::io:
      return "io";
    case ErrorKind::numeric:
      return "numeric";
    case ErrorKind::unsupported:
      return "unsupported";
  }
  return "unknown";
}

Error::Error(ErrorKind kind, std::string message, Location location)
    : std::runtime_error(render(message, location)),
      kind_(kind),
      message_(std::move(message)),
      location_(std::move(location)) {}

}  // namespace nj
