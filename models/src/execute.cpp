#include "neurojoule/models/execute.hpp"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "neurojoule/core/error.hpp"

#include "sample_run.hpp"

namespace nj {

struct ExecutionContext::Buffers : SampleBuffers {
  using SampleBuffers::SampleBuffers;
};

ExecutionContext::ExecutionContext(const QuantizedNetwork& network)
    : buffers_(std::make_unique<Buffers>(network.network())) {}
ExecutionContext::~ExecutionContext() = default;
ExecutionContext::ExecutionContext(ExecutionContext&&) noexcept = default;
ExecutionContext& ExecutionContext::operator=(ExecutionContext&&) noexcept = default;

void require_fit(const QuantizedNetwork& network, const GradedTensor& input) {
  for (const LayerSpec& layer : network.network().layers()) {
    const auto* expected = std::get_if<Input>(&layer.op);
    if (!expected) continue;
    if (input.shape() != expected->shape || input.timesteps() != network.timesteps()) {
      throw Error(
          ErrorKind::shape,
          fmt::format("expected {} time steps of {}, got {} of {}", network.timesteps(),
                      to_string(expected->shape), input.timesteps(), to_string(input.shape())),
          {.key = layer.name});
    }
    if (input.max() > expected->max_value) {
      throw Error(ErrorKind::numeric,
                  fmt::format("expected values up to {}, got {}", expected->max_value, input.max()),
                  {.key = layer.name});
    }
    if (input.min() < expected->min_value) {
      throw Error(ErrorKind::numeric,
                  fmt::format("expected values from {}, got {}", expected->min_value, input.min()),
                  {.key = layer.name});
    }
  }
}

Execution execute(const QuantizedNetwork& network, const GradedTensor& input,
                  const ExecuteOptions& options, ExecutionContext& context) {
  require_fit(network, input);
  return SampleRun(network, *context.buffers_, options)(input);
}

Execution execute(const QuantizedNetwork& network, const GradedTensor& input,
                  const ExecuteOptions& options) {
  ExecutionContext context(network);
  return execute(network, input, options, context);
}

}  // namespace nj
