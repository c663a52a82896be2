#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "neurojoule/models/execute.hpp"

namespace nj {

/// A network of several with the same layers.
struct Variant {
  const QuantizedNetwork* network = nullptr;
  /// The first layer that differs from the variant before; what comes before it is not executed
  /// again. Of the first variant it says nothing.
  LayerId first_changed{};
};

/// Runs samples [begin, end) through all variants, sample by sample, each variant from its first
/// changed layer on. `visit` is called from several threads, for each sample and variant once, with
/// what `execute` returns without a trace; of one sample in the order of the variants.
/// Memory: the trains and currents of one sample for each thread.
/// Throws: Error(unsupported) for networks with cycles; as `execute`.
void execute_variants(
    std::span<const Variant> variants, std::size_t begin, std::size_t end,
    const std::function<const GradedTensor&(std::size_t sample)>& input,
    const std::function<void(std::size_t sample, std::size_t variant, const Execution&)>& visit,
    unsigned threads = 0);

}  // namespace nj
