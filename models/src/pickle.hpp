#pragma once

#include <string_view>

namespace nj {

/// Why a pickle is refused, and what helps.
inline constexpr std::string_view pickle_refusal =
    "a Python pickle, which is never opened; tools/export_checkpoint.py takes the weights out of a "
    "PyTorch checkpoint";

/// True for the first bytes of a pickle of protocol 2 or later, or of the zip archive that
/// torch.save writes; false for those of a safetensors file, whose ninth byte is '{'.
inline bool starts_as_pickle(std::string_view bytes) {
  if (bytes.starts_with("PK\x03\x04")) return true;
  const bool marked = bytes.size() > 1 && bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5;
  return marked && !(bytes.size() > 8 && bytes[8] == '{');
}

}  // namespace nj
