#include "neurojoule/app/series_file.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "neurojoule/app/data_files.hpp"
#include "neurojoule/app/report.hpp"
#include "neurojoule/core/hdf5_file.hpp"
#include "neurojoule/hardware/population_graph.hpp"

#include "layer_counts.hpp"

namespace nj {
namespace {

/// Rows of a dataset are put into chunks of about so many values.
constexpr std::uint64_t chunk_values = 1 << 14;

/// A layer's column of counts.
struct CountColumn {
  const char* name;
  const char* units;
  std::uint64_t RunCounts::*count;
};
constexpr std::array count_columns = {
    CountColumn{"spikes", "1", &RunCounts::spikes},
    CountColumn{"synaptic_events", "1", &RunCounts::synaptic_events},
    CountColumn{"neuron_updates", "1", &RunCounts::neuron_updates},
    CountColumn{"packets", "1", &RunCounts::packets},
    CountColumn{"hops", "1", &RunCounts::hops},
    CountColumn{"memory_bits_read", "bit", &RunCounts::memory_bits_read},
    CountColumn{"memory_bits_written", "bit", &RunCounts::memory_bits_written},
};

/// A time of a unit of each core.
struct UnitColumn {
  const char* name;
  std::vector<UnitTimes> StepRecord::*cores;
  Picoseconds UnitTimes::*unit;
  bool of_frames;  ///< only of chips that read frames
};
constexpr std::array unit_columns = {
    UnitColumn{"neuron_unit_busy", &StepRecord::busy, &UnitTimes::neuron_unit, false},
    UnitColumn{"synapse_unit_busy", &StepRecord::busy, &UnitTimes::synapse_unit, false},
    UnitColumn{"encoder_unit_busy", &StepRecord::busy, &UnitTimes::encoder_unit, true},
    UnitColumn{"neuron_unit_stalled", &StepRecord::stalled, &UnitTimes::neuron_unit, true},
    UnitColumn{"synapse_unit_stalled", &StepRecord::stalled, &UnitTimes::synapse_unit, false},
    UnitColumn{"encoder_unit_stalled", &StepRecord::stalled, &UnitTimes::encoder_unit, true},
};

/// A time of an array.
struct TimeColumn {
  const char* name;
  Picoseconds ArrayStep::*time;
};
constexpr std::array time_columns = {
    TimeColumn{"computing", &ArrayStep::computing},
    TimeColumn{"waiting_for_loads", &ArrayStep::waiting_for_loads},
    TimeColumn{"waiting_for_stores", &ArrayStep::waiting_for_stores},
    TimeColumn{"off_chip", &ArrayStep::off_chip},
    TimeColumn{"off_chip_stalled", &ArrayStep::off_chip_stalled},
    TimeColumn{"spike_buffer", &ArrayStep::spike_buffer},
    TimeColumn{"spike_buffer_stalled", &ArrayStep::spike_buffer_stalled},
    TimeColumn{"ended", &ArrayStep::ended},
};

}  // namespace

struct SeriesFile::Impl {
  Impl(const PreparedRun& run, const std::filesystem::path& target) : prepared(run), file(target) {}

  const PreparedRun& prepared;
  Hdf5Writer file;
  std::uint64_t samples = 0;

  [[nodiscard]] const Chip& chip() const { return prepared.chip->chip; }

  void describe(const std::string& dataset, const std::string& units,
                const std::string& dimensions) {
    file.attribute(dataset, "units", units);
    file.attribute(dataset, "dimensions", dimensions);
  }

  /// Appends a sample to a dataset, which the first one creates; `shape` is that of one sample.
  template <Hdf5Element T>
  void append(const std::string& dataset, const std::string& units, const std::string& dimensions,
              const std::vector<std::uint64_t>& shape, const std::vector<T>& values) {
    if (values.empty()) return;
    if (samples == 0) {
      file.create_rows<T>(dataset, shape, std::max<std::uint64_t>(1, chunk_values / values.size()));
      describe(dataset, units, "sample" + dimensions);
    }
    file.append_rows<T>(dataset, values);
  }

  void write_names(const std::string& dataset, const std::string& dimension,
                   const std::vector<std::string>& names) {
    if (names.empty()) return;
    file.write_texts(dataset, names, {names.size()});
    file.attribute(dataset, "dimensions", dimension);
  }

  void begin(const SimulationResult& sample);
  void begin_cores();
  void begin_phases(const SimulationResult& sample);
  void add_phases(const SimulationResult& sample);
  void add_steps(const SimulationResult& sample);
  void add_layers(const SimulationResult& sample, const Activity& activity);
  void add_cores(const SimulationResult& sample);
  void add_links(const SimulationResult& sample);
  void add_array(const SimulationResult& sample);
};

/// What is the same for all samples.
void SeriesFile::Impl::begin(const SimulationResult& sample) {
  file.attribute("/", "format", std::string("neurojoule series"));
  file.attribute("/", "format_version", std::int64_t{series_format_version});
  file.attribute("/", "neurojoule_version", std::string(version()));
  file.attribute("/", "scenario", prepared.scenario.name);
  file.attribute("/", "scenario_hash", prepared.hash);
  file.attribute("/", "chip", chip().spec().name);
  file.attribute("/", "prices", full_name(prepared.chip->prices));
  std::vector<std::string> names;
  for (const Population& population : prepared.populations) {
    names.push_back(prepared.network.network().layer(population.lead).name);
  }
  write_names("/layers/name", "layer", names);
  if (chip().spec().array) {
    std::vector<std::uint32_t> layers;
    std::vector<std::uint32_t> steps;
    for (const ArrayStep& step : sample.array) {
      layers.push_back(step.population);
      steps.push_back(step.step);
    }
    file.write<std::uint32_t>("/array/layer", layers, {layers.size()});
    describe("/array/layer", "1", "row");
    file.write<std::uint32_t>("/array/step", steps, {steps.size()});
    describe("/array/step", "1", "row");
    return;
  }
  begin_cores();
  if (chip().spec().handshake) return begin_phases(sample);
  const PopulationGraph graph =
      population_graph(prepared.network.network(), prepared.populations, chip().reads_frames());
  file.write<std::uint32_t>("/layers/first_step", graph.depth, {graph.depth.size()});
  describe("/layers/first_step", "1", "layer");
  std::vector<std::string> from;
  std::vector<std::string> to;
  for (const Link& link : chip().topology().links()) {
    from.push_back(chip().topology().router_name(link.from));
    to.push_back(chip().topology().router_name(link.to));
  }
  write_names("/links/from", "link", from);
  write_names("/links/to", "link", to);
}

void SeriesFile::Impl::begin_cores() {
  std::vector<std::uint32_t> tiles;
  std::vector<std::string> kinds;
  for (const Core& core : chip().cores()) {
    tiles.push_back(core.tile);
    kinds.push_back(chip().spec().core_kinds[core.kind].name);
  }
  file.write<std::uint32_t>("/cores/tile", tiles, {tiles.size()});
  describe("/cores/tile", "1", "core");
  write_names("/cores/kind", "core", kinds);
}

/// Which phases there are, which is the same for all samples.
void SeriesFile::Impl::begin_phases(const SimulationResult& sample) {
  std::map<LayerId, std::int32_t> layers;
  for (const Population& population : prepared.populations) {
    layers.emplace(population.lead, static_cast<std::int32_t>(layers.size()));
  }
  std::vector<std::int32_t> layer;
  std::vector<std::int32_t> core;
  std::vector<std::uint32_t> step;
  for (const PhaseRecord& phase : sample.phases) {
    const bool port = phase.core.index == chip().cores().size();
    layer.push_back(layers.at(phase.layer));
    core.push_back(port ? -1 : static_cast<std::int32_t>(phase.core.index));
    step.push_back(phase.step);
  }
  file.write<std::int32_t>("/phases/layer", layer, {layer.size()});
  describe("/phases/layer", "1", "phase");
  file.write<std::int32_t>("/phases/core", core, {core.size()});
  describe("/phases/core", "1", "phase");
  file.write<std::uint32_t>("/phases/step", step, {step.size()});
  describe("/phases/step", "1", "phase");
}

void SeriesFile::Impl::add_phases(const SimulationResult& sample) {
  std::vector<std::int64_t> start;
  std::vector<std::int64_t> end;
  std::vector<std::uint64_t> packets;
  for (const PhaseRecord& phase : sample.phases) {
    start.push_back(phase.start.value());
    end.push_back(phase.end.value());
    packets.push_back(phase.packets);
  }
  append("/phases/start", "ps", ", phase", {start.size()}, start);
  append("/phases/end", "ps", ", phase", {end.size()}, end);
  append("/phases/packets", "1", ", phase", {packets.size()}, packets);
}

void SeriesFile::Impl::add_steps(const SimulationResult& sample) {
  std::vector<std::int64_t> start;
  std::vector<std::int64_t> end;
  for (const StepInterval& step : sample.timeline.steps) {
    start.push_back(step.start.value());
    end.push_back(step.end.value());
  }
  append("/steps/start", "ps", ", step", {start.size()}, start);
  append("/steps/end", "ps", ", step", {end.size()}, end);
  std::vector<std::uint64_t> packets;
  std::vector<std::uint64_t> hops;
  std::vector<std::int64_t> io_port;
  for (const StepRecord& step : sample.steps) {
    packets.push_back(step.packets);
    hops.push_back(step.hops);
    io_port.push_back(step.io_port.value());
  }
  append("/steps/packets", "1", ", step", {packets.size()}, packets);
  append("/steps/hops", "1", ", step", {hops.size()}, hops);
  append("/steps/io_port_busy", "ps", ", step", {io_port.size()}, io_port);
}

/// What layers.csv has, by step.
void SeriesFile::Impl::add_layers(const SimulationResult& sample, const Activity& activity) {
  const std::size_t steps = sample.steps.size();
  const std::size_t layers = prepared.populations.size();
  const std::vector<std::size_t> rows = rows_of_layers(prepared);
  const PopulationGraph graph =
      population_graph(prepared.network.network(), prepared.populations, chip().reads_frames());
  std::vector<RunCounts> counts(steps * layers);
  std::vector<double> energy(steps * layers);
  std::vector<double> totals;
  for (std::size_t g = 0; g < steps; ++g) {
    const auto at = [&](LayerId layer) { return g * layers + rows[layer.index]; };
    for (const auto& [key, count] : sample.steps[g].actions.entries()) {
      if (key.layer != chip_overhead) add_action(counts[at(key.layer)], key, count);
    }
    const Ledger ledger = price(prepared, sample.steps[g].actions);
    for (const auto& [layer, value] : energy_by_layer(ledger)) {
      if (layer != chip_overhead) energy[at(layer)] += value.value();
    }
    totals.push_back(ledger.total().value());
  }
  for (std::size_t p = 0; p < layers; ++p) {
    const auto& lif = prepared.populations[p].lif;
    for (std::uint32_t t = 0; lif && t < activity.timesteps; ++t) {
      counts[(graph.depth[p] + t) * layers + p].spikes =
          activity.layers[lif->index].steps[t].spikes;
    }
  }
  for (const CountColumn& column : count_columns) {
    std::vector<std::uint64_t> values;
    values.reserve(counts.size());
    for (const RunCounts& of : counts) values.push_back(of.*column.count);
    append(std::string("/layers/") + column.name, column.units, ", step, layer", {steps, layers},
           values);
  }
  append("/layers/energy", "pJ", ", step, layer", {steps, layers}, energy);
  append("/steps/energy", "pJ", ", step", {steps}, totals);
}

void SeriesFile::Impl::add_cores(const SimulationResult& sample) {
  const std::vector<std::uint64_t> shape = {sample.steps.size(), chip().cores().size()};
  for (const UnitColumn& column : unit_columns) {
    if (column.of_frames && !chip().reads_frames()) continue;
    std::vector<std::int64_t> times;
    for (const StepRecord& step : sample.steps) {
      for (const UnitTimes& core : step.*column.cores) times.push_back((core.*column.unit).value());
    }
    append(std::string("/cores/") + column.name, "ps", ", step, core", shape, times);
  }
  std::vector<std::uint64_t> queues;
  for (const StepRecord& step : sample.steps) {
    queues.insert(queues.end(), step.most_waiting.begin(), step.most_waiting.end());
  }
  append("/cores/most_packets", "1", ", step, core", shape, queues);
}

void SeriesFile::Impl::add_links(const SimulationResult& sample) {
  std::vector<std::uint64_t> flits;
  std::vector<std::int64_t> busy;
  std::vector<std::int64_t> stalled;
  std::vector<std::uint64_t> queues;
  for (const StepRecord& step : sample.steps) {
    for (const LinkLoad& link : step.links) {
      flits.push_back(link.flits);
      busy.push_back(link.busy.value());
      stalled.push_back(link.stalled.value());
      queues.push_back(link.max_queue);
    }
  }
  const std::vector<std::uint64_t> shape = {sample.steps.size(), chip().topology().links().size()};
  append("/links/flits", "1", ", step, link", shape, flits);
  append("/links/busy", "ps", ", step, link", shape, busy);
  append("/links/stalled", "ps", ", step, link", shape, stalled);
  append("/links/most_packets", "1", ", step, link", shape, queues);
}

void SeriesFile::Impl::add_array(const SimulationResult& sample) {
  const std::vector<std::uint64_t> shape = {sample.array.size()};
  std::vector<std::uint64_t> jobs;
  for (const ArrayStep& step : sample.array) jobs.push_back(step.jobs);
  append("/array/jobs", "1", ", row", shape, jobs);
  for (const TimeColumn& column : time_columns) {
    std::vector<std::int64_t> times;
    for (const ArrayStep& step : sample.array) times.push_back((step.*column.time).value());
    append(std::string("/array/") + column.name, "ps", ", row", shape, times);
  }
}

SeriesFile::SeriesFile(const PreparedRun& prepared, const std::filesystem::path& file)
    : impl_(std::make_unique<Impl>(prepared, file)) {}
SeriesFile::~SeriesFile() = default;
SeriesFile::SeriesFile(SeriesFile&&) noexcept = default;
SeriesFile& SeriesFile::operator=(SeriesFile&&) noexcept = default;

void SeriesFile::add(const SimulationResult& sample, const Activity& activity) {
  Impl& to = *impl_;
  if (to.samples == 0) to.begin(sample);
  to.append<std::uint64_t>("/samples/image", "1", "", {},
                           {to.prepared.dataset->image_index(to.samples)});
  if (to.chip().spec().array) {
    to.add_array(sample);
  } else if (to.chip().spec().handshake) {
    to.add_phases(sample);
  } else {
    to.add_steps(sample);
    to.add_layers(sample, activity);
    to.add_cores(sample);
    to.add_links(sample);
  }
  ++to.samples;
}

void SeriesFile::finish(const RunResult& result) {
  Impl& to = *impl_;
  if (!to.chip().spec().array) {
    std::vector<std::int32_t> layers(to.chip().cores().size(), -1);
    std::vector<std::int32_t> slice_layers;
    std::vector<std::uint32_t> slice_cores;
    for (const LayerSlice& slice : result.chip->mapping.slices) {
      const auto layer = static_cast<std::int32_t>(slice.population);
      slice_layers.push_back(layer);
      slice_cores.push_back(slice.core.index);
      std::int32_t& first = layers[slice.core.index];
      if (first < 0) first = layer;
    }
    to.file.write<std::int32_t>("/cores/layer", layers, {layers.size()});
    to.describe("/cores/layer", "1", "core");
    to.file.write<std::int32_t>("/slices/layer", slice_layers, {slice_layers.size()});
    to.describe("/slices/layer", "1", "slice");
    to.file.write<std::uint32_t>("/slices/core", slice_cores, {slice_cores.size()});
    to.describe("/slices/core", "1", "slice");
  }
  to.file.commit();
}

}  // namespace nj
