#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <neurojoule/app/report.hpp>
#include <neurojoule/app/run.hpp>

#include "support/tiny_scenario.hpp"

// What trace.json tells about when things happened.

using namespace nj;
using nj::testing::frames_chip;
using nj::testing::text_of;
using nj::testing::TinyScenario;

namespace {

/// Events of trace.json by process and thread: (start, end) in ps.
std::map<std::pair<int, int>, std::vector<std::pair<std::int64_t, std::int64_t>>> events_of(
    const nlohmann::json& trace) {
  std::map<std::pair<int, int>, std::vector<std::pair<std::int64_t, std::int64_t>>> events;
  for (const auto& event : trace["traceEvents"]) {
    if (event["ph"] != "X") continue;
    const std::int64_t start = std::llround(event["ts"].get<double>() * 1e6);
    const std::int64_t duration = std::llround(event["dur"].get<double>() * 1e6);
    events[{event["pid"], event["tid"]}].emplace_back(start, start + duration);
  }
  return events;
}

}  // namespace

TEST_CASE("a trace: named threads whose events do not overlap and add up to busy times") {
  for (const std::vector<std::string>& overrides :
       {std::vector<std::string>{}, std::vector<std::string>{"chip=" + frames_chip},
        std::vector<std::string>{"chip=pe_array45"}}) {
    const TinyScenario tiny;
    const PreparedRun prepared =
        prepare(read_batch(tiny.file(), overrides).points.front().scenario);
    const RunResult result = run(prepared, {.threads = 1, .progress = {}, .trace = true});
    write_results(prepared, result, tiny.folder() / "out");
    const auto trace = nlohmann::json::parse(text_of(tiny.folder() / "out" / "trace.json"));
    std::map<std::pair<int, int>, std::string> names;
    for (const auto& event : trace["traceEvents"]) {
      if (event["name"] == "thread_name") {
        names[{event["pid"], event["tid"]}] = event["args"]["name"];
      }
    }
    std::map<std::string, std::int64_t> sums;
    auto events = events_of(trace);
    CHECK(names.size() == events.size());
    for (auto& [track, of] : events) {
      CAPTURE(names.at(track));
      std::sort(of.begin(), of.end());
      for (std::size_t i = 0; i < of.size(); ++i) {
        if (i > 0) CHECK(of[i - 1].second <= of[i].first);
        sums[names.at(track)] += of[i].second - of[i].first;
      }
    }
    const SimulationResult& sample = *result.chip->traced;
    std::size_t units = 0;
    std::size_t encoding = 0;
    for (std::uint32_t core = 0; core < sample.busy.size(); ++core) {
      const auto [neurons, synapses, encoders] = sample.busy[core];
      const std::string kind = prepared.chip->chip.kind_of(CoreId{core}).name;
      const std::string name = "core " + std::to_string(core) + " (" + kind + "): ";
      if (neurons.value() > 0) ++units;
      CHECK(sums[name + "neuron unit"] == neurons.value());
      CHECK(sums[name + "synapse unit"] == synapses.value());
      CHECK(sums[name + "encoder unit"] == encoders.value());
      if (encoders.value() > 0) ++encoding;
    }
    CHECK((encoding > 0) == prepared.chip->chip.reads_frames());
    if (sample.array.empty()) CHECK(units > 10);
    std::size_t used = 0;
    const Topology& topology = prepared.chip->chip.topology();
    for (std::size_t i = 0; i < sample.links.size(); ++i) {
      const Link& link = topology.links()[i];
      const std::string name =
          "link " + topology.router_name(link.from) + " to " + topology.router_name(link.to);
      if (sample.links[i].flits > 0) ++used;
      CHECK(sums[name] == sample.links[i].busy.value());
    }
    if (sample.array.empty()) CHECK(used > 2);
    Picoseconds computing;
    Picoseconds off_chip;
    for (const ArrayStep& step : sample.array) {
      computing += step.computing;
      off_chip += step.off_chip;
    }
    CHECK(sums["array"] == computing.value());
    CHECK(sums["off-chip port"] == off_chip.value());
    CHECK(sums[sample.array.empty() ? "global steps" : "turns"] ==
          sample.timeline.latency().value());
  }
}

TEST_CASE("a trace says what it is of, and where its units end early") {
  const TinyScenario tiny;
  const PreparedRun prepared =
      prepare(read_batch(tiny.file(), {"dataset.first=4"}).points.front().scenario);
  RunResult result = run(prepared, {.threads = 1, .progress = {}, .trace = true});
  const auto other = [&] {
    write_trace(prepared, result, tiny.folder() / "trace.json");
    return nlohmann::json::parse(text_of(tiny.folder() / "trace.json"))["otherData"];
  };
  const auto whole = other();
  CHECK(whole["scenario"] == "tiny");
  CHECK(whole["image"] == 4);
  const std::int64_t latency = result.chip->latencies.front().value();
  CHECK(std::llround(std::stod(whole["latency_us"].get<std::string>()) * 1e6) == latency);
  CHECK_FALSE(whole.contains("units_until_us"));
  result.chip->traced->work_until = Picoseconds{12'000'034};
  CHECK(other()["units_until_us"] == "12.000034");
}
