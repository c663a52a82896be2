#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "neurojoule/models/quantize.hpp"

#include "sample_run.hpp"

namespace nj {

/// Numbers the ways in which a population can come about: by its own rule and words, and by the
/// numbers of those that it reads. Populations with one number send the same spikes.
class Lineages {
 public:
  /// `rule`: of its weights, or null. `words`: null where they do not matter. `read`: numbers of
  /// what it reads, in order.
  std::uint32_t number(std::size_t population, const WeightRule* rule,
                       const QuantizedNetwork::Words* words, std::vector<std::uint32_t> read);

 private:
  using Key = std::tuple<std::size_t, std::size_t, std::size_t, std::vector<std::uint32_t>>;
  std::vector<WeightRule> rules_;
  std::vector<QuantizedNetwork::Words> words_;
  std::map<Key, std::uint32_t> numbers_;
};

/// All that was made of a population.
struct QuantizedPopulation {
  std::optional<LayerWeights> weights;
  std::vector<QuantizedNetwork::Layer> layers;  ///< lead, neurons, pool, as far as there are
  std::vector<PopulationOutputs> outputs;       ///< by sample

  [[nodiscard]] std::size_t bytes() const;
};

/// Populations by their number; those put in last stay, as far as memory goes.
class KeptPopulations {
 public:
  explicit KeptPopulations(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  std::optional<QuantizedPopulation> take(std::uint32_t number);
  void put(std::uint32_t number, QuantizedPopulation population);

 private:
  struct Kept {
    std::uint32_t number = 0;
    std::size_t bytes = 0;
    QuantizedPopulation population;
  };
  void drop(std::list<Kept>::iterator kept);

  std::size_t most_bytes_;
  std::size_t bytes_ = 0;
  std::list<Kept> kept_;  ///< the oldest first
  std::map<std::uint32_t, std::list<Kept>::iterator> places_;
};

}  // namespace nj
