#include "neurojoule/search/problem.hpp"

#include <limits>

namespace nj {

std::uint64_t SearchSpace::size() const {
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t product = 1;
  bool above = false;
  for (const std::uint32_t count : options) {
    if (count == 0) return 0;
    above = above || product > most / count;
    product *= count;
  }
  return above ? most : product;
}

bool SearchSpace::contains(const Candidate& candidate) const {
  if (candidate.size() != options.size()) return false;
  for (std::size_t v = 0; v < options.size(); ++v) {
    if (candidate[v] >= options[v]) return false;
  }
  return true;
}

}  // namespace nj
