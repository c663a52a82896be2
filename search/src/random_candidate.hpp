#pragma once

#include <cstddef>
#include <cstdint>

#include "neurojoule/core/rng.hpp"
#include "neurojoule/search/problem.hpp"

namespace nj {

/// The candidate of this number in a sequence of uniformly drawn ones.
inline Candidate random_candidate(const SearchSpace& space, std::uint64_t seed,
                                  std::uint64_t number) {
  constexpr std::uint32_t stream = 0x73656172;  // "sear"
  const RandomKey key{seed, stream, number};
  Candidate candidate(space.options.size());
  for (std::size_t v = 0; v < candidate.size(); ++v) {
    const auto step = static_cast<std::uint32_t>(v);
    candidate[v] = static_cast<std::uint16_t>(random_below(key, step, space.options[v]));
  }
  return candidate;
}

}  // namespace nj
