#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "neurojoule/models/execute.hpp"

namespace nj {

/// A network of several with the same layers.
struct Variant {
  const QuantizedNetwork* network = nullptr;
  /// By LayerId: layers with the number that they had in the variant before are not executed again,
  /// as they, and all that they read, are the same. (`Calibrator::lineage`)
  std::span<const std::uint32_t> lineage;
};

/// Runs samples [begin, end) through all variants, sample by sample, of each variant what differs
/// from the one before. `visit` is called from several threads, for each sample and variant once,
/// with what `execute` returns without a trace; of one sample in the order of the variants. Memory:
/// the trains and currents of one sample for each thread. Throws: Error(unsupported) for networks
/// with cycles; as `execute`.
void execute_variants(
    std::span<const Variant> variants, std::size_t begin, std::size_t end,
    const std::function<const GradedTensor&(std::size_t sample)>& input,
    const std::function<void(std::size_t sample, std::size_t variant, const Execution&)>& visit,
    unsigned threads = 0);

}  // namespace nj
