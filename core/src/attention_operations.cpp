#include "neurojoule/core/attention_operations.hpp"

#include "neurojoule/core/error.hpp"

namespace nj {

AttentionOperations attention_operations(const Network& network, LayerId attention,
                                         const Activity& activity) {
  const LayerSpec& layer = network.layer(attention);
  const auto* op = std::get_if<SpikingSelfAttention>(&layer.op);
  if (op == nullptr) {
    throw Error(ErrorKind::config, "is no spiking self-attention", {.key = layer.name});
  }
  const FeatureShape& shape = network.output_shape(attention);
  const std::uint64_t tokens = shape.positions();
  const std::uint64_t size = shape.channels / op->heads;
  const std::uint64_t steps = activity.samples * activity.timesteps;
  const auto spikes = [&](std::size_t k) {
    const Operand& operand = network.operands(attention)[k];
    const LayerActivity& source = activity.layers[operand.source.index];
    // What the source sends in the last step is never read with a delay.
    return source.total().spikes - (operand.delay != 0 ? source.steps.back().spikes : 0);
  };
  const StepCounts counted = activity.layers[attention.index].total();
  const std::uint64_t by_tokens = steps * tokens * tokens * shape.channels;
  const std::uint64_t by_channels = steps * tokens * shape.channels * size;
  return {{by_tokens, tokens * spikes(0), counted.attention_coincidences},
          {by_tokens, tokens * spikes(2), counted.attention_accumulates},
          {by_channels, size * spikes(1), counted.transposed_coincidences},
          {by_channels, size * spikes(0), counted.transposed_accumulates}};
}

}  // namespace nj
