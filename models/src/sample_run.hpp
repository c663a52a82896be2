#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "neurojoule/models/execute.hpp"

#include "convolution.hpp"
#include "spike_operators.hpp"
#include "stream_operators.hpp"

namespace nj {

/// What a block of output positions needs while its current is made.
struct BlockBuffers {
  ConvolutionScratch convolution;
  AttentionBuffers attention;
  AlignedVector<std::int32_t> sums;  ///< [T, positions of the block, stride]
  AlignedVector<std::int32_t> membranes;
  AlignedVector<float> float_sums;
  AlignedVector<float> float_membranes;
};

/// Buffers of one sample; blocks of one layer may run on several threads.
class SampleBuffers {
 public:
  explicit SampleBuffers(const Network& network) : order(populations(network)) {}

  std::unique_ptr<BlockBuffers> take();
  void give_back(std::unique_ptr<BlockBuffers> block);

  std::vector<Population> order;
  std::vector<CurrentTensor> currents;  ///< free ones

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<BlockBuffers>> free_;
};

/// Runs one sample; trains and stored currents fill in population by population.
class SampleRun {
 public:
  SampleRun(const QuantizedNetwork& network, SampleBuffers& buffers, const ExecuteOptions& options);
  Execution operator()(const GradedTensor& input);

 private:
  struct BlockCounts {
    std::vector<std::uint64_t> operations;
    std::vector<std::uint64_t> saturations;
    std::vector<StepCounts> attention;
  };

  void run(const Population& population, const GradedTensor& input);
  void run_and(LayerId id);
  void run_add(LayerId id);
  void run_average(LayerId id, const AveragePool2d& op);
  void run_max(LayerId id, const MaxPool2d& op);
  void run_head(LayerId id);
  void make_current(const Population& population);
  void sum_block(LayerId maker, std::uint64_t begin, std::uint64_t end, BlockBuffers& block,
                 BlockCounts& counts);
  void convolve_block(LayerId maker, const InputEvents& events, std::uint64_t begin,
                      std::uint64_t end, BlockBuffers& block, BlockCounts& counts);
  void store_block(LayerId maker, std::uint64_t begin, std::uint64_t end, BlockBuffers& block,
                   BlockCounts& counts);
  /// Steps neurons through a block of currents: `sums` are `step_stride` apart from step to step.
  template <class Sum>
  void fire_block(LayerId lif, std::uint64_t begin, std::uint64_t end, const Sum* sums,
                  std::size_t step_stride, BlockBuffers& block, BlockCounts& counts);
  void fire_stored(LayerId lif);
  void finish_neurons(LayerId lif);
  void publish(LayerId id, SpikeTrain train);
  void release_operands(LayerId id);

  [[nodiscard]] BlockCounts blank_counts() const;
  [[nodiscard]] std::uint64_t block_size(const FeatureShape& shape) const;
  template <class Body>
  void for_each_block(const FeatureShape& shape, std::uint64_t block, Body&& body,
                      std::vector<BlockCounts>& counts);
  /// Adds the blocks' counts in their order.
  void merge(LayerId maker, LayerId neurons, const std::vector<BlockCounts>& blocks);
  [[nodiscard]] CurrentTensor take_current();
  [[nodiscard]] LayerId source(LayerId id, std::size_t index = 0) const;
  [[nodiscard]] const SpikeTrain& train(LayerId id, std::size_t index = 0) const;
  [[nodiscard]] const SpikeTensor& spikes(LayerId id, std::size_t index = 0) const;
  [[nodiscard]] const CurrentTensor& current(LayerId id, std::size_t index = 0) const;
  StepCounts& counts(LayerId id, std::uint32_t t) {
    return result_.activity.layers[id.index].steps[t];
  }
  void count_operations(LayerId id, std::uint32_t t, std::size_t operand, std::uint64_t operations);

  const QuantizedNetwork& net_;
  const Network& graph_;
  SampleBuffers& buffers_;
  ExecuteOptions options_;
  SpikeTrace trains_;
  std::vector<std::optional<CurrentTensor>> currents_;
  std::vector<std::size_t> readers_;  ///< consumers that have not run yet, by layer
  Execution result_;
};

}  // namespace nj
