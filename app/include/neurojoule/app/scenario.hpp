#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "neurojoule/core/yaml.hpp"
#include "neurojoule/datasets/dataset.hpp"
#include "neurojoule/hardware/fixed_mapping.hpp"
#include "neurojoule/hardware/placement.hpp"
#include "neurojoule/hardware/slicing.hpp"
#include "neurojoule/hardware/timing_level.hpp"
#include "neurojoule/models/calibrate.hpp"
#include "neurojoule/models/model_source.hpp"
#include "neurojoule/models/quantize.hpp"

namespace nj {

/// How the network comes onto the cores: placed by a strategy, or given here or in a file.
struct MappingChoice {
  Slicing slices = Slicing::fewest;   ///< where nothing is given
  PlacementOptions placement;         ///< likewise
  std::optional<FixedMapping> fixed;  ///< stands in the scenario
  std::string file{};                 ///< path of a mapping file, as written; empty: none
  /// A point of a batch whose network does not fit its chip is left out, and says why.
  bool skips_misfits = false;

  [[nodiscard]] bool given() const { return fixed || !file.empty(); }
};

/// Which chip runs the network, and what its actions cost.
struct ChipRun {
  std::string chip;  ///< shipped name or path, or the chip itself on a line; as written
  std::optional<YamlNode> written{};  ///< the chip, where it stands in the scenario itself
  std::string prices;                 ///< shipped name or path, as written
  bool scale_prices = false;          ///< carry prices over to the chip's process
  std::uint64_t samples = 10;         ///< samples simulated on the chip, the first of the dataset
  TimingLevel timing = TimingLevel::event;
  MappingChoice mapping{};
  Location chip_location{};
  Location prices_location{};
  Location timing_location{};
  Location mapping_location{};
};

/// Weights are quantized by what their layers read of some samples, whose labels are not used.
struct CalibrationChoice {
  CalibrationSpec spec;
  DatasetSpec dataset;  ///< the scenario's, other samples
  friend bool operator==(const CalibrationChoice&, const CalibrationChoice&) = default;
};
inline constexpr std::uint64_t calibration_samples = 256;  ///< where a scenario does not say

/// What a run writes beside its results.
struct Outputs {
  bool spikes = false;       ///< spikes.h5: spike trains of the chip samples
  bool predictions = false;  ///< predictions.csv: one row per sample
  bool series = false;       ///< series.h5: steps of the chip samples; needs a chip
  bool baselines = false;    ///< baselines.csv, .svg: artificial networks on the same chip
};

/// One run, with every default resolved. See docs/scenario.md.
struct Scenario {
  std::string name;
  std::filesystem::path file;       ///< as the user wrote it, for messages
  std::filesystem::path directory;  ///< relative paths in the file start here
  ModelSource model;
  Location model_location;
  DatasetSpec dataset;
  Location dataset_location;
  QuantizationSpec quantization;
  std::optional<CalibrationChoice> calibration;
  Location calibration_location;
  std::optional<ChipRun> chip;  ///< absent: execute only, no energy
  std::uint64_t seed = 1;
  Outputs outputs;
};

/// Reads a scenario and finishes the document; `file` is where it stands.
/// Throws: Error(config) at the value that is wrong.
Scenario read_scenario(const YamlDocument& document, const std::filesystem::path& file);

/// The same of the keys that a scenario has; others, and `finish`, are the caller's.
Scenario read_scenario_root(const YamlNode& root, const std::filesystem::path& file);

/// Other samples: the keys `path`, `split`, `first`, `samples` of a map, and `defaults` where they
/// are left out; paths start at `directory`. Throws: Error(config), also for the split of a source
/// without any.
DatasetSpec read_samples(const YamlNode& node, DatasetSpec defaults,
                         const std::filesystem::path& directory, std::int64_t least,
                         std::int64_t most);
/// These keys with their values: `path: .., split: .., first: .., samples: ..`; no split for a
/// source without any.
std::string samples_text(const DatasetSpec& dataset);

/// Sets `key=value` pairs of the command line. Throws: Error(config).
void set_overrides(YamlDocument& document, const std::vector<std::string>& overrides);

/// A `model:` block that stands in a file of its own, with a `name` at most.
struct LoneModel {
  std::string name;  ///< without one, that of the file
  ModelSource source;
};

/// Nullopt when the file has other keys. Throws: Error as read_model_source.
std::optional<LoneModel> read_lone_model(const std::filesystem::path& file);

/// The scenario as YAML with every default written out and every path absolute, so that it runs
/// again from anywhere to the same results.
std::string to_yaml(const Scenario& scenario);

/// SHA-256 of what determines the results: the resolved scenario, with the content of the files
/// that it names, and of the samples that it uses, in place of their paths. `calibration`: those
/// samples, or null. Throws: Error(io).
std::string scenario_hash(const Scenario& scenario, const Dataset& dataset,
                          const Dataset* calibration);

/// One point of a batch.
struct BatchPoint {
  std::string label;        ///< folder name; empty for a single run
  std::string description;  ///< `key=value, ...` of the sweep; the file for a list
  Scenario scenario;
};

/// The runs that a file asks for: one scenario, the product of its `sweep:` map of keys to lists of
/// values, or those of the files of a `scenarios:` list. `overrides` are `key=value` pairs that are
/// set in each.
struct Batch {
  std::string name;
  bool is_batch = false;  ///< false: exactly one point, without a folder of its own
  std::vector<BatchPoint> points;
};

inline constexpr std::size_t max_batch_points = 10'000;

/// Throws: Error as read_scenario; Error(config) for an empty sweep or more than max_batch_points.
Batch read_batch(const std::filesystem::path& file, const std::vector<std::string>& overrides);

}  // namespace nj
