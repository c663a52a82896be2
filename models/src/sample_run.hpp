#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "neurojoule/models/execute.hpp"

#include "attention.hpp"
#include "convolution.hpp"
#include "dense_sums.hpp"
#include "neurons.hpp"
#include "recurrent_run.hpp"
#include "row_bands.hpp"
#include "spike_operators.hpp"
#include "stream_operators.hpp"
#include "train_totals.hpp"

namespace nj {

/// What a block of output positions, or a time step, needs while it is executed.
struct BlockBuffers {
  ConvolutionScratch convolution;
  DenseScratch dense;
  AlignedVector<std::int16_t> narrow_sums;  ///< [T, positions of the block, stride]: one of three
  AlignedVector<std::int32_t> sums;
  AlignedVector<float> float_sums;
  AttentionScratch attention;
  std::vector<std::uint64_t> pooled_row;
  std::thread::id user;  ///< who had them last
};

/// Buffers of one sample; blocks of one layer may run on several threads. A thread gets the buffers
/// back that it had last, as they are in its cache.
class SampleBuffers {
 public:
  explicit SampleBuffers(const Network& network) : order(stages(network)) {}

  std::unique_ptr<BlockBuffers> take();
  void give_back(std::unique_ptr<BlockBuffers> block);

  std::vector<Stage> order;
  std::vector<CurrentTensor> currents;  ///< free ones

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<BlockBuffers>> free_;
};

/// What the populations behind one population read of it.
struct PopulationOutputs {
  struct Layer {
    std::optional<SpikeTrain> train;
    std::optional<SpikeTrain> delayed;
    std::vector<StepTotals> totals;
    std::optional<CurrentTensor> current;
  };
  std::vector<Layer> layers;  ///< lead, neurons, pool, as far as there are

  [[nodiscard]] std::size_t bytes() const;
};

/// Throws: Error(shape), Error(numeric) for an input that a network does not take.
void require_fit(const QuantizedNetwork& network, const GradedTensor& input);

/// Runs one sample; trains and stored currents fill in population by population.
class SampleRun {
 public:
  SampleRun(const QuantizedNetwork& network, SampleBuffers& buffers, const ExecuteOptions& options);
  Execution operator()(const GradedTensor& input);

  /// For callers that go back: executes one population of this or of another network with the same
  /// layers, if all that it reads is as it should be. Requires a network without cycles.
  void rerun(const QuantizedNetwork& network, std::size_t index, const GradedTensor& input);
  /// What all populations have counted and said, once each has been executed.
  const Execution& result();
  /// Takes away what a population sends, and puts it back. What it counted is not part of it.
  PopulationOutputs take(std::size_t index);
  void put(std::size_t index, PopulationOutputs outputs);
  /// What a layer reads and sends, once it has been executed.
  [[nodiscard]] const SpikeTrain& train(LayerId id, std::size_t index = 0) const;
  [[nodiscard]] const CurrentTensor& current(LayerId id, std::size_t index = 0) const;
  [[nodiscard]] bool reads_spikes(LayerId id) const;

 private:
  friend class RecurrentRun;

  /// Runs `steps` of the time steps.
  SampleRun(const QuantizedNetwork& network, SampleBuffers& buffers, const ExecuteOptions& options,
            std::uint32_t steps);
  using StepBody = std::function<void(std::uint32_t, BlockBuffers&)>;
  using BandBody = std::function<void(const RowBand&, std::uint32_t, BlockBuffers&)>;
  /// What a block counted, by time step.
  struct BlockCounts {
    std::vector<std::uint64_t> spikes;
    std::vector<std::uint64_t> rows;
    std::vector<std::uint64_t> overflows;
    std::vector<std::uint64_t> saturations;
  };

  void run(const Population& population, const GradedTensor& input);
  /// The events listed of a layer's train are not those of its next one.
  void forget_events(LayerId id);
  void run_and(LayerId id);
  void run_add(LayerId id);
  void run_average(LayerId id, const AveragePool2d& op);
  void run_max(LayerId id, const MaxPool2d& op);
  void run_head(LayerId id);
  const InputEvents& events_into(LayerId id, const ConvolutionWeights& weights);
  void run_convolution(const Population& population);
  template <class Sum>
  void convolve_block(const Population& population, const InputEvents& events, std::uint64_t begin,
                      std::uint64_t end, AlignedVector<Sum>& sums, BlockBuffers& buffers,
                      BlockCounts& counts);
  /// Attention and sums of spikes, whose currents are stored.
  void run_step_sums(LayerId id);
  std::uint64_t sum_step(LayerId id, std::uint32_t t, BlockBuffers& buffers);
  /// Writes rows of sums to the stored current, as accumulators or in the stream's unit; returns
  /// how many saturated.
  template <class Sum>
  std::uint64_t store(LayerId id, std::uint32_t t, std::uint64_t begin, std::uint64_t rows,
                      Sum* sums);
  /// Steps neurons through a block of currents, and counts their spikes.
  template <class Sum>
  void fire_block(LayerId lif, const NeuronBlock& block, const Sum* sums, std::int64_t bound,
                  BlockCounts& counted);
  template <class Sum>
  void step_block(LayerId lif, const NeuronBlock& block, const Sum* sums, std::int64_t bound,
                  std::span<std::uint64_t> saturations);
  void fire_stored(LayerId lif);
  /// Stores what a layer sends and counts it.
  void publish(LayerId id, SpikeTrain train);
  /// The same of a train that `body` first writes band by band, in parallel.
  void publish_bands(LayerId id, SpikeTrain train, const BandBody& body);
  /// Makes the trains that a layer reads with a delay.
  void delay_operands(LayerId id);
  void release_operands(LayerId id);

  [[nodiscard]] bool is_fast(LayerId lif) const;
  [[nodiscard]] bool is_dense(LayerId id, const InputEvents& events) const;
  [[nodiscard]] BlockCounts blank_counts() const;
  [[nodiscard]] std::uint64_t block_size(const FeatureShape& shape) const;
  template <class Body>
  std::vector<BlockCounts> for_each_block(const FeatureShape& shape, Body&& body);
  /// Calls `body(t, buffers)` for all time steps, in parallel.
  void for_each_step(const StepBody& body);
  /// Adds the blocks' counts in their order.
  void merge(LayerId maker, LayerId clipped, const std::vector<BlockCounts>& blocks);
  [[nodiscard]] CurrentTensor take_current();
  [[nodiscard]] LayerId source(LayerId id, std::size_t index = 0) const;
  [[nodiscard]] const SpikeTensor& spikes(LayerId id, std::size_t index = 0) const;
  StepCounts& counts(LayerId id, std::uint32_t t) {
    return result_.activity.layers[id.index].steps[t];
  }
  void count_operations(LayerId id, std::uint32_t t, std::size_t operand, std::uint64_t operations);

  const QuantizedNetwork* net_;
  const Network& graph_;
  SampleBuffers& buffers_;
  ExecuteOptions options_;
  std::uint32_t steps_;
  bool goes_back_ = false;             ///< nothing that is stored is dropped
  RunningNeurons* running_ = nullptr;  ///< of a run that goes on where the one before ended
  SpikeTrace trains_;
  SpikeTrace delayed_;                           ///< the same a step late, where they are so read
  std::vector<std::vector<StepTotals>> totals_;  ///< of trains: [band, t], where they are known
  std::vector<std::optional<CurrentTensor>> currents_;
  std::optional<InputEvents> events_;  ///< of the train `listed_`
  const SpikeTrain* listed_ = nullptr;
  EventList listed_as_ = EventList::with_values;
  std::vector<std::size_t> readers_;  ///< consumers that have not run yet, by layer
  Execution result_;
};

}  // namespace nj
