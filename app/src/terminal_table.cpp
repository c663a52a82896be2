#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "neurojoule/app/report.hpp"
#include "neurojoule/energy/uncertainty.hpp"

#include "short_count.hpp"
#include "text_table.hpp"

namespace nj {
namespace {

std::string percent(double part, double whole) {
  return whole > 0 ? fmt::format("{:.1f} %", 100 * part / whole) : "-";
}

std::string whole_count(double count) {
  return short_count(static_cast<std::uint64_t>(std::llround(count)));
}

std::string layer_table(const PreparedRun& prepared, const RunResult& result) {
  const bool priced = result.chip.has_value();
  const double total = priced ? result.chip->ledger.total().value() : 0.0;
  const auto divisor = static_cast<double>(priced ? result.chip->samples : result.samples);
  std::vector<std::string> header = {"layer",     "kind", "weights",
                                     "eff. bits", "rate", "syn. events"};
  if (priced) header.insert(header.end(), {"memory bits", "packets", "energy", "share"});
  TextTable table(header, 2);
  const auto per_inference = [&](std::uint64_t count) {
    return whole_count(static_cast<double>(count) / divisor);
  };
  for (const LayerRow& row : layer_rows(prepared, result)) {
    std::vector<std::string> cells = {
        row.name,
        row.kind,
        row.weights != 0 ? row.weight_format : "",
        row.weights != 0 ? fmt::format("{:.2f}", row.effective_bits) : "",
        row.kind == "head" ? "" : fmt::format("{:.3f}", row.firing_rate),
        per_inference(row.counts.synaptic_events)};
    if (priced) {
      cells.push_back(per_inference(row.counts.memory_bits_read + row.counts.memory_bits_written));
      cells.push_back(per_inference(row.counts.packets));
      cells.push_back(to_string(Picojoules(row.total_energy().value() / divisor)));
      cells.push_back(percent(row.total_energy().value(), total));
    }
    table.add(std::move(cells));
  }
  return table.render();
}

/// How well PEs and time are used.
std::string array_line(const ArraySpec& array, const ChipResult& chip) {
  double computing = 0;
  double off_chip = 0;
  for (const ArrayStep& step : chip.array) {
    computing += static_cast<double>(step.computing.value());
    off_chip += static_cast<double>(step.off_chip.value());
  }
  const double whole =
      static_cast<double>(mean_latency(chip).value()) * static_cast<double>(chip.samples);
  return fmt::format(
      "array      {} x {} PEs, {} of them used; computing {} of the time, off-chip "
      "port busy {}\n",
      array.rows, array.columns, percent(array_utilisation(chip.tilings), 1.0),
      percent(computing, whole), percent(off_chip, whole));
}

/// How many cores are used, and which part of the time their units work, on average.
std::string cores_line(const PreparedRun& prepared, const ChipResult& result) {
  const Chip& chip = prepared.chip->chip;
  double neurons = 0;
  double synapses = 0;
  double stalled = 0;
  double serving = 0;
  const std::vector<UsedCore> cores = used_cores(result.mapping);
  for (const UsedCore& used : cores) {
    const CoreId core = used.core;
    neurons += static_cast<double>(result.cores[core.index].neuron_unit.value());
    if (!chip.kind_of(core).takes_packets()) continue;
    ++serving;
    synapses += static_cast<double>(result.cores[core.index].synapse_unit.value());
    stalled += static_cast<double>(result.stalled[core.index].synapse_unit.value());
  }
  double whole = 0;
  for (const Picoseconds latency : result.latencies) whole += static_cast<double>(latency.value());
  const auto used = static_cast<double>(cores.size());
  return fmt::format(
      "cores      {} of {} used; neuron units work {} of the time, synapse units {} and wait {}\n",
      used, chip.cores().size(), percent(neurons, used * whole), percent(synapses, serving * whole),
      percent(stalled, serving * whole));
}

std::string throughput_line(const PreparedRun& prepared, const ChipResult& chip) {
  const double per_second = 1e12 / static_cast<double>(chip.interval.value());
  return fmt::format(
      "throughput {}/s, an inference every {} where they follow one another{}\n",
      per_second < 1000 ? fmt::format("{:.3g}", per_second) : whole_count(per_second),
      to_string(chip.interval), prepared.chip->chip.spec().array ? "" : " without a pause");
}

std::string energy_lines(const RunResult& result) {
  const ChipResult& chip = *result.chip;
  const double total = chip.ledger.total().value();
  std::string text = fmt::format("energy     {} per inference (mean of {} simulated samples)\n",
                                 to_string(energy_per_inference(chip)), chip.samples);
  for (const auto& [category, value] : energy_by_category(chip.ledger)) {
    if (value == Picojoules{}) continue;
    text += fmt::format("           {:<14} {:>8}  {:>7}\n", to_string(category),
                        to_string(Picojoules(value.value() / static_cast<double>(chip.samples))),
                        percent(value.value(), total));
  }
  const EnergyRange range = energy_range(chip.ledger);
  const auto mean = [&](Picojoules energy) {
    return to_string(Picojoules{energy.value() / static_cast<double>(chip.samples)});
  };
  text +=
      fmt::format("           {} .. {} in 90 % of draws of uncertain prices, {} .. {} at most\n",
                  mean(range.p5), mean(range.p95), mean(range.low), mean(range.high));
  if (chip.baselines) text += baseline_lines(result);
  return text;
}

}  // namespace

std::string terminal_table(const PreparedRun& prepared, const RunResult& result) {
  const Scenario& scenario = prepared.scenario;
  std::string text = fmt::format("\n{}: counts {}per inference\n\n", scenario.name,
                                 result.chip ? "and energy " : "");
  text += layer_table(prepared, result);
  text += prepared.has_classifier
              ? fmt::format("\naccuracy   {:.2f} % ({} of {} samples)\n", 100 * result.accuracy(),
                            result.correct, result.samples)
              : "\naccuracy   none: the model has no classifier\n";
  text += fmt::format("weights    {} in {:.3f} effective bits each\n",
                      to_string(Bits(prepared.network.weight_storage_bits())),
                      mean_effective_bits(prepared.network));
  if (!result.chip) {
    return text + "energy     none: the scenario names no chip\n" +
           convention_lines(prepared, result);
  }
  text += fmt::format("chip       {}, prices {}\n", prepared.chip->chip.spec().name,
                      result.chip->ledger.table);
  text += prepared.chip->chip.spec().array
              ? array_line(*prepared.chip->chip.spec().array, *result.chip)
              : cores_line(prepared, *result.chip);
  text += fmt::format("latency    {} per inference\n", to_string(mean_latency(*result.chip)));
  text += critical_path_lines(prepared, result) + throughput_line(prepared, *result.chip);
  return text + energy_lines(result) + convention_lines(prepared, result);
}

}  // namespace nj
