#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "neurojoule/core/activity.hpp"
#include "neurojoule/core/spike_tensor.hpp"
#include "neurojoule/models/quantized_network.hpp"

namespace nj {

/// What one sample did.
struct Execution {
  Activity activity;             ///< counts of this sample
  std::vector<double> logits;    ///< [classes]; empty for a network without a head
  std::uint32_t prediction = 0;  ///< class of the largest logit, the lowest on a tie
  std::optional<SpikeTrace> trace;
  /// With the trace: what the head multiplies by its weights, [channels] means over time and
  /// positions; empty for a network without a head.
  std::vector<double> head_inputs{};
};

struct ExecuteOptions {
  bool keep_trace = false;  ///< return the spike trains of all layers
  unsigned threads = 1;     ///< of this sample; 0: as many as there are processors
};

/// Buffers that executions of one network share, so that a sample allocates little. Not for two
/// threads at once.
class ExecutionContext {
 public:
  explicit ExecutionContext(const QuantizedNetwork& network);
  ~ExecutionContext();
  ExecutionContext(ExecutionContext&&) noexcept;
  ExecutionContext& operator=(ExecutionContext&&) noexcept;

 private:
  friend Execution execute(const QuantizedNetwork&, const GradedTensor&, const ExecuteOptions&,
                           ExecutionContext&);
  struct Buffers;
  std::unique_ptr<Buffers> buffers_;
};

/// Runs one sample, layer by layer, all time steps of a population before the next; the populations
/// of a cycle, which reads itself with a delay, together and step by step.
///
/// Event-driven: the accumulators of an output position are the sum of the weight rows of the
/// events in its window. The semantics are those of the operator structs; counts are those of
/// StepCounts; of the head: each non-zero input makes one product per class. An input layer with
/// max_value 1 is binary: its trace is a SpikeTensor.
/// `input` is [T, C, H, W] of the network. Throws: Error(shape) for another shape or number of
/// steps, Error(numeric) for a value above the input's largest.
Execution execute(const QuantizedNetwork& network, const GradedTensor& input,
                  const ExecuteOptions& options, ExecutionContext& context);
/// The same with buffers of its own.
Execution execute(const QuantizedNetwork& network, const GradedTensor& input,
                  const ExecuteOptions& options = {});

/// The instruction set that the kernels use, e.g. `AVX2`.
std::string simd_target();

struct BatchOptions {
  unsigned threads = 0;           ///< 0: as many as there are processors
  std::size_t trace_samples = 0;  ///< keep the traces of the first samples
  /// Called with the number of finished samples, by one thread at a time, never decreasing.
  std::function<void(std::size_t done)> progress{};
};

/// What many samples did.
struct BatchExecution {
  Activity activity;                             ///< summed over all samples
  std::vector<std::uint32_t> predictions;        ///< by sample
  std::vector<std::vector<double>> logits;       ///< by sample
  std::vector<Activity> traced_activities;       ///< of the first `trace_samples` samples each
  std::vector<SpikeTrace> traces;                ///< of the first `trace_samples` samples
  std::vector<std::vector<double>> head_inputs;  ///< of these samples, as Execution has them
};

/// Runs samples [0, count); `load` gives the input of a sample and is called from several threads.
/// The result does not depend on the number of threads. Throws: what `load` or `execute` throws.
BatchExecution execute_many(const QuantizedNetwork& network, std::size_t count,
                            const std::function<GradedTensor(std::size_t sample)>& load,
                            const BatchOptions& options = {});

}  // namespace nj
