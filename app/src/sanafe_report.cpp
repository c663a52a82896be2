#include "neurojoule/app/sanafe_report.hpp"

#include <iterator>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "neurojoule/app/data_files.hpp"
#include "neurojoule/core/atomic_file.hpp"

namespace nj {
namespace {

using Json = nlohmann::ordered_json;

/// 0.0166 of `unit` s as `16.6 ms`, to seven digits as in SANA-FE's summary.
std::string metric(double value, const char* unit) {
  static constexpr std::pair<double, const char*> prefixes[] = {
      {1, ""}, {1e-3, "m"}, {1e-6, "u"}, {1e-9, "n"}};
  for (const auto& [size, prefix] : prefixes) {
    if (value >= 0.99999995 * size) return fmt::format("{:.7g} {}{}", value / size, prefix, unit);
  }
  return fmt::format("{:.7g} p{}", value / 1e-12, unit);
}

}  // namespace

std::string_view to_string(sanafe::Timing timing) {
  switch (timing) {
    case sanafe::Timing::simple:
      return "simple";
    case sanafe::Timing::event:
      return "event";
    case sanafe::Timing::flit:
      return "flit";
  }
  return "";
}

std::string sanafe_summary_json(const SanafeRunInfo& info, const sanafe::SimulationResult& result) {
  const sanafe::StepResult& total = result.total;
  const Json json = {{"architecture", info.architecture},
                     {"network", info.network},
                     {"version", std::string(version())},
                     {"timing", std::string(to_string(info.timing))},
                     {"steps", result.steps.size()},
                     {"fired", total.counts.fired},
                     {"updated", total.counts.updated},
                     {"synaptic_events", total.counts.synaptic_events},
                     {"messages", total.counts.messages},
                     {"hops", total.counts.hops},
                     {"time_s", total.time_s},
                     {"energy_j",
                      {{"synapse", total.energy.synapse_j},
                       {"dendrite", total.energy.dendrite_j},
                       {"soma", total.energy.soma_j},
                       {"network", total.energy.network_j},
                       {"total", total.energy.total_j()}}},
                     {"cores_in_use", result.cores_in_use},
                     {"tiles_in_use", result.tiles_in_use}};
  // Names of files need not be UTF-8.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string sanafe_steps_csv(const sanafe::SimulationResult& result) {
  std::string text =
      "step,fired,updated,synaptic_events,messages,hops,time_s,energy_j.synapse,"
      "energy_j.dendrite,energy_j.soma,energy_j.network,energy_j.total\n";
  std::size_t number = 0;
  for (const sanafe::StepResult& step : result.steps) {
    fmt::format_to(std::back_inserter(text), "{},{},{},{},{},{},{},{},{},{},{},{}\n", ++number,
                   step.counts.fired, step.counts.updated, step.counts.synaptic_events,
                   step.counts.messages, step.counts.hops, step.time_s, step.energy.synapse_j,
                   step.energy.dendrite_j, step.energy.soma_j, step.energy.network_j,
                   step.energy.total_j());
  }
  return text;
}

std::string sanafe_table(const SanafeRunInfo& info, const sanafe::SimulationResult& result) {
  const sanafe::StepResult& total = result.total;
  return fmt::format(
      "{} on {}: {} steps, {} cores on {} tiles\n\n"
      "fired            {}\n"
      "updated          {}\n"
      "synaptic events  {}\n"
      "messages         {}\n"
      "hops             {}\n"
      "time             {} ({})\n"
      "energy           {}\n"
      "  synapse        {}\n"
      "  dendrite       {}\n"
      "  soma           {}\n"
      "  network        {}\n",
      info.network, info.architecture, result.steps.size(), result.cores_in_use,
      result.tiles_in_use, total.counts.fired, total.counts.updated, total.counts.synaptic_events,
      total.counts.messages, total.counts.hops, metric(total.time_s, "s"), to_string(info.timing),
      metric(total.energy.total_j(), "J"), metric(total.energy.synapse_j, "J"),
      metric(total.energy.dendrite_j, "J"), metric(total.energy.soma_j, "J"),
      metric(total.energy.network_j, "J"));
}

void write_sanafe_results(const SanafeRunInfo& info, const sanafe::SimulationResult& result,
                          const std::filesystem::path& directory) {
  write_file_atomically(directory / "steps.csv", sanafe_steps_csv(result));
  write_file_atomically(directory / "summary.json", sanafe_summary_json(info, result));
}

}  // namespace nj
