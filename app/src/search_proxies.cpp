#include "search_proxies.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "neurojoule/core/rng.hpp"

namespace nj {
namespace {

/// Draws from a sequence of its own.
class Draws {
 public:
  Draws(std::uint64_t seed, std::uint64_t number) : key_{seed, stream, number} {}
  std::size_t below(std::size_t limit) {
    return random_below(key_, step_++, static_cast<std::uint32_t>(limit));
  }

 private:
  static constexpr std::uint32_t stream = 0x70726F78;  // "prox"
  RandomKey key_;
  std::uint32_t step_ = 0;
};

Candidate neighbour(const SearchSpace& space, std::span<const FrontPoint> front, Draws draws) {
  Candidate candidate = front[draws.below(front.size())].candidate;
  const std::size_t changes = 1 + draws.below(3);
  for (std::size_t i = 0; i < changes; ++i) {
    const std::size_t variable = draws.below(candidate.size());
    candidate[variable] = static_cast<std::uint16_t>(draws.below(space.options[variable]));
  }
  return candidate;
}

/// Places in ascending order from 1, equal values at the mean of theirs.
std::vector<double> ranks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> result(values.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    const double mean = (static_cast<double>(begin + 1) + static_cast<double>(end)) / 2.0;
    for (; begin < end; ++begin) result[order[begin]] = mean;
  }
  return result;
}

}  // namespace

double rank_correlation(std::span<const double> a, std::span<const double> b) {
  const std::vector<double> x = ranks(a);
  const std::vector<double> y = ranks(b);
  const double mean = (static_cast<double>(x.size()) + 1.0) / 2.0;
  double xy = 0.0;
  double xx = 0.0;
  double yy = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mean) * (y[i] - mean);
    xx += (x[i] - mean) * (x[i] - mean);
    yy += (y[i] - mean) * (y[i] - mean);
  }
  return xx > 0.0 && yy > 0.0 ? xy / std::sqrt(xx * yy) : 0.0;
}

std::vector<ProxySample> sample_proxies(const FormatProblem& problem,
                                        std::span<const FrontPoint> front, std::uint64_t scouts,
                                        std::uint64_t count, std::uint64_t seed) {
  const SearchSpace& space = problem.formats().space;
  std::vector<ProxySample> samples;
  std::set<Candidate> drawn;
  // In a small space there may be fewer.
  for (std::uint64_t i = 0; i < 20 * count && samples.size() < count; ++i) {
    const Candidate candidate = neighbour(space, front, Draws(seed, i));
    if (!drawn.insert(candidate).second) continue;
    if (auto sample = problem.proxies(candidate, scouts)) samples.push_back(*sample);
  }
  return samples;
}

}  // namespace nj
