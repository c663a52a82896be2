#pragma once

#include <string>
#include <vector>

#include <fmt/format.h>

namespace nj {

/// `rows: neurons 8192 > 4096; ..`: what one part fewer would exceed, of slices or tiles.
template <class Limit>
std::string limits_text(const std::vector<Limit>& limits) {
  std::string text;
  for (const Limit& limit : limits) {
    text += fmt::format("{}{}: {} {} > {}", text.empty() ? "" : "; ", limit.axis, limit.resource,
                        limit.needed, limit.available);
  }
  return text;
}

}  // namespace nj
