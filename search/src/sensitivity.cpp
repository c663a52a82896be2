#include "neurojoule/search/sensitivity.hpp"

#include <limits>

namespace nj {

SensitivityTable sensitivity(Evaluator& evaluator, const Candidate& base) {
  const SearchSpace& space = evaluator.problem().space();
  std::vector<Candidate> changed{base};
  for (std::size_t v = 0; v < base.size() && space.contains(base); ++v) {
    for (std::uint32_t o = 0; o < space.options[v]; ++o) {
      if (o == base[v]) continue;
      changed.push_back(base);
      changed.back()[v] = static_cast<std::uint16_t>(o);
    }
  }
  const auto evaluations = evaluator.evaluate(changed, {.fully = true, .infeasible = true});

  constexpr double unknown = std::numeric_limits<double>::infinity();
  SensitivityTable table{base, {{}, 0, false}, {}};
  if (!evaluations.empty()) table.base_evaluation = evaluations.front();
  std::size_t next = 1;
  for (std::size_t v = 0; v < base.size(); ++v) {
    table.loss.emplace_back(space.options[v], unknown);
    for (std::uint32_t o = 0; o < space.options[v]; ++o) {
      const std::size_t place = o == base[v] ? 0 : next++;
      if (place < evaluations.size()) table.loss[v][o] = evaluations[place].objectives[0];
    }
  }
  return table;
}

}  // namespace nj
