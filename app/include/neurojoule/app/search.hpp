#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "neurojoule/app/run.hpp"
#include "neurojoule/app/scenario.hpp"
#include "neurojoule/core/number_format.hpp"
#include "neurojoule/models/calibrate.hpp"
#include "neurojoule/models/quantized_network.hpp"
#include "neurojoule/search/evaluator.hpp"
#include "neurojoule/search/sensitivity.hpp"

// Searches the formats of a network's weights: a scenario with a `search:` block.
namespace nj {

/// What a candidate loses against the float32 network on the validation samples.
enum class SearchLoss : std::uint8_t {
  accuracy_drop,  ///< share of right predictions, less
  divergence      ///< mean Kullback-Leibler divergence of its class probabilities; needs no labels
};
std::string_view to_string(SearchLoss loss);

/// What a candidate costs; all but the last three are sums over layers.
enum class SearchCost : std::uint8_t {
  effective_bits,  ///< storage per weight, scales included
  energy,          ///< pJ of one inference on the chip, with the float32 spikes
  linear_bits,     ///< operations x weight bits / 32, likewise: SpikeHQ's rule
  storage,         ///< bits of all weights, scales included
  latency,         ///< ps of one inference on the chip, with the float32 spikes
  memory,          ///< bits that it takes in the memories of the chip's cores
  area             ///< mm2 that SRAMs of these bits cover
};
std::string_view to_string(SearchCost cost);

enum class SearchAlgorithm : std::uint8_t {
  greedy,
  beam,
  knapsack,
  nsga2,
  moead,
  random,
  exhaustive
};
std::string_view to_string(SearchAlgorithm algorithm);

/// Formats that some layers may have.
struct LayerChoice {
  std::string pattern;
  std::vector<NumberFormat> formats;
  Location location{};
};

/// What one of the words that all layers share is chosen from.
struct WordChoice {
  SharedWord word{};
  std::vector<QuantizedNetwork::Words> options{};  ///< of each only this word counts
};
/// A word in a table: `24/8` for bits and fraction bits, `12` for an accumulator's bits.
std::string short_text(const QuantizedNetwork::Words& words, SharedWord word);

/// Layers that have the same format: all that match one of the patterns.
struct LayerTie {
  std::vector<std::string> patterns;
  Location location{};
};

/// Limits that every point of the front keeps; absent: none.
struct SearchConstraints {
  std::optional<double> accuracy_drop;    ///< 0..1, on the validation samples
  std::optional<double> effective_bits;   ///< storage per weight
  std::optional<Bits> storage;            ///< of all weights, scales included
  std::optional<Picojoules> energy;       ///< of one inference, as SearchCost::energy
  std::optional<Picoseconds> latency;     ///< likewise
  std::optional<Bits> memory;             ///< of cores
  std::optional<SquareMillimetres> area;  ///< of these
};

/// A scenario's `search:` block.
struct SearchSpec {
  std::vector<NumberFormat> formats;  ///< of layers that no choice names
  std::vector<LayerChoice> choices;   ///< of several that match, the last wins
  std::vector<LayerTie> ties;
  std::vector<WordChoice> words;  ///< those that are not searched are the scenario's
  SearchLoss loss = SearchLoss::divergence;
  SearchCost cost = SearchCost::effective_bits;
  Location cost_location{};
  SearchConstraints constraints;
  DatasetSpec validation;
  Location validation_location{};
  std::uint64_t scouts = 0;  ///< validation samples that the algorithms see; the front sees all
  std::vector<SearchAlgorithm> algorithms{SearchAlgorithm::greedy};
  std::uint64_t budget = 2000;  ///< evaluations of each algorithm
  double confidence = 0.95;     ///< that a candidate given up early is no loss
  std::uint64_t points = 12;    ///< of the front that are written and tested
  /// Tested with all layers alike, rounded and calibrated, beside the points.
  std::vector<NumberFormat> baselines;
  std::uint64_t proxies = 0;  ///< candidates near the front that stand-ins are compared on
  std::uint64_t seed = 1;
};

/// A scenario with a `search:` block; the test samples are the scenario's own.
struct SearchScenario {
  Scenario scenario;  ///< with a calibration
  SearchSpec spec;
};

/// Throws: Error(config) at the value that is wrong.
SearchScenario read_search(const std::filesystem::path& file,
                           const std::vector<std::string>& overrides);

/// The scenario and its search with every default written out.
std::string to_yaml(const SearchScenario& search);
/// The block alone.
std::string to_yaml(const SearchSpec& spec);

/// Formats of all weighted layers, in their order.
using FormatAssignment = std::vector<NumberFormat>;

/// What was measured of an assignment on the validation samples.
struct ValidationResult {
  double accuracy = 0;
  double accuracy_drop = 0;
  /// Limits of the drop's one-sided 95 % confidence intervals, by the normal distribution of the
  /// mean difference of pairs.
  double accuracy_drop_low = 0;
  double accuracy_drop_high = 0;
  double divergence = 0;
};

/// A point of the final front, or a baseline.
struct SearchPoint {
  std::string name;  ///< folder of a front's point; of a baseline what it is
  FormatAssignment formats;
  QuantizedNetwork::Words words;
  double cost = 0;  ///< of the search
  ValidationResult validation;
  std::uint64_t test_samples = 0;
  std::uint64_t test_correct = 0;
  double effective_bits = 0;
  std::optional<Picojoules> energy{};  ///< measured on the chip with its own spikes
  std::optional<Picoseconds> latency{};
  double linear_bits_ratio = 0;  ///< energy of float32 weights over this one's, by that rule

  [[nodiscard]] double test_accuracy() const {
    return static_cast<double>(test_correct) / static_cast<double>(test_samples);
  }
  /// Against 32 bits per weight.
  [[nodiscard]] double compression() const { return 32.0 / effective_bits; }
};

/// A candidate measured in full, and by what could stand in for that.
struct ProxySample {
  ValidationResult all;     ///< on all validation samples
  ValidationResult scouts;  ///< on those that algorithms see
  QuantizationDrift drift;  ///< on the calibration samples
};

/// Spearman's rank correlation; equal values share their mean rank. 0 where one side is all equal.
double rank_correlation(std::span<const double> a, std::span<const double> b);

/// What one algorithm did.
struct AlgorithmResult {
  SearchAlgorithm algorithm{};
  std::uint64_t evaluations = 0;  ///< on the scouts
  std::uint64_t confirmed = 0;    ///< on all validation samples
  std::uint64_t measured = 0;     ///< of both, not answered by the store
  double seconds = 0;
  double hypervolume = 0;
  std::vector<HypervolumeStep> history;
};

/// What a search found.
struct SearchResult {
  std::vector<std::string> layers;                  ///< weighted ones
  std::vector<SharedWord> words;                    ///< those that were searched
  std::vector<std::vector<std::string>> variables;  ///< the words, then names of the layers of each
  std::vector<std::vector<std::string>> options;    ///< of each variable
  SensitivityTable table;
  std::vector<AlgorithmResult> algorithms;
  std::vector<ProxySample> proxies;
  SearchPoint reference;               ///< float32
  std::vector<SearchPoint> front;      ///< by ascending cost
  std::vector<SearchPoint> baselines;  ///< all layers alike
  std::size_t front_size = 0;          ///< before it was thinned out to `points`
};

/// How large a search is.
struct SearchSize {
  std::size_t variables = 0;
  std::uint64_t candidates = 0;  ///< 2^64 - 1: so many or more
};

/// A search with everything that it names loaded and checked.
class PreparedSearch {
 public:
  /// Throws: Error for every kind of bad input; MisfitError.
  PreparedSearch(const SearchScenario& search, unsigned threads);
  ~PreparedSearch();
  PreparedSearch(PreparedSearch&&) noexcept;
  PreparedSearch& operator=(PreparedSearch&&) noexcept;

  [[nodiscard]] SearchSize size() const;
  /// Searches, writes the front on the way and the points at the end into `folder`; goes on where
  /// an earlier search of the same scenario was stopped. The result does not depend on the number
  /// of threads, nor on interruptions. Throws: Error; what `progress` throws.
  SearchResult run(const std::filesystem::path& folder, const Progress& progress);

 private:
  class Session;
  std::unique_ptr<Session> session_;
};

/// Prepares and runs.
SearchResult search(const SearchScenario& scenario, const std::filesystem::path& folder,
                    unsigned threads, const Progress& progress);

/// Limits of the 95 % confidence interval of a share. Source: Wilson, "Probable inference, the law
/// of succession, and statistical inference", JASA 22, 1927.
struct ShareInterval {
  double low = 0;
  double high = 0;
};
ShareInterval wilson_interval(std::uint64_t successes, std::uint64_t trials);

/// Writes all files of a finished search. Throws: Error(io).
void write_search_results(const SearchScenario& search, const SearchResult& result,
                          const std::filesystem::path& folder);

/// Tables and pictures.
std::string front_csv(const SearchResult& result);
std::string front_json(const SearchResult& result, const SearchScenario& search);
std::string baselines_csv(const SearchResult& result);
std::string sensitivity_csv(const SearchResult& result);
std::string hypervolume_csv(const SearchResult& result);
std::string proxies_csv(const SearchResult& result);
/// Rank correlations of the stand-ins with what they stand in for.
std::string proxies_text(const SearchResult& result);
std::string front_svg(const SearchResult& result, const SearchScenario& search);
std::string layer_bits_svg(const SearchResult& result, const SearchScenario& search);
std::string search_table(const SearchResult& result, const SearchScenario& search);

}  // namespace nj
