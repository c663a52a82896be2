#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "neurojoule/hardware/sanafe_network.hpp"

#include "kernels.hpp"
#include "layout.hpp"

namespace nj::sanafe {

/// Carries spikes through synapses and dendrites to the inputs of somas. Convolutions and dense
/// edges are walked as rows of weights; nothing is stored per synapse that the file does not name.
class Delivery {
 public:
  Delivery(const Architecture& chip, const Network& network, const Layout& layout);

  /// Delivers one spike of step `step` (1-based) to `inputs` [places], which the somas read
  /// in the next step. Calls must be in the order of spikes: sums are of doubles.
  void spike(std::uint32_t neuron, std::uint64_t step, double* inputs);

 private:
  /// The charges of a neuron whose dendrite delays, by step modulo the slots. SANA-FE reads a
  /// step's charge only when an event comes in that step; what nobody reads is lost.
  struct DelayLine {
    static constexpr std::uint64_t slots = 8;  ///< > longest delay + 1
    std::array<std::uint64_t, slots> step{};
    std::array<double, slots> charge{};
  };
  /// Potentials of the compartments of a dendrite with taps, as of a step.
  struct TapLine {
    TapsParameters parameters;
    std::vector<double> potential;
    std::vector<double> next;
    std::uint64_t step = 0;
  };
  struct Target {
    enum class Kind : std::uint8_t { accumulator, delay, taps };
    Kind kind = Kind::accumulator;
    std::uint32_t line = 0;
  };
  struct SparseRow {
    std::uint32_t first = 0;  ///< in sparse_
    std::uint32_t count = 0;
  };
  /// What a group's spikes walk, in the order of the file.
  struct Walk {
    const Edge* edge = nullptr;
    bool plain = true;                ///< only accumulators, in the layout that the kernels take
    std::uint32_t kernel = no_index;  ///< plain convolutions: index in kernels_
    std::uint32_t first = 0;          ///< sparse edges: least source neuron
    std::vector<SparseRow> rows{};    ///< sparse edges: [source - first]
  };

  void make_targets(const Architecture& chip);
  void make_walks();
  void make_sparse_walks(const SparseEdge& edge);
  [[nodiscard]] bool plain_targets(std::uint32_t group) const;
  void walk_dense(const DenseEdge& edge, std::uint32_t neuron, std::uint64_t step, bool plain,
                  double* inputs);
  void walk_convolution(const ConvolutionEdge& edge, std::uint32_t neuron, std::uint64_t step,
                        double* inputs);
  void synapse(std::uint32_t target, double weight, std::uint8_t delay, std::uint32_t tap,
               std::uint64_t step, double* inputs);

  const Network& network_;
  const Layout& layout_;
  std::vector<Target> targets_;  ///< [neuron]; empty: accumulators only
  std::vector<DelayLine> delay_lines_;
  std::vector<TapLine> tap_lines_;
  std::vector<Synapse> sparse_;
  std::vector<ConvolutionKernel> kernels_;
  std::vector<std::vector<Walk>> walks_;  ///< [group]
  std::vector<std::uint32_t> group_of_;   ///< [neuron]
};

}  // namespace nj::sanafe
