#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "neurojoule/core/error.hpp"

namespace nj {

// Names and descriptions end up in JSON and XML, which take no other text than this, and on
// terminals, which obey control characters.

/// A byte that no text of ours may have, and what is wrong with it.
struct TextFlaw {
  std::size_t byte;
  std::string what;  ///< e.g. `byte 0xe9 is not UTF-8`
};

/// The first place of a text that is not UTF-8, or a control character that neither is a tab nor
/// ends a line.
std::optional<TextFlaw> text_flaw(std::string_view text);

/// The same of a name, which has no tab and is one line.
std::optional<TextFlaw> name_flaw(std::string_view name);

/// The line and column of a byte of a file's text.
Location place_in(std::string_view text, std::size_t byte, std::string file);

}  // namespace nj
