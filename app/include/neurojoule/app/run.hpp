#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "neurojoule/app/scenario.hpp"
#include "neurojoule/core/action_counts.hpp"
#include "neurojoule/core/activity.hpp"
#include "neurojoule/core/network.hpp"
#include "neurojoule/energy/ledger.hpp"
#include "neurojoule/energy/price_table.hpp"
#include "neurojoule/hardware/chip.hpp"
#include "neurojoule/hardware/critical_path.hpp"
#include "neurojoule/hardware/mapping.hpp"
#include "neurojoule/hardware/mapping_report.hpp"
#include "neurojoule/hardware/simulate.hpp"
#include "neurojoule/hardware/streamed.hpp"
#include "neurojoule/models/effective_operations.hpp"
#include "neurojoule/models/quantized_network.hpp"

namespace nj {

/// Called from one thread at a time while a stage, as `executing samples`, runs: how many of these
/// are done. It may throw to stop the run.
using Progress = std::function<void(std::string_view stage, std::size_t done, std::size_t total)>;

/// Work records that a trace holds at most (64 bytes each, and about 170 in the file).
inline constexpr std::size_t max_trace_records = 1'000'000;

/// Told of one chip sample after the other, by the thread that runs: what the chip did, with its
/// StepRecords, and the counts of the sample. It may throw to stop the run.
using SampleSeen = std::function<void(const SimulationResult& sample, const Activity& activity)>;

struct RunOptions {
  unsigned threads = 0;  ///< 0: as many as there are processors
  Progress progress{};   ///< may be empty
  /// Called often while samples are simulated, by any thread; may throw to stop the run. May be
  /// empty.
  std::function<void()> check{};
  bool trace = false;      ///< keep what every unit did in the first sample; needs a chip
  SampleSeen simulated{};  ///< may be empty; step records are made only for it
};

/// A chip with its prices, and slices of the network that fit it.
struct MappedChip {
  Chip chip;
  std::string chip_file;  ///< the chip file with all that it builds on
  PriceTable prices;
  std::vector<LayerWidths> widths;  ///< by LayerId
  /// `run` moves its slices and may cut them further, unless the scenario gave their places.
  Mapping mapping;
};

/// A scenario with everything that it names loaded and checked; running it fails no more on input.
struct PreparedRun {
  Scenario scenario;
  std::string hash;                        ///< empty without a dataset
  std::shared_ptr<const Dataset> dataset;  ///< null: there are no samples to run (check.hpp)
  QuantizedNetwork network;
  std::vector<Population> populations;
  std::optional<MappedChip> chip;
  bool has_classifier = true;  ///< false: the logits say nothing, and there is no accuracy
};

/// A network does not fit its chip, or what a scenario wants of the chip does not.
class MisfitError : public Error {
 public:
  MisfitError(const std::vector<Violation>& violations, const Location& location);
  /// Of a scenario; its message is all there is to say.
  MisfitError(Violation reason, const Location& location);
  /// The first violation of each resource, in their order.
  [[nodiscard]] const std::vector<Violation>& reasons() const { return reasons_; }

 private:
  std::vector<Violation> reasons_;
};

/// Loads, quantizes, maps. Throws: Error for every kind of bad input; MisfitError.
PreparedRun prepare(const Scenario& scenario);

/// The same with samples that are read already. Null `dataset`: the model must take what the
/// scenario says of it; null `calibration`: weights are rounded.
PreparedRun prepare_on(const Scenario& scenario, std::shared_ptr<const Dataset> dataset,
                       const Dataset* calibration);

/// The frames of all samples, in their order.
std::vector<GradedTensor> frames_of(const Dataset& dataset, unsigned threads);

/// Samples that a scenario wants at `where`, a block of keys as `dataset` is; what is wrong with
/// them is told there. Throws: as Dataset.
std::unique_ptr<const Dataset> open_samples(const DatasetSpec& spec, std::uint64_t seed,
                                            const Location& where);

/// The scenario's model, which must be one to run on its dataset. Throws: as load_model;
/// Error(config), Error(shape) for a dataset that it does not take.
Model load_fitting_model(const Scenario& scenario, const Dataset& dataset);
/// The same of what the scenario says of its dataset, whose files are not read.
Model load_fitting_model(const Scenario& scenario);

/// What networks with the same layers and other widths cost on a scenario's chip, with slices in
/// order, when they meet the spikes of one of them. `traces`: at least one. All throw MisfitError
/// for a network that does not fit.
class ChipCosts {
 public:
  /// Throws: as prepare, of the chip and its prices.
  explicit ChipCosts(const Scenario& scenario);
  ~ChipCosts();

  /// Of one inference, with times as lower bounds.
  [[nodiscard]] Picojoules energy(const QuantizedNetwork& network,
                                  std::span<const SpikeTrace> traces) const;
  /// Mean of one inference, at the scenario's timing level.
  [[nodiscard]] Picoseconds latency(const QuantizedNetwork& network,
                                    std::span<const SpikeTrace> traces) const;
  /// What all slices take in the memories of their cores (Footprint). Throws: Error(config) for an
  /// array.
  [[nodiscard]] Bits memory(const QuantizedNetwork& network) const;
  /// What SRAMs of just these bits cover, one for each bank, in the words of the chip. Throws: as
  /// check_area.
  [[nodiscard]] SquareMillimetres area(const QuantizedNetwork& network) const;
  /// Whether all memories of the chip have an area. Throws: Error(config), at `wanted` when the
  /// prices have no areas, or those of another node; for an array, or a memory of several ports; as
  /// memory_area.
  void check_area(const Location& wanted) const;

 private:
  struct Files;
  struct Mapped;
  std::unique_ptr<const Files> files_;
};

/// What actions of the chip cost at the scenario's prices. Requires prepared.chip. Throws: as
/// price.
Ledger price(const PreparedRun& prepared, const ActionCounts& actions);

/// Energy of one inference, in all and by population; the rest is the chip's overhead.
struct DesignCost {
  Picojoules total;
  std::vector<Picojoules> populations;
  Picoseconds latency;
};

/// The same layers as an artificial network on the same chip (hardware/ann_baseline.hpp).
struct AnnBaseline {
  std::string name;    ///< `ann3` (activations of 3 bits), `int8`, `float32`
  double density = 1;  ///< activations that are not zero, 0..1
  DesignCost cost;
  double break_even = 0;            ///< see break_even_rate; of the whole network
  std::vector<double> populations;  ///< the same of each population
};

/// The spiking network at other firing rates, and what it competes with.
struct Baselines {
  struct Point {
    double rate = 0;  ///< of all neurons alike, at random
    DesignCost cost;
  };
  std::vector<Point> spiking;         ///< ascending rates, 0 to 1
  std::vector<AnnBaseline> networks;  ///< dense ones and half dense ones
  std::vector<std::string>
      absent;                ///< designs that the chip or prices have no numbers for, and why
  double measured_rate = 0;  ///< mean of all neurons in the run
  double input_density = 0;  ///< measured
};

/// The firing rate below which spikes cost less than `energy`, by straight lines between points of
/// ascending rates: 0 where even silence costs more, 1 where every rate costs less.
double break_even_rate(std::span<const double> rates, std::span<const Picojoules> energies,
                       Picojoules energy);

/// Simulates and prices both. `activity` is that of `samples` samples. Requires prepared.chip.
Baselines find_baselines(const PreparedRun& prepared, const Mapping& mapping,
                         const Activity& activity, std::uint64_t samples, unsigned threads);

/// What the chip did for `samples` samples, and what that costs.
struct ChipResult {
  std::uint64_t samples = 0;
  Activity activity;     ///< of these samples only
  ActionCounts actions;  ///< of all these samples together
  Ledger ledger;
  Mapping mapping;                         ///< the one simulated
  std::vector<SlicePlacement> placements;  ///< by slice; the traffic is that of all samples
  std::uint64_t expected_packet_hops = 0;  ///< packet_hops of that traffic and mapping
  std::vector<TilingReport> tilings;       ///< of an array, by layer
  std::vector<ArrayStep> array;            ///< of an array, by turn and step; sums over samples
  std::vector<Picoseconds> latencies;      ///< by sample
  Picoseconds interval{};                  ///< of the first one (Simulator::interval)
  /// By lead layer, over all these samples: how long the busiest unit of its busiest core worked;
  /// of an array, how long it computed.
  std::vector<Picoseconds> busy;
  CriticalPath path{};                        ///< of all these samples
  std::vector<UnitTimes> cores;               ///< by core, over all these samples: its units worked
  std::vector<UnitTimes> stalled{};           ///< likewise
  std::vector<std::uint32_t> most_waiting{};  ///< by core, in any of these samples
  Picoseconds io_port{};                      ///< likewise: it worked; of an array none
  std::vector<LinkLoad> links;  ///< by link, over all these samples; `max_queue` is the most
  std::uint64_t packets = 0;
  std::uint64_t hops = 0;
  std::vector<SpikeTrace> traces;        ///< by sample
  std::optional<Baselines> baselines{};  ///< when the scenario asks for them
  /// The first sample with its work records, when a trace is asked for.
  std::optional<SimulationResult> traced{};
};

/// Samples whose effective operations are counted where no chip says how many to simulate: so many,
/// or as many as have their trains in so many bytes, but at least one.
inline constexpr std::size_t effective_samples = 10;
inline constexpr std::uint64_t effective_bytes = std::uint64_t{64} << 20;

/// What a run found.
struct RunResult {
  std::uint64_t samples = 0;
  std::uint64_t correct = 0;
  std::vector<std::uint32_t> predictions;  ///< by sample
  Activity activity;                       ///< of all samples
  EffectiveActivity effective{};           ///< of the chip samples, or the first effective_samples
  std::optional<ChipResult> chip;

  [[nodiscard]] double accuracy() const;
};

/// Executes all samples, places the slices for the spikes that were sent where the scenario asks
/// for it, simulates the chip for the first samples and prices what it did. The result does not
/// depend on the number of threads.
RunResult run(const PreparedRun& prepared, const RunOptions& options);

/// PEs with a neuron, of all in the blocks of all layers: 0..1; 0 without an array.
double array_utilisation(std::span<const TilingReport> tilings);
/// How a network lies on its chip: `fits mesh45: 33 of 128 cores`, or tiles and PEs of an array;
/// empty without a chip.
std::string fit_line(const PreparedRun& prepared);
/// Mean latency of one inference, rounded down to whole picoseconds.
Picoseconds mean_latency(const ChipResult& chip);
/// Energy per inference: the ledger's total over the number of samples.
Picojoules energy_per_inference(const ChipResult& chip);
/// Storage bits per weight over all weighted layers, scales included.
double mean_effective_bits(const QuantizedNetwork& network);

}  // namespace nj
