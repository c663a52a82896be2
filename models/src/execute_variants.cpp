#include "neurojoule/models/execute_variants.hpp"

#include <algorithm>
#include <vector>

#include "neurojoule/core/error.hpp"
#include "neurojoule/core/parallel.hpp"

#include "sample_run.hpp"

namespace nj {
namespace {

/// The first stage that holds a layer, or comes behind it.
std::size_t stage_of(const std::vector<Stage>& order, LayerId id) {
  const auto holds = [&](const Stage& stage) {
    const Population& population = stage.populations.front();
    for (const auto& layer : {std::optional(population.lead), population.lif, population.pool}) {
      if (layer && layer->index >= id.index) return true;
    }
    return false;
  };
  return static_cast<std::size_t>(std::find_if(order.begin(), order.end(), holds) - order.begin());
}

}  // namespace

void execute_variants(std::span<const Variant> variants, std::size_t begin, std::size_t end,
                      const std::function<const GradedTensor&(std::size_t)>& input,
                      const std::function<void(std::size_t, std::size_t, const Execution&)>& visit,
                      unsigned threads) {
  if (variants.empty() || begin >= end) return;
  const Network& network = variants.front().network->network();
  SampleBuffers buffers(network);
  for (const Stage& stage : buffers.order) {
    if (!stage.stepwise) continue;
    throw Error(ErrorKind::unsupported, "variants of networks with cycles are not executed",
                {.key = network.layer(stage.populations.front().lead).name});
  }
  std::vector<std::size_t> first(variants.size(), 0);
  for (std::size_t v = 1; v < variants.size(); ++v) {
    first[v] = stage_of(buffers.order, variants[v].first_changed);
  }
  parallel_for(end - begin, 1, threads, [&](std::size_t i, std::size_t) {
    const std::size_t sample = begin + i;
    const GradedTensor& frames = input(sample);
    require_fit(*variants.front().network, frames);
    SampleRun run(*variants.front().network, buffers, ExecuteOptions{});
    for (std::size_t v = 0; v < variants.size(); ++v) {
      visit(sample, v, run.rerun(*variants[v].network, first[v], frames));
    }
  });
}

}  // namespace nj
