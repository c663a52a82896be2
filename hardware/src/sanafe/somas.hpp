#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include "neurojoule/hardware/sanafe_network.hpp"

#include "kernels.hpp"
#include "layout.hpp"

namespace nj::sanafe {

/// The C library's rand() as glibc computes it after srand(1); SANA-FE's truenorth noise.
/// Source: P. Selinger, "The GLIBC random number generator" (2007), the TYPE_3 additive feedback.
class GlibcRandom {
 public:
  GlibcRandom();
  std::uint32_t operator()();

 private:
  std::array<std::uint32_t, 34> state_{};
  std::size_t at_ = 0;
};

/// The neurons of a chip and their state.
class Somas {
 public:
  Somas(const Architecture& chip, const Network& network, const Layout& layout);

  /// One step (1-based) of all neurons. `inputs` [places + padding] holds what arrived in the step
  /// before; it is emptied.
  void run(std::uint64_t step, double* inputs);

  /// Ranks of the neurons that fired, in the order of the chip.
  [[nodiscard]] const std::vector<std::uint32_t>& fired() const { return fired_ranks_; }
  /// [site]: neurons updated, neurons that fired.
  [[nodiscard]] const std::vector<std::uint64_t>& updates() const { return updates_; }
  /// Bits by rank: neurons updated.
  [[nodiscard]] const std::vector<std::uint64_t>& updated_ranks() const { return updated_ranks_; }
  [[nodiscard]] const std::vector<std::uint64_t>& spikes() const { return spikes_; }
  [[nodiscard]] double potential(std::uint32_t neuron) const {
    return potential_[layout_.place_of[neuron]];
  }

 private:
  /// An input unit of a core. Neurons that share one share its spike train and random numbers, and
  /// the last of them to have an attribute sets that of the unit.
  struct InputUnit {
    std::vector<std::uint8_t> train;
    std::size_t next = 0;
    double rate = 0;
    double poisson = 0;
    std::mt19937 random;
  };
  /// A neuron that is computed alone.
  struct Single {
    std::uint32_t place = 0;
    std::uint32_t parameters = 0;
    SomaModel model{};
    std::uint32_t input_unit = no_index;
    std::uint32_t refractory = 0;  ///< steps left
    bool idle = false;             ///< as `updates_` reflects
  };

  void make_singles(const Architecture& chip);
  void share_input_unit(Single& single, std::uint32_t id,
                        std::map<std::uint32_t, std::uint32_t>& units);
  /// Returns whether the neuron fires.
  bool leaky(Single& single, const NeuronParameters& parameters, double input);
  bool truenorth(const Single& single, const NeuronParameters& parameters, double input);
  bool input(const Single& single, std::uint64_t step);
  void run_single(Single& single, std::uint64_t step, double* inputs);
  void count_idle();
  void change_idle(std::uint32_t place, bool idle);
  void order_spikes();

  const Network& network_;
  const Layout& layout_;
  std::vector<double> potential_;  ///< [places + padding]
  std::vector<Single> singles_;    ///< by rank
  std::vector<InputUnit> input_units_;
  GlibcRandom random_;
  std::vector<std::uint32_t> fired_;         ///< places
  std::vector<std::uint64_t> idle_;          ///< bits of this step, by segment
  std::vector<std::uint64_t> counted_idle_;  ///< bits that `updates_` reflects
  std::vector<std::uint32_t> fired_ranks_;
  std::vector<std::uint64_t> rank_bits_;
  std::vector<std::uint64_t> updates_;
  std::vector<std::uint64_t> updated_ranks_;
  std::vector<std::uint64_t> spikes_;
};

}  // namespace nj::sanafe
