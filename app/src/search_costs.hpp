#pragma once

#include <vector>

#include "neurojoule/app/search.hpp"

#include "search_problem.hpp"

namespace nj {

/// The option of each variable that takes most storage, the first of equals.
Candidate widest_candidate(const FormatSpace& formats, const Model& model);

/// Storage of all weights in bits, scales included.
CostTable storage_table(const FormatSpace& formats, const Model& model);
/// The same per weight.
CostTable effective_bits_table(const FormatSpace& formats, const Model& model);

/// What the float32 network does on some samples.
struct BaseActivity {
  const Scenario& scenario;
  const Model& model;
  const ChipCosts* chip = nullptr;  ///< null where the scenario has none
  QuantizedNetwork network;         ///< float32
  std::uint64_t samples = 0;
  Activity activity{};               ///< of all samples
  std::vector<SpikeTrace> traces{};  ///< of the first samples
};

/// pJ of one inference by the convention linear-bits, with the spikes of the float32 network.
CostTable linear_bits_table(const FormatSpace& formats, const BaseActivity& base);

/// pJ of one inference on the scenario's chip, with the spikes of the float32 network. What a
/// format adds depends on the words of sums and streams; what other words add does not.
///
/// Formats that the chip does not take, or that do not fit it, are left out of `formats` first.
/// Throws: MisfitError when the widest formats do not fit; Error(config) when a variable is left
/// without formats, or the chip does not take a word.
CostTable energy_table(FormatSpace& formats, const BaseActivity& base, unsigned threads);

/// A cost that is a sum.
CandidateCost cost_of(CostTable table);

/// Latency of one inference on the scenario's chip in ps, with the spikes of the float32 network:
/// no sum over layers, so it is simulated for each candidate, and remembered. A candidate that does
/// not fit takes `forever`. `base` must stay.
CandidateCost latency_cost(const FormatSpace& formats, const BaseActivity& base);
/// Bits of the memories of cores that a candidate takes, likewise.
CandidateCost memory_cost(const FormatSpace& formats, const BaseActivity& base);
/// mm2 that these cover, likewise.
CandidateCost area_cost(const FormatSpace& formats, const BaseActivity& base);
inline constexpr double forever = 1e18;

/// Energy by linear-bits of an execution whose weights have the bits of their format.
Picojoules linear_bits_energy(const PreparedRun& prepared, const RunResult& result);

}  // namespace nj
