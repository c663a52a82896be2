#include "neurojoule/models/execute_variants.hpp"

#include "neurojoule/core/error.hpp"
#include "neurojoule/core/parallel.hpp"

#include "sample_run.hpp"

namespace nj {
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
  const auto as_before = [&](std::size_t v, const Stage& stage) {
    const std::size_t lead = stage.populations.front().lead.index;
    return v > 0 && variants[v].lineage[lead] == variants[v - 1].lineage[lead];
  };
  parallel_for(end - begin, 1, threads, [&](std::size_t i, std::size_t) {
    const std::size_t sample = begin + i;
    const GradedTensor& frames = input(sample);
    require_fit(*variants.front().network, frames);
    SampleRun run(*variants.front().network, buffers, ExecuteOptions{});
    for (std::size_t v = 0; v < variants.size(); ++v) {
      for (std::size_t p = 0; p < buffers.order.size(); ++p) {
        if (!as_before(v, buffers.order[p])) run.rerun(*variants[v].network, p, frames);
      }
      visit(sample, v, run.result());
    }
  });
}

}  // namespace nj
