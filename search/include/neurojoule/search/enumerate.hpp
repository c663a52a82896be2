#pragma once

#include <cstdint>

#include "neurojoule/search/evaluator.hpp"

namespace nj {

/// Evaluates `count` different candidates drawn uniformly, or all where the space has no more.
/// Those that their costs rule out are drawn, but not measured.
void random_search(Evaluator& evaluator, std::uint64_t count, std::uint64_t seed);

/// Evaluates every candidate, in order, the last variable fastest.
/// Throws: Error(capacity) when the space has more than `limit` candidates.
void exhaustive(Evaluator& evaluator, std::uint64_t limit = 100'000);

}  // namespace nj
