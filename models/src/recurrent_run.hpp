#pragma once

#include <cstdint>
#include <vector>

#include "neurojoule/core/spike_tensor.hpp"
#include "neurojoule/models/quantized_network.hpp"

#include "general_neurons.hpp"

// Operands with a delay. A layer that only reads one runs as any other, on a train that comes a
// step late. Layers that lie on a cycle through delayed operands run step by step, together; what
// leads into a cycle and what follows it still runs all its time steps at once.
namespace nj {

class SampleRun;

/// Populations that run together.
struct Stage {
  std::vector<Population> populations;  ///< by leads; one, but for cycles
  bool stepwise = false;                ///< they lie on a cycle
};

/// All populations, such that what a stage reads, delayed or not, comes in it or before it. Without
/// delays these are the populations in their order.
std::vector<Stage> stages(const Network& network);

/// The train whose step t is step t - 1 of the given one, and whose first step is silent.
SpikeTrain one_step_late(const SpikeTrain& train);

/// Neurons of a cycle that go on from step to step.
class RunningNeurons {
 public:
  explicit RunningNeurons(std::size_t layers) : layers_(layers) {}

  /// Puts a layer's neurons at rest, in blocks of `block` positions.
  void add(LayerId lif, const Neurons& neurons, const FeatureShape& shape, std::uint64_t block);
  /// The block that begins at a position.
  GeneralNeurons& at(LayerId lif, std::uint64_t begin) {
    Layer& layer = layers_[lif.index];
    return layer.blocks[begin / layer.block];
  }

 private:
  struct Layer {
    std::uint64_t block = 1;
    std::vector<GeneralNeurons> blocks;
  };
  std::vector<Layer> layers_;
};

/// Runs the populations of a cycle within a sample, one time step of all after the other.
class RecurrentRun {
 public:
  RecurrentRun(SampleRun& sample, const Stage& stage);
  /// Fills in the sample's trains and counts, and the currents that layers outside read.
  void operator()(const GradedTensor& input);

 private:
  void prepare_results();
  void begin_step(SampleRun& step, std::uint32_t t) const;
  void end_step(SampleRun& step, std::uint32_t t) const;
  [[nodiscard]] bool leaves_current(LayerId id) const;

  SampleRun& sample_;
  const Stage& stage_;
  std::vector<LayerId> layers_;  ///< of the stage
  std::vector<bool> inside_;     ///< by LayerId
};

}  // namespace nj
