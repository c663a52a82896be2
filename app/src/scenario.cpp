#include "neurojoule/app/scenario.hpp"

#include <algorithm>
#include <limits>
#include <set>

#include <fmt/format.h>

#include "neurojoule/app/data_files.hpp"
#include "neurojoule/core/yaml_text.hpp"
#include "neurojoule/energy/price_table.hpp"
#include "neurojoule/hardware/chip_file.hpp"

#include "digest.hpp"
#include "located_file.hpp"
#include "mapping_choice.hpp"
#include "scenario_chip.hpp"
#include "sweep.hpp"

namespace nj {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t max_integer = std::numeric_limits<std::int64_t>::max();

/// `chip`, `prices`, `mapping` and `simulation` of a scenario; nullopt when it names no chip.
std::optional<ChipRun> read_chip_run(const YamlNode& root) {
  const auto chip = root.find("chip");
  const auto prices = root.find("prices");
  const auto simulation = root.find("simulation");
  const auto mapping = root.find("mapping");
  if (!chip) {
    if (prices) throw prices->error("prices need a chip");
    if (simulation) throw simulation->error("a simulation needs a chip");
    if (mapping) throw mapping->error("a mapping needs a chip");
    return std::nullopt;
  }
  if (!prices) throw chip->error("a chip needs prices: the name or path of a price table");
  ChipRun run;
  if (chip->is_map()) {
    run.chip = chip->flow();
    run.written = *chip;
  } else {
    run.chip = chip->text();
  }
  run.chip_location = chip->location();
  run.prices = prices->text();
  run.prices_location = prices->location();
  if (mapping) {
    run.mapping = read_mapping_choice(*mapping);
    run.mapping_location = mapping->location();
  }
  if (!simulation) return run;
  if (const auto scale = simulation->find("scale_prices")) run.scale_prices = scale->boolean();
  if (const auto samples = simulation->find("samples")) {
    run.samples = static_cast<std::uint64_t>(samples->integer(1, 1'000'000));
  }
  if (const auto timing = simulation->find("timing")) {
    run.timing =
        timing->one_of<TimingLevel>({{to_string(TimingLevel::analytic), TimingLevel::analytic},
                                     {to_string(TimingLevel::event), TimingLevel::event},
                                     {to_string(TimingLevel::flit), TimingLevel::flit}});
    run.timing_location = timing->location();
  }
  return run;
}

/// `calibration:`; samples of the scenario's data set, of its training part if it has one.
CalibrationChoice read_calibration(const YamlNode& node, const Scenario& scenario) {
  DatasetSpec dataset = scenario.dataset;
  if (has_splits(dataset.source)) dataset.split = Split::train;
  dataset.first = 0;
  dataset.samples = calibration_samples;
  return {.spec = read_calibration_spec(node),
          .dataset = read_samples(node, std::move(dataset), scenario.directory, 2, 4096)};
}

std::string calibration_text(const CalibrationChoice& choice) {
  return fmt::format("calibration: {{{}, {}}}\n", samples_text(choice.dataset),
                     to_yaml_flow(choice.spec));
}

Outputs read_outputs(const YamlNode& node, bool has_chip) {
  Outputs outputs;
  if (const auto spikes = node.find("spikes")) outputs.spikes = spikes->boolean();
  if (const auto predictions = node.find("predictions")) {
    outputs.predictions = predictions->boolean();
  }
  if (const auto series = node.find("series")) {
    outputs.series = series->boolean();
    if (outputs.series && !has_chip) throw series->error("a series needs a chip");
  }
  if (const auto baselines = node.find("baselines")) {
    outputs.baselines = baselines->boolean();
    if (outputs.baselines && !has_chip) throw baselines->error("baselines need a chip");
  }
  return outputs;
}

/// A file name made of the letters, digits, `.`, `-` and `_` of `text`.
std::string file_name_of(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const bool keep = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '-' || c == '_';
    if (keep) {
      name += c;
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  while (!name.empty() && name.back() == '-') name.pop_back();
  return name.substr(0, 60);
}

/// A value that takes the place of one in a file.
struct Assignment {
  std::string key;
  std::string value;
  std::string origin;  ///< for messages
};

/// Sets values, those of keys above others first and else in their order. Parts of a chip that is
/// named change a variant of it.
void set_all(YamlDocument& document, std::vector<Assignment> assignments) {
  std::ranges::stable_sort(assignments, {}, [](const Assignment& assignment) {
    return std::ranges::count(assignment.key, '.');
  });
  for (const auto& [key, value, origin] : assignments) {
    const auto chip = document.root().peek("chip");
    if (key.starts_with("chip.") && chip && chip->is_scalar()) {
      document.set("chip", fmt::format("{{base: {}}}", chip->flow()), origin);
    }
    document.set(key, value, origin);
  }
}

std::vector<Assignment> read_overrides(const std::vector<std::string>& overrides) {
  std::vector<Assignment> assignments;
  for (const std::string& item : overrides) {
    const std::size_t equals = item.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw Error(ErrorKind::config, "expected key=value", {.file = "--set " + item});
    }
    assignments.push_back({item.substr(0, equals), item.substr(equals + 1), "--set " + item});
  }
  return assignments;
}

/// Adds the values of one point of an axis; returns them as `key=value, ..`.
std::string add_point(std::vector<Assignment>& assignments, const fs::path& file,
                      const SweepAxis& axis, std::size_t point) {
  std::string text;
  for (std::size_t k = 0; k < axis.keys.size(); ++k) {
    const SweepValue& value = axis.values[point][k];
    const std::string said = fmt::format("{}={}", axis.keys[k], value.said);
    assignments.push_back(
        {axis.keys[k], value.yaml, fmt::format("{}: sweep: {}", file.string(), said)});
    text += (k == 0 ? "" : ", ") + said;
  }
  return text;
}

/// The points of a sweep in row-major order: the last axis changes fastest.
std::vector<BatchPoint> expand_sweep(const fs::path& file, const std::vector<SweepAxis>& axes,
                                     const std::vector<std::string>& overrides) {
  std::vector<BatchPoint> points;
  std::vector<std::size_t> index(axes.size(), 0);
  while (true) {
    YamlDocument document = YamlDocument::load(file);
    BatchPoint point;
    std::vector<Assignment> assignments = read_overrides(overrides);
    for (std::size_t i = 0; i < axes.size(); ++i) {
      point.description += (i == 0 ? "" : ", ") + add_point(assignments, file, axes[i], index[i]);
    }
    set_all(document, std::move(assignments));
    (void)document.root().at("sweep").flow();
    point.label = fmt::format("{:03}-{}", points.size(), file_name_of(point.description));
    point.scenario = read_scenario(document, file);
    points.push_back(std::move(point));
    std::size_t axis = axes.size();
    while (axis > 0 && ++index[axis - 1] == axes[axis - 1].values.size()) index[--axis] = 0;
    if (axis == 0) return points;
  }
}

/// The scenarios of a list, and all points of its sweeps.
std::vector<BatchPoint> expand_list(const fs::path& file, const YamlDocument& document,
                                    const std::vector<std::string>& overrides) {
  std::vector<BatchPoint> points;
  const YamlNode list = document.root().at("scenarios");
  if (list.elements().empty()) throw list.error("expected at least one scenario");
  for (const YamlNode& entry : list.elements()) {
    const fs::path member = located_file(file.parent_path() / entry.text(), entry.location());
    if (YamlDocument::load(member).root().find("scenarios")) {
      throw entry.error("a member of a list must be a scenario or a sweep, not another list");
    }
    Batch inner = read_batch(member, overrides);
    for (BatchPoint& point : inner.points) {
      const std::string values = point.description.empty() ? "" : ": " + point.description;
      point.label = fmt::format("{:03}-{}", points.size(), file_name_of(inner.name + values));
      point.description = entry.text() + values;
      points.push_back(std::move(point));
    }
    if (points.size() > max_batch_points) {
      throw entry.error(fmt::format("the list has more than {} scenarios", max_batch_points));
    }
  }
  document.finish();
  return points;
}

/// SHA-256 of the samples' images and labels.
std::string digest_of(const Dataset& dataset) {
  Sha256 sha;
  for (std::uint64_t i = 0; i < dataset.size(); ++i) {
    const auto pixels = dataset.pixels(i);
    sha.add({reinterpret_cast<const char*>(pixels.data()), pixels.size()});
    const std::uint32_t label = dataset.label(i);
    const char bytes[] = {static_cast<char>(label), static_cast<char>(label >> 8)};
    sha.add({bytes, dataset.spec().source == DatasetSource::hdf5 ? std::size_t{2} : 1});
  }
  return sha.hex();
}

std::string absolute_path(const fs::path& file) {
  return fs::absolute(file).lexically_normal().string();
}

std::string scenario_text(const Scenario& scenario, const ChipRun* chip) {
  std::string text = fmt::format("name: {}\nseed: {}\nmodel:\n{}dataset:\n{}quantization:\n{}",
                                 scenario.name, scenario.seed, to_yaml(scenario.model, 2),
                                 to_yaml(scenario.dataset, 2), to_yaml(scenario.quantization, 2));
  if (scenario.calibration) text += calibration_text(*scenario.calibration);
  if (chip != nullptr) {
    text += fmt::format(
        "chip: {}\nprices: {}\n{}simulation:\n  samples: {}\n  timing: {}\n"
        "  scale_prices: {}\n",
        chip->chip, chip->prices, to_yaml(chip->mapping), chip->samples, to_string(chip->timing),
        chip->scale_prices);
  }
  return text +
         fmt::format("outputs:\n  spikes: {}\n  predictions: {}\n  series: {}\n  baselines: {}\n",
                     scenario.outputs.spikes, scenario.outputs.predictions, scenario.outputs.series,
                     scenario.outputs.baselines);
}

/// Of a price table's file, and of those that it builds on.
std::string hash_of_prices(const fs::path& file) {
  std::string hash = sha256_hex_of_file(file);
  (void)load_price_table(file, [&](const std::string& name, const fs::path& directory) {
    fs::path base = find_price_table(name, directory);
    hash += sha256_hex_of_file(base);
    return base;
  });
  return hash;
}

}  // namespace

DatasetSpec read_samples(const YamlNode& node, DatasetSpec defaults, const fs::path& directory,
                         std::int64_t least, std::int64_t most) {
  if (const auto path = node.find("path")) defaults.path = directory / path->text();
  if (const auto split = node.find("split")) {
    if (!has_splits(defaults.source)) {
      throw split->error("an HDF5 file has no splits; name another file by `path`");
    }
    defaults.split = split->one_of<Split>({{"train", Split::train}, {"test", Split::test}});
  }
  if (const auto first = node.find("first")) {
    defaults.first = static_cast<std::uint64_t>(first->integer(0, max_integer));
  }
  if (const auto samples = node.find("samples")) {
    defaults.samples = static_cast<std::uint64_t>(samples->integer(least, most));
  }
  return defaults;
}

std::string samples_text(const DatasetSpec& dataset) {
  return fmt::format(
      "path: {}, {}first: {}, samples: {}", yaml_quoted(dataset.path.string()),
      has_splits(dataset.source)
          ? fmt::format("split: {}, ", dataset.split == Split::train ? "train" : "test")
          : "",
      dataset.first, *dataset.samples);
}

void set_overrides(YamlDocument& document, const std::vector<std::string>& overrides) {
  set_all(document, read_overrides(overrides));
}

Scenario read_scenario(const YamlDocument& document, const fs::path& file) {
  Scenario scenario = read_scenario_root(document.root(), file);
  document.finish();
  return scenario;
}

Scenario read_scenario_root(const YamlNode& root, const fs::path& file) {
  const fs::path directory = file.parent_path();
  Scenario scenario;
  scenario.file = file;
  scenario.directory = directory;
  const YamlNode name = root.at("name");
  scenario.name = name.text();
  if (scenario.name.find_first_not_of('.') == std::string::npos ||
      file_name_of(scenario.name) != scenario.name) {
    throw name.error("expected up to 60 letters, digits, '.', '-' or '_', not dots alone");
  }
  scenario.model = read_model_source(root.at("model"));
  scenario.model_location = root.at("model").location();
  scenario.dataset = read_dataset_spec(root.at("dataset"));
  scenario.dataset_location = root.at("dataset").location();
  scenario.dataset.path = directory / scenario.dataset.path;
  if (const auto node = root.find("quantization")) {
    scenario.quantization = read_quantization_spec(*node);
  }
  if (const auto node = root.find("calibration")) {
    scenario.calibration = read_calibration(*node, scenario);
    scenario.calibration_location = node->location();
  }
  scenario.chip = read_chip_run(root);
  if (const auto node = root.find("seed")) {
    scenario.seed = static_cast<std::uint64_t>(node->integer(0, max_integer));
  }
  if (const auto node = root.find("outputs"))
    scenario.outputs = read_outputs(*node, scenario.chip.has_value());
  return scenario;
}

std::optional<LoneModel> read_lone_model(const fs::path& file) {
  const YamlDocument document = YamlDocument::load(file);
  const YamlNode root = document.root();
  if (!root.find("model")) return std::nullopt;
  for (const auto& [key, value] : root.entries()) {
    if (key != "name" && key != "model") return std::nullopt;
  }
  const auto name = root.find("name");
  LoneModel model{name ? name->text() : file.stem().string(), read_model_source(root.at("model"))};
  document.finish();
  return model;
}

std::string to_yaml(const Scenario& scenario) {
  Scenario resolved = scenario;
  resolved.dataset.path = absolute_path(scenario.dataset.path);
  if (resolved.calibration) {
    resolved.calibration->dataset.path = absolute_path(scenario.calibration->dataset.path);
  }
  if (const std::string& weights = weights_path(scenario.model); !weights.empty()) {
    resolved.model = with_weights_path(scenario.model, absolute_path(scenario.directory / weights));
  }
  if (resolved.chip) {
    const auto resolve_name = [&](DataKind kind, std::string& name) {
      const fs::path file = find_data_file(kind, name, scenario.directory);
      if (file.stem() != name) name = absolute_path(file);
    };
    if (scenario.chip->written) {
      const std::string text = chip_text(load_chip_document(scenario));
      resolved.chip->chip = YamlDocument::parse(text, "chip").root().flow();
    } else {
      resolve_name(DataKind::chip, resolved.chip->chip);
    }
    resolve_name(DataKind::price_table, resolved.chip->prices);
    std::string& mapping = resolved.chip->mapping.file;
    if (!mapping.empty()) mapping = absolute_path(scenario.directory / mapping);
  }
  return scenario_text(resolved, resolved.chip ? &*resolved.chip : nullptr);
}

std::string scenario_hash(const Scenario& scenario, const Dataset& dataset,
                          const Dataset* calibration) {
  Scenario hashed = scenario;
  hashed.dataset = dataset.spec();
  hashed.dataset.path = digest_of(dataset);
  if (calibration != nullptr) hashed.calibration->dataset.path = digest_of(*calibration);
  hashed.model = with_weights_path(
      scenario.model, sha256_hex_of_file(scenario.directory / weights_path(scenario.model)));
  if (hashed.chip) {
    hashed.chip->chip = sha256_hex(chip_text(load_chip_document(scenario)));
    hashed.chip->prices = hash_of_prices(
        find_data_file(DataKind::price_table, scenario.chip->prices, scenario.directory));
    std::string& mapping = hashed.chip->mapping.file;
    if (!mapping.empty()) mapping = sha256_hex_of_file(scenario.directory / mapping);
  }
  return sha256_hex(scenario_text(hashed, hashed.chip ? &*hashed.chip : nullptr));
}

Batch read_batch(const fs::path& file, const std::vector<std::string>& overrides) {
  YamlDocument document = YamlDocument::load(file);
  Batch batch;
  batch.name = file.stem().string();
  if (document.root().find("scenarios")) {
    batch.is_batch = true;
    batch.points = expand_list(file, document, overrides);
    return batch;
  }
  set_overrides(document, overrides);
  if (const auto block = document.root().find("search")) {
    throw block->error("a scenario with a search is for `neurojoule search`");
  }
  if (const auto sweep = document.root().find("sweep")) {
    batch.is_batch = true;
    batch.points = expand_sweep(file, read_sweep(*sweep), overrides);
    batch.name = batch.points.front().scenario.name;
    return batch;
  }
  batch.points.push_back(
      {.label = "", .description = "", .scenario = read_scenario(document, file)});
  batch.name = batch.points.front().scenario.name;
  return batch;
}

}  // namespace nj
