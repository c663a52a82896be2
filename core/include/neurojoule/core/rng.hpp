#pragma once

#include <array>
#include <cstdint>

namespace nj {

/// Names a random stream: equal keys give equal numbers on every machine, in any order of use.
struct RandomKey {
  std::uint64_t seed = 0;    ///< the run's seed
  std::uint32_t stream = 0;  ///< what the numbers are for; each use has its own constant
  std::uint64_t entity = 0;  ///< e.g. the image index
};

/// Philox 4x32-10: four 32-bit words from a 128-bit counter and a 64-bit key.
///
/// Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key);

/// Uniform 64 bits for one step of a stream.
std::uint64_t random_u64(const RandomKey& key, std::uint32_t step);

/// Uniform integer in [0, bound); bound >= 1. Multiply-shift, bias below bound / 2^64.
std::uint64_t random_below(const RandomKey& key, std::uint32_t step, std::uint64_t bound);

/// Approximately normal integer with mean 0 and standard deviation `sigma` (any unit): the sum of
/// twelve 16-bit uniforms (Irwin-Hall), so integer arithmetic only; support is +-6 sigma.
std::int64_t random_normal(const RandomKey& key, std::uint32_t step, std::int64_t sigma);

}  // namespace nj
