#pragma once

#include <cstdint>
#include <vector>

#include "neurojoule/core/number_format.hpp"
#include "neurojoule/core/operators.hpp"
#include "neurojoule/models/aligned_vector.hpp"

namespace nj {

/// Constants of integer neurons for the fast kernels: every current and membrane must fit 31 bits.
struct NarrowLif {
  int leak_shift = 1;  ///< 1 / tau = 2^-leak_shift; -1: leak_q16 says it
  int fraction_bits = 8;
  Rounding rounding = Rounding::nearest_half_up;
  std::int32_t min = 0;  ///< limits of the membrane word
  std::int32_t max = 0;
  AlignedVector<std::int32_t> bias;       ///< [stride], membrane units; padding 0
  AlignedVector<std::int32_t> threshold;  ///< [stride], membrane units
  std::uint32_t leak_q16 = 0;             ///< round(2^16 / tau), 0..65536
  Reset reset = Reset::to_zero;
  bool decay_input = true;
  Firing firing = Firing::at_threshold;
};

/// Constants of integer neurons of any width.
struct WideLif {
  std::uint32_t leak_q16 = 0;  ///< round(2^16 / tau)
  FixedPointFormat membrane;
  std::vector<std::int64_t> bias;       ///< [channels], membrane units
  std::vector<std::int64_t> threshold;  ///< [channels], membrane units
};

/// Constants of float32 neurons: X = sum + bias.
struct FloatLif {
  float tau = 2.0F;
  float threshold = 1.0F;
  AlignedVector<float> bias;  ///< [stride]; padding 0
  Reset reset = Reset::to_zero;
  bool decay_input = true;
  Firing firing = Firing::at_threshold;
};

}  // namespace nj
