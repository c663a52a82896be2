#pragma once

#include <cstdint>

#include "neurojoule/core/number_format.hpp"

namespace nj {

/// The weight formats that a core's datapath and decoder accept; there is no floating point, since
/// counts carry widths, not number types.
struct WeightFormats {
  std::uint32_t uniform_bits = 0;       ///< widest uniform code; 0: none
  std::uint32_t power_of_two_bits = 0;  ///< widest power-of-two code; 0: none
  /// Ternary weights are uniform ones of 2 bits, and binary ones need no more. No core decodes
  /// additive powers of two, zero points or groups.
  [[nodiscard]] bool supports(const NumberFormat& format) const;
  /// The widest supported code of a scheme; 0 when it is not supported.
  [[nodiscard]] std::uint32_t max_bits(Scheme scheme) const;
};

}  // namespace nj
