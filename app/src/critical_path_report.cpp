#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "neurojoule/app/report.hpp"

#include "csv_field.hpp"

namespace nj {
namespace {

/// Below, a percentage is shown as 0.0.
constexpr double shown_percent = 0.05;

/// The latencies of all samples.
double whole_of(const ChipResult& chip) {
  Picoseconds sum;
  for (const Picoseconds latency : chip.latencies) sum += latency;
  return static_cast<double>(sum.value());
}

std::string layer_name(const PreparedRun& prepared, LayerId layer) {
  return layer == chip_overhead ? "" : prepared.network.network().layer(layer).name;
}

std::string_view title(PathKind kind) {
  switch (kind) {
    case PathKind::io_port:
      return "I/O port";
    case PathKind::frame_fetch:
      return "frame fetches";
    case PathKind::encoder_unit:
      return "encoder units";
    case PathKind::neuron_unit:
      return "neuron units";
    case PathKind::transit:
      return "network";
    case PathKind::link_wait:
      return "link waits";
    case PathKind::synapse_unit:
      return "synapse units";
    case PathKind::barrier:
      return "barriers";
    case PathKind::tick:
      return "ticks";
    case PathKind::handshake:
      return "handshakes";
    case PathKind::computing:
      return "computing";
    case PathKind::waiting_for_loads:
      return "loads";
    case PathKind::waiting_for_stores:
      return "stores";
    case PathKind::last_store:
      return "last store";
  }
  return "";
}

}  // namespace

std::string critical_path_csv(const PreparedRun& prepared, const RunResult& result) {
  const ChipResult& chip = *result.chip;
  std::vector<std::pair<PathPart, PathShare>> parts(chip.path.begin(), chip.path.end());
  std::stable_sort(parts.begin(), parts.end(),
                   [](const auto& a, const auto& b) { return a.second.time > b.second.time; });
  const double whole = whole_of(chip);
  std::string text = "part,layer,core,steps,last,ps,share\n";
  for (const auto& [part, share] : parts) {
    text += fmt::format(
        "{},{},{},{},{},{},{}\n", to_string(part.kind), csv_field(layer_name(prepared, part.layer)),
        part.core == no_core ? "" : fmt::format("{}", part.core.index), share.steps, share.last,
        share.time.value(), static_cast<double>(share.time.value()) / whole);
  }
  return text;
}

std::string critical_path_lines(const PreparedRun& prepared, const RunResult& result) {
  const ChipResult& chip = *result.chip;
  struct Line {
    Picoseconds time;
    std::map<std::string, Picoseconds> parts;  ///< by layer, or core that several share
  };
  std::array<Line, path_kinds> lines;
  for (const auto& [part, share] : chip.path) {
    Line& line = lines[static_cast<std::size_t>(part.kind)];
    line.time += share.time;
    const std::string core = part.core == no_core ? "" : fmt::format("core {}", part.core.index);
    line.parts[part.layer == chip_overhead ? core : layer_name(prepared, part.layer)] += share.time;
  }
  const double whole = whole_of(chip);
  const auto percent = [&](Picoseconds time) {
    return 100 * static_cast<double>(time.value()) / whole;
  };
  std::string text;
  for (std::size_t k = 0; k < path_kinds; ++k) {
    const Line& line = lines[k];
    if (line.time == Picoseconds{}) continue;
    const auto mean = Picoseconds{line.time.value() / static_cast<std::int64_t>(chip.samples)};
    text += fmt::format("           {:<14} {:>8}  {:>5.1f} %", title(static_cast<PathKind>(k)),
                        to_string(mean), percent(line.time));
    const auto largest =
        std::max_element(line.parts.begin(), line.parts.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    if (!largest->first.empty() && percent(line.time) >= shown_percent) {
      text += fmt::format("  most {:.1f} % {}", percent(largest->second), largest->first);
    }
    text += '\n';
  }
  return text;
}

}  // namespace nj
