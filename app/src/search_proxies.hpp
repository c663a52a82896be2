#pragma once

#include <span>
#include <vector>

#include "neurojoule/app/search.hpp"
#include "neurojoule/search/pareto_front.hpp"

#include "search_problem.hpp"

namespace nj {

/// Measures `count` candidates near the front (points of it, with one to three variables changed at
/// random) in full, and by all stand-ins.
std::vector<ProxySample> sample_proxies(const FormatProblem& problem,
                                        std::span<const FrontPoint> front, std::uint64_t scouts,
                                        std::uint64_t count, std::uint64_t seed);

}  // namespace nj
