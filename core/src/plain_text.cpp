#include "neurojoule/core/plain_text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include <fmt/format.h>

namespace nj {
namespace {

/// A character and how many bytes it takes; none where a text is not UTF-8.
struct Decoded {
  std::uint32_t code;
  std::size_t bytes;
};

/// Source: Unicode 15, table 3-7: no overlong forms, surrogates, or codes above U+10FFFF.
std::optional<Decoded> decode(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x80) return Decoded{first, 1};
  const std::size_t bytes = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (first < 0xc2 || first > 0xf4 || text.size() < bytes) return std::nullopt;
  std::uint32_t code = first & (0x7fU >> bytes);
  for (const char c : text.substr(1, bytes - 1)) {
    const auto next = static_cast<unsigned char>(c);
    if ((next & 0xc0U) != 0x80) return std::nullopt;
    code = code << 6U | (next & 0x3fU);
  }
  constexpr std::array<std::uint32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  if (code < least.at(bytes) || surrogate || code > 0x10ffff) return std::nullopt;
  return Decoded{code, bytes};
}

}  // namespace

std::optional<TextFlaw> text_flaw(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto character = decode(text.substr(i));
    if (!character) {
      return TextFlaw{i, fmt::format("byte {:#04x} is not UTF-8",
                                     static_cast<unsigned>(static_cast<unsigned char>(text[i])))};
    }
    const std::uint32_t code = character->code;
    const bool ends_line = code == '\n' || text.substr(i, 2) == "\r\n";
    const bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
    if (control && code != '\t' && !ends_line) {
      return TextFlaw{i, fmt::format("control character U+{:04X}", code)};
    }
    if (code == 0xfffe || code == 0xffff) {
      return TextFlaw{i, fmt::format("U+{:04X} is no character", code)};
    }
    i += character->bytes;
  }
  return std::nullopt;
}

std::optional<TextFlaw> name_flaw(std::string_view name) {
  if (auto flaw = text_flaw(name)) return flaw;
  const std::size_t place = name.find_first_of("\t\r\n");
  if (place == std::string_view::npos) return std::nullopt;
  return TextFlaw{place, name[place] == '\t' ? "a tab in a name" : "a name of several lines"};
}

Location place_in(std::string_view text, std::size_t byte, std::string file) {
  const std::string_view before = text.substr(0, byte);
  Location location{.file = std::move(file)};
  location.line = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')) + 1;
  location.column = byte - (before.rfind('\n') + 1) + 1;  // npos + 1 is 0
  return location;
}

}  // namespace nj
