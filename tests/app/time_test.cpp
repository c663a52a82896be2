#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <set>
#include <sstream>
#include <stdexcept>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <neurojoule/app/report.hpp>
#include <neurojoule/app/run.hpp>
#include <neurojoule/core/hdf5_file.hpp>

#include "support/tiny_scenario.hpp"

// What a run tells about when things happened: series.h5, units.csv, critical_path.csv.

using namespace nj;
using nj::testing::frames_chip;
using nj::testing::TinyScenario;

namespace {

/// Runs with series.h5 in the scenario's folder.
RunResult run_with_series(const TinyScenario& tiny, const PreparedRun& prepared) {
  SeriesFile series(prepared, tiny.folder() / "series.h5");
  RunOptions options{.threads = 1};
  options.simulated = [&](const SimulationResult& sample, const Activity& activity) {
    series.add(sample, activity);
  };
  RunResult result = run(prepared, options);
  write_results(prepared, result, tiny.folder().path(), &series);
  return result;
}

/// Sums over samples and steps of a dataset [sample, step, n], by its last dimension.
template <class T>
std::vector<T> sums_of(const Hdf5Reader& file, const std::string& dataset) {
  const auto values = file.read<T>(dataset, 1 << 22);
  std::vector<T> sums(file.shape(dataset).back());
  for (std::size_t i = 0; i < values.size(); ++i) sums[i % sums.size()] += values[i];
  return sums;
}

/// The sum over a whole dataset.
template <class T>
T sum_of(const Hdf5Reader& file, const std::string& dataset) {
  const auto sums = sums_of<T>(file, dataset);
  return std::accumulate(sums.begin(), sums.end(), T{});
}

}  // namespace

TEST_CASE("series.h5: what was done in steps adds up to the results, layer by layer") {
  const TinyScenario tiny;
  const PreparedRun prepared = prepare(
      read_batch(tiny.file(), {"outputs.series=true", "dataset.first=2", "dataset.samples=5"})
          .points.front()
          .scenario);
  const RunResult result = run_with_series(tiny, prepared);
  const Hdf5Reader file(tiny.folder() / "series.h5");
  CHECK(file.attribute_text("/", "format") == "neurojoule series");
  CHECK(file.attribute_integer("/", "format_version") == 1);
  CHECK(file.attribute_text("/", "scenario_hash") == prepared.hash);
  CHECK(file.read<std::uint64_t>("/samples/image", 10) == std::vector<std::uint64_t>{2, 3, 4});

  const std::vector<LayerRow> rows = layer_rows(prepared, result);
  const std::vector<std::string> names = file.read_texts("/layers/name", 100, 10'000);
  const std::pair<const char*, std::uint64_t RunCounts::*> columns[] = {
      {"spikes", &RunCounts::spikes},
      {"synaptic_events", &RunCounts::synaptic_events},
      {"neuron_updates", &RunCounts::neuron_updates},
      {"packets", &RunCounts::packets},
      {"hops", &RunCounts::hops},
      {"memory_bits_read", &RunCounts::memory_bits_read},
      {"memory_bits_written", &RunCounts::memory_bits_written}};
  REQUIRE(names.size() == rows.size());
  for (const auto& [name, count] : columns) {
    CAPTURE(name);
    const auto sums = sums_of<std::uint64_t>(file, std::string("/layers/") + name);
    REQUIRE(sums.size() == rows.size());
    std::uint64_t done = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      CHECK(names[i] == rows[i].name);
      CHECK(sums[i] == rows[i].counts.*count);
      done += sums[i];
    }
    CHECK(done > 0);
  }
  const double total = result.chip->ledger.total().value();
  CHECK(sum_of<double>(file, "/steps/energy") == doctest::Approx(total).epsilon(1e-12));
  const auto energy = sums_of<double>(file, "/layers/energy");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CHECK(energy[i] == doctest::Approx(rows[i].total_energy().value()).epsilon(1e-12));
  }
  CHECK(file.attribute_text("/layers/energy", "units") == "pJ");
  CHECK(file.attribute_text("/layers/energy", "dimensions") == "sample, step, layer");
  CHECK(sum_of<std::uint64_t>(file, "/steps/packets") == result.chip->packets);
  CHECK(sum_of<std::uint64_t>(file, "/steps/hops") == result.chip->hops);
  // Without the steps, the same result.
  CHECK(result_json(prepared, run(prepared, {.threads = 1})) == result_json(prepared, result));
}

/// The tiny scenario on a chip whose encoders read frames and whose long links stall, as only one
/// packet may be on its way.
PreparedRun prepare_stalling(const TinyScenario& tiny) {
  const std::filesystem::path chip = tiny.folder() / "stalling.yaml";
  write_file_atomically(chip,
                        "base: " + frames_chip +
                            "\nname: stalling\ndescription: small buffers, long links\n"
                            "topology: {buffer: 1 packets, hop_north_south: {latency: 100 ns}}\n");
  return prepare(read_batch(tiny.file(), {"chip=" + chip.string()}).points.front().scenario);
}

TEST_CASE("series.h5: steps follow one another, cores and links add up to their loads") {
  const TinyScenario tiny;
  const PreparedRun prepared = prepare_stalling(tiny);
  const RunResult result = run_with_series(tiny, prepared);
  const Hdf5Reader file(tiny.folder() / "series.h5");
  const auto start = file.read<std::int64_t>("/steps/start", 1'000);
  const auto end = file.read<std::int64_t>("/steps/end", 1'000);
  const std::size_t steps = file.shape("/steps/start").back();
  REQUIRE(start.size() == 3 * steps);
  for (std::size_t i = 0; i < start.size(); ++i) {
    CHECK(start[i] == (i % steps == 0 ? 0 : end[i - 1]));
    if ((i + 1) % steps == 0) CHECK(end[i] == result.chip->latencies[i / steps].value());
  }
  const auto neurons = sums_of<std::int64_t>(file, "/cores/neuron_unit_busy");
  const auto synapses = sums_of<std::int64_t>(file, "/cores/synapse_unit_busy");
  const auto encoders = sums_of<std::int64_t>(file, "/cores/encoder_unit_busy");
  const auto neurons_wait = sums_of<std::int64_t>(file, "/cores/neuron_unit_stalled");
  const auto synapses_wait = sums_of<std::int64_t>(file, "/cores/synapse_unit_stalled");
  const auto encoders_wait = sums_of<std::int64_t>(file, "/cores/encoder_unit_stalled");
  CHECK(sum_of<std::int64_t>(file, "/steps/io_port_busy") == result.chip->io_port.value());
  const auto waiting = file.read<std::uint64_t>("/cores/most_packets", 1 << 20);
  std::vector<std::uint32_t> most_waiting(neurons.size());
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    std::uint32_t& most = most_waiting[i % most_waiting.size()];
    most = std::max(most, static_cast<std::uint32_t>(waiting[i]));
  }
  CHECK(most_waiting == result.chip->most_waiting);
  const auto layers = file.read<std::int32_t>("/cores/layer", 1'000);
  REQUIRE(neurons.size() == result.chip->cores.size());
  for (std::size_t c = 0; c < neurons.size(); ++c) {
    CHECK(UnitTimes{Picoseconds{neurons[c]}, Picoseconds{synapses[c]}, Picoseconds{encoders[c]}} ==
          result.chip->cores[c]);
    CHECK(UnitTimes{Picoseconds{neurons_wait[c]}, Picoseconds{synapses_wait[c]},
                    Picoseconds{encoders_wait[c]}} == result.chip->stalled[c]);
    CHECK((layers[c] >= 0) == (neurons[c] > 0));
  }
  const auto flits = sums_of<std::uint64_t>(file, "/links/flits");
  const auto busy = sums_of<std::int64_t>(file, "/links/busy");
  const auto stalled = sums_of<std::int64_t>(file, "/links/stalled");
  const auto queues = file.read<std::uint64_t>("/links/most_packets", 1 << 20);
  std::vector<std::uint64_t> most(flits.size());
  for (std::size_t i = 0; i < queues.size(); ++i) {
    most[i % most.size()] = std::max(most[i % most.size()], queues[i]);
  }
  REQUIRE(flits.size() == result.chip->links.size());
  for (std::size_t i = 0; i < flits.size(); ++i) {
    CHECK(LinkLoad{flits[i], Picoseconds{busy[i]}, most[i], Picoseconds{stalled[i]}} ==
          result.chip->links[i]);
  }
  CHECK(file.read_texts("/links/to", 1'000, 100'000)[0] ==
        prepared.chip->chip.topology().router_name(prepared.chip->chip.topology().links()[0].to));
}

TEST_CASE("series.h5 of a chip without barriers has its phases, sample by sample") {
  const TinyScenario tiny;
  const PreparedRun prepared =
      prepare(read_batch(tiny.file(), {"outputs.series=true",
                                       "chip={base: mesh45, synchronisation: {handshake: 5 ns}}"})
                  .points.front()
                  .scenario);
  const RunResult result = run_with_series(tiny, prepared);
  const Hdf5Reader file(tiny.folder() / "series.h5");
  const auto core = file.read<std::int32_t>("/phases/core", 1 << 20);
  const auto layer = file.read<std::int32_t>("/phases/layer", 1 << 20);
  const auto step = file.read<std::uint32_t>("/phases/step", 1 << 20);
  const auto start = file.read<std::int64_t>("/phases/start", 1 << 20);
  const auto end = file.read<std::int64_t>("/phases/end", 1 << 20);
  REQUIRE(file.shape("/phases/end") == std::vector<std::uint64_t>{3, core.size()});
  const auto layers_of_cores = file.read<std::int32_t>("/cores/layer", 1 << 20);
  std::vector<std::int64_t> busy(prepared.chip->chip.cores().size());
  std::int64_t latency = 0;
  for (std::size_t sample = 0; sample < 3; ++sample) {
    std::int64_t last = 0;
    for (std::size_t p = 0; p < core.size(); ++p) {
      const std::size_t i = sample * core.size() + p;
      CHECK(start[i] <= end[i]);
      if (step[p] > 0 && core[p] >= 0) CHECK(start[i] >= end[i - 1]);  // by time step
      last = std::max(last, end[i]);
      if (core[p] < 0) continue;
      CHECK(layers_of_cores[static_cast<std::size_t>(core[p])] == layer[p]);
      busy[static_cast<std::size_t>(core[p])] += end[i] - start[i];
    }
    latency += last;
  }
  CHECK(latency == 3 * mean_latency(*result.chip).value());
  for (std::size_t c = 0; c < busy.size(); ++c) {
    CHECK(busy[c] == result.chip->cores[c].neuron_unit.value());
  }
  CHECK(sum_of<std::uint64_t>(file, "/phases/packets") == result.chip->packets);
}

TEST_CASE("series.h5 of an array has the rows of array.csv, sample by sample") {
  const TinyScenario tiny;
  const PreparedRun prepared =
      prepare(read_batch(tiny.file(), {"chip=pe_array45"}).points.front().scenario);
  const RunResult result = run_with_series(tiny, prepared);
  const Hdf5Reader file(tiny.folder() / "series.h5");
  const auto layers = file.read<std::uint32_t>("/array/layer", 1'000);
  const auto steps = file.read<std::uint32_t>("/array/step", 1'000);
  const auto jobs = sums_of<std::uint64_t>(file, "/array/jobs");
  REQUIRE(layers.size() == result.chip->array.size());
  const auto times = [&](const char* name) {
    return sums_of<std::int64_t>(file, std::string("/array/") + name);
  };
  const auto computing = times("computing");
  const auto loads = times("waiting_for_loads");
  const auto stores = times("waiting_for_stores");
  const auto off_chip = times("off_chip");
  const auto off_chip_stalled = times("off_chip_stalled");
  const auto spike_buffer = times("spike_buffer");
  const auto spike_buffer_stalled = times("spike_buffer_stalled");
  const auto ended = times("ended");
  for (std::size_t i = 0; i < layers.size(); ++i) {
    CHECK(ArrayStep{layers[i], steps[i], jobs[i], Picoseconds{computing[i]}, Picoseconds{loads[i]},
                    Picoseconds{stores[i]}, Picoseconds{off_chip[i]},
                    Picoseconds{off_chip_stalled[i]}, Picoseconds{spike_buffer[i]},
                    Picoseconds{spike_buffer_stalled[i]},
                    Picoseconds{ended[i]}} == result.chip->array[i]);
  }
}

/// Fields of a line of CSV; names of routers, such as (0,1), are quoted.
std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  return fields;
}

TEST_CASE("units.csv: every unit in use, how long it worked and waited") {
  const TinyScenario tiny;
  const PreparedRun prepared = prepare_stalling(tiny);
  const RunResult result = run(prepared, {.threads = 1, .progress = {}});
  const ChipResult& chip = *result.chip;
  double latency = 0;
  for (const Picoseconds of : chip.latencies) latency += static_cast<double>(of.value());
  std::istringstream lines(units_csv(prepared, result));
  std::string line;
  std::getline(lines, line);
  CHECK(line ==
        "unit,core,from,to,tile,layer,busy_ps,stalled_ps,busy_fraction,stalled_fraction,flits,"
        "most_packets");
  std::map<std::string, std::size_t> rows;
  std::map<std::string, double> waits;
  std::uint64_t flits = 0;
  const auto check = [&](const std::vector<std::string>& row, Picoseconds busy,
                         Picoseconds stalled) {
    CHECK(std::stoll(row[6]) == busy.value() / 3);
    CHECK(std::stoll(row[7]) == stalled.value() / 3);
    CHECK(std::stod(row[8]) * latency ==
          doctest::Approx(static_cast<double>(busy.value())).epsilon(1e-12));
    CHECK(std::stod(row[9]) * latency ==
          doctest::Approx(static_cast<double>(stalled.value())).epsilon(1e-12));
    CHECK(std::stod(row[8]) + std::stod(row[9]) <= 1);
    waits[row[0]] += static_cast<double>(stalled.value());
  };
  const Topology& topology = prepared.chip->chip.topology();
  while (std::getline(lines, line)) {
    const std::vector<std::string> row = fields_of(line);
    REQUIRE(row.size() == 12);
    const std::size_t number = rows[row[0]]++;
    if (row[0] != "link") CHECK(row[10].empty());
    if (row[0] != "link" && row[0] != "synapse_unit") CHECK(row[11].empty());
    if (row[0] == "io_port") {
      check(row, chip.io_port, Picoseconds{0});
    } else if (row[0] == "link") {
      CHECK(row[2] == topology.router_name(topology.links()[number].from));
      CHECK(row[3] == topology.router_name(topology.links()[number].to));
      check(row, chip.links[number].busy, chip.links[number].stalled);
      // Buffers hold one packet: where any passed, the most at once is one.
      CHECK(row[11] == (row[10] == "0" ? "0" : "1"));
      flits += std::stoull(row[10]);
    } else {
      const auto core = static_cast<std::uint32_t>(std::stoul(row[1]));
      CHECK(std::stoul(row[4]) == prepared.chip->chip.cores()[core].tile);
      CHECK_FALSE(row[5].empty());
      const auto time = row[0] == "neuron_unit"    ? &UnitTimes::neuron_unit
                        : row[0] == "synapse_unit" ? &UnitTimes::synapse_unit
                                                   : &UnitTimes::encoder_unit;
      check(row, chip.cores[core].*time, chip.stalled[core].*time);
      if (row[0] == "synapse_unit") CHECK(row[11] == std::to_string(chip.most_waiting[core]));
    }
  }
  CHECK(flits == run_counts(result).hops);  // a packet is one flit of 64 bits
  // Cores have an encoder unit that reads frames, or a synapse unit.
  CHECK(rows.at("io_port") == 1);
  CHECK(rows.at("link") == topology.links().size());
  CHECK(rows.at("neuron_unit") == chip.mapping.slices.size());
  CHECK(rows.at("synapse_unit") + rows.at("encoder_unit") == rows.at("neuron_unit"));
  for (const char* unit : {"link", "neuron_unit", "synapse_unit", "encoder_unit"}) {
    CAPTURE(unit);
    CHECK(waits.at(unit) > 0);
  }
}

TEST_CASE("units.csv of an array: it and its ports, layer by layer") {
  const TinyScenario tiny;
  const PreparedRun prepared =
      prepare(read_batch(tiny.file(), {"chip=pe_array45"}).points.front().scenario);
  const RunResult result = run(prepared, {.threads = 1, .progress = {}});
  const ChipResult& chip = *result.chip;
  const auto samples = static_cast<std::int64_t>(chip.samples);
  std::map<std::string, std::array<std::int64_t, 2>> sums;
  std::set<std::string> layers;
  std::istringstream lines(units_csv(prepared, result));
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    const std::vector<std::string> row = fields_of(line);
    REQUIRE(row.size() == 12);
    sums[row[0]][0] += std::stoll(row[6]);
    sums[row[0]][1] += std::stoll(row[7]);
    layers.insert(row[5]);
  }
  std::map<std::string, std::array<Picoseconds, 2>> expected;
  std::set<std::uint32_t> populations;
  const auto add = [&](const char* unit, Picoseconds busy, Picoseconds stalled) {
    expected[unit][0] += busy;
    expected[unit][1] += stalled;
  };
  for (const ArrayStep& step : chip.array) {
    add("array", step.computing, step.waiting_for_loads + step.waiting_for_stores);
    add("off_chip_port", step.off_chip, step.off_chip_stalled);
    add("spike_buffer_port", step.spike_buffer, step.spike_buffer_stalled);
    populations.insert(step.population);
  }
  CHECK(layers.size() == populations.size());
  const auto rounding = static_cast<std::int64_t>(layers.size());  // a mean is rounded per layer
  REQUIRE(sums.size() == expected.size());
  for (const auto& [unit, times] : expected) {
    CAPTURE(unit);
    for (std::size_t i = 0; i < 2; ++i) {
      CHECK(times[i] > Picoseconds{0});
      CHECK(sums.at(unit)[i] <= times[i].value() / samples);
      CHECK(sums.at(unit)[i] >= times[i].value() / samples - rounding);
    }
  }
}

TEST_CASE("busy and stalled times: means in the terminal, each under the pointer of the heat map") {
  const TinyScenario tiny;
  const PreparedRun prepared = prepare_stalling(tiny);
  const RunResult result = run(prepared, {.threads = 1, .progress = {}});
  const ChipResult& chip = *result.chip;
  double latency = 0;
  for (const Picoseconds of : chip.latencies) latency += static_cast<double>(of.value());
  double neurons = 0;
  for (const UnitTimes& core : chip.cores) neurons += static_cast<double>(core.neuron_unit.value());
  const std::string mean =
      fmt::format("; neuron units work {:.1f} % of the time, synapse units ",
                  100 * neurons / latency / static_cast<double>(chip.mapping.slices.size()));
  CHECK(terminal_table(prepared, result).find(mean) != std::string::npos);
  const UnitTimes& stalled = chip.stalled[chip.mapping.slices.front().core.index];
  const std::string tip =
      fmt::format(", stalled {:.3g} %</title></rect>",
                  100 * static_cast<double>(stalled.encoder_unit.value()) / latency);
  CHECK(heatmap_svg(prepared, result).find(tip) != std::string::npos);
}

TEST_CASE("a run that stops leaves no series behind") {
  const TinyScenario tiny;
  const PreparedRun prepared = prepare(read_batch(tiny.file(), {}).points.front().scenario);
  const std::filesystem::path folder = tiny.folder() / "out";
  std::filesystem::create_directories(folder);
  {
    SeriesFile series(prepared, folder / "series.h5");
    std::uint64_t added = 0;
    RunOptions options{.threads = 1};
    options.simulated = [&](const SimulationResult& sample, const Activity& activity) {
      series.add(sample, activity);
      if (++added == 2) throw std::runtime_error("stopped");
    };
    CHECK_THROWS_AS(run(prepared, options), std::runtime_error);
    CHECK(added == 2);
    CHECK(std::filesystem::exists(folder / "series.h5.partial"));
  }
  CHECK(std::filesystem::is_empty(folder));
  // A place that cannot be written to.
  CHECK_THROWS_AS(SeriesFile(prepared, folder / "none" / "series.h5"), Error);
  // One that is lost while the run goes on.
  SeriesFile series(prepared, folder / "series.h5");
  RunOptions options{.threads = 1};
  options.simulated = [&](const SimulationResult& sample, const Activity& activity) {
    series.add(sample, activity);
  };
  const RunResult result = run(prepared, options);
  std::filesystem::create_directories(folder / "series.h5" / "in the way");
  CHECK_THROWS_AS(series.finish(result), Error);
  CHECK_FALSE(std::filesystem::exists(folder / "series.h5.partial"));
}

TEST_CASE(
    "critical_path.csv: parts of cores, network and barriers, or of an array, are the latency") {
  const TinyScenario tiny;
  for (const std::string& chip : {std::string("mesh45"), frames_chip, std::string("pe_array45")}) {
    CAPTURE(chip);
    const PreparedRun prepared =
        prepare(read_batch(tiny.file(), {"chip=" + chip}).points.front().scenario);
    const RunResult result = run(prepared, {.threads = 1, .progress = {}, .trace = true});
    Picoseconds latency;
    for (const Picoseconds of : result.chip->latencies) latency += of;
    std::istringstream lines(critical_path_csv(prepared, result));
    std::string line;
    std::getline(lines, line);
    CHECK(line == "part,layer,core,steps,last,ps,share");
    std::int64_t sum = 0;
    std::int64_t before = latency.value();
    double shares = 0;
    std::uint64_t last = 0;
    std::set<std::string> parts;
    while (std::getline(lines, line)) {
      std::vector<std::string> fields;
      std::istringstream text(line);
      for (std::string field; std::getline(text, field, ',');) fields.push_back(field);
      REQUIRE(fields.size() == 7);
      parts.insert(fields[0]);
      CHECK(std::stoll(fields[5]) <= before);
      before = std::stoll(fields[5]);
      sum += before;
      last += std::stoull(fields[4]);
      shares += std::stod(fields[6]);
    }
    CHECK(sum == latency.value());
    CHECK(shares == doctest::Approx(1.0).epsilon(1e-12));
    const std::string table = terminal_table(prepared, result);
    if (result.chip->array.empty()) {
      CHECK(last == 3 * result.chip->traced->timeline.steps.size());
      const bool frames = chip == frames_chip;
      CHECK(parts.count("neuron_unit") + parts.count("barrier") == 2);
      if (!frames) CHECK(parts.count("synapse_unit") == 1);
      CHECK(parts.count("frame_fetch") + parts.count("encoder_unit") == (frames ? 2 : 0));
      CHECK(parts.count("io_port") == (frames ? 0 : 1));
      CHECK(table.find("           barriers ") != std::string::npos);
      CHECK((table.find("           encoder units ") != std::string::npos) == frames);
      CHECK((table.find("           I/O port ") != std::string::npos) == !frames);
    } else {
      CHECK(last == 3 * result.chip->array.size());
      CHECK(parts.count("computing") + parts.count("waiting_for_loads") == 2);
      CHECK(table.find("           computing ") != std::string::npos);
    }
  }
}
