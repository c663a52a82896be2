#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "neurojoule/app/run.hpp"
#include "neurojoule/app/series_file.hpp"
#include "neurojoule/energy/conventions.hpp"

namespace nj {

/// Sums that result.json calls `counts`, over the chip samples.
struct RunCounts {
  std::uint64_t spikes = 0;           ///< of all Lif layers
  std::uint64_t synaptic_events = 0;  ///< weights and scores added, multiplied or matched
  std::uint64_t neuron_updates = 0;   ///< membranes updated
  std::uint64_t packets = 0;
  std::uint64_t hops = 0;
  std::uint64_t memory_bits_read = 0;  ///< words x width of all memories, off-chip included
  std::uint64_t memory_bits_written = 0;
  friend bool operator==(const RunCounts&, const RunCounts&) = default;
};

/// One row of the layer tables: a population, named after its lead layer.
struct LayerRow {
  std::string name;
  std::vector<std::string> parts;  ///< its layers: lead, neurons, pooling
  std::string kind;
  std::string weight_format;    ///< empty when it owns no weights
  double effective_bits = 0.0;  ///< storage bits per weight, scales included; 0 without weights
  std::uint64_t weights = 0;
  double firing_rate = 0.0;               ///< non-zero outputs per neuron and step over all samples
  std::uint64_t saturations = 0;          ///< membranes clipped, over all samples
  RunCounts counts;                       ///< over the chip samples (all samples without a chip)
  std::map<Category, Picojoules> energy;  ///< over the chip samples; empty without a chip
  /// Mean over the chip samples: how long the busiest core of the layer, or the array, worked for
  /// it. None without a chip, and for inputs.
  std::optional<Picoseconds> busy;
  [[nodiscard]] Picojoules total_energy() const;
};

/// The rows in network order.
std::vector<LayerRow> layer_rows(const PreparedRun& prepared, const RunResult& result);
/// Sums of the chip samples. Requires result.chip.
RunCounts run_counts(const RunResult& result);

/// result.json: stable key order, no times of day, no wall time. `correct` and `accuracy` are null
/// without a classifier.
std::string result_json(const PreparedRun& prepared, const RunResult& result);
std::string layers_csv(const PreparedRun& prepared, const RunResult& result);
std::string ledger_csv(const PreparedRun& prepared, const RunResult& result);
/// What each uncertain price can do to the total, what moves it most first: a tornado.
std::string uncertainty_csv(const Ledger& ledger);
/// Every count of StepCounts, one row per layer and time step, over all samples.
std::string activity_csv(const PreparedRun& prepared, const RunResult& result);
/// Where every slice is, what it uses of its core, what keeps it from being larger, and its part of
/// packets x links; of an array the tiles of every layer. Requires result.chip.
std::string mapping_csv(const PreparedRun& prepared, const RunResult& result);
/// Jobs and times of every layer and time step, means over samples. Requires an array.
std::string array_csv(const PreparedRun& prepared, const RunResult& result);
/// How long the I/O port, the units of each used core and each link, or an array and its ports for
/// each layer, worked and were stalled: means over samples, and parts of their latency. Requires a
/// chip.
std::string units_csv(const PreparedRun& prepared, const RunResult& result);
/// What the latency of the chip samples consists of (hardware/critical_path.hpp), the largest part
/// first. Requires result.chip.
std::string critical_path_csv(const PreparedRun& prepared, const RunResult& result);
/// The mapping as `mapping: {file: ..}` reads it. Requires result.chip.
std::string mapping_yaml(const PreparedRun& prepared, const RunResult& result);
/// AttentionOperations of each attention, over all samples.
std::string attention_csv(const PreparedRun& prepared, const RunResult& result);

/// What every layer did, as published conventions count it: per inference, over all samples.
std::vector<LayerWork> layer_work(const PreparedRun& prepared, const RunResult& result);
/// Operations and energy of every layer under every convention, per inference.
std::string conventions_csv(const PreparedRun& prepared, const RunResult& result);
/// Their energies, for the terminal.
std::string convention_lines(const PreparedRun& prepared, const RunResult& result);

/// Energy of each layer as spikes at several rates, and as artificial networks, with the rates
/// below which spikes cost less. Requires result.chip->baselines.
std::string baselines_csv(const PreparedRun& prepared, const RunResult& result);
/// The same of the whole network: energy against firing rate.
std::string baselines_svg(const PreparedRun& prepared, const RunResult& result);
/// The same for the terminal.
std::string baseline_lines(const RunResult& result);

/// Whether there is a picture of the chip: it consists of cores.
bool has_heatmap(const Chip& chip);
/// heatmap.svg: how busy each core and link was, over the chip samples. Requires has_heatmap.
std::string heatmap_svg(const PreparedRun& prepared, const RunResult& result);

/// Writes trace.json, in the trace event format of Chrome and Perfetto: what every unit did in the
/// first sample, event by event. Requires result.chip->traced. Throws: Error(io).
void write_trace(const PreparedRun& prepared, const RunResult& result,
                 const std::filesystem::path& file);

/// Writes all files of a run; result.json last, so that its presence means that the run is whole.
/// `series`, in the same folder and filled by the run, is finished; null where there is none.
/// Throws: Error(io).
void write_results(const PreparedRun& prepared, const RunResult& result,
                   const std::filesystem::path& directory, SeriesFile* series = nullptr);

/// What the latency consists of, for the terminal: a line for each kind of part, with its largest.
std::string critical_path_lines(const PreparedRun& prepared, const RunResult& result);
/// The table that the terminal shows: one row per population, then totals.
std::string terminal_table(const PreparedRun& prepared, const RunResult& result);

/// What a layer costs at a point of a batch, per inference.
struct BatchLayer {
  std::string name;
  std::string kind;
  Picojoules energy;
  std::map<Category, Picojoules> categories;
  std::optional<Picoseconds> busy;  ///< as in LayerRow
};

/// One line per point of a batch.
struct BatchRow {
  std::string label;
  std::string description;
  std::optional<double> accuracy;  ///< none without a classifier
  std::uint64_t samples = 0;
  double effective_bits = 0.0;
  std::optional<Picojoules> energy;             ///< per inference
  std::map<Category, Picojoules> categories{};  ///< per inference; empty without a chip
  std::optional<Picoseconds> latency;           ///< mean per inference
  std::optional<Picoseconds> interval;          ///< between inferences one after another
  std::vector<BatchLayer> layers{};             ///< empty without a chip
  std::string misfit{};                         ///< why the point was left out; empty: it was not
};
BatchRow batch_row(const BatchPoint& point, const PreparedRun& prepared, const RunResult& result);
/// A point that was left out.
BatchRow batch_row(const BatchPoint& point, const MisfitError& error);
std::string batch_csv(const std::vector<BatchRow>& rows);
/// One line per point and layer.
std::string batch_layers_csv(const std::vector<BatchRow>& rows);
std::string batch_table(const std::vector<BatchRow>& rows);
/// A bar for each point that a chip ran: energy per inference, divided into categories.
std::string batch_svg(const std::string& name, const std::vector<BatchRow>& rows);

}  // namespace nj
