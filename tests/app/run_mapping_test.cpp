#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <neurojoule/app/report.hpp>
#include <neurojoule/app/run.hpp>

#include "support/tiny_run.hpp"

using namespace nj;
using nj::testing::run_tiny;
using nj::testing::TinyScenario;

TEST_CASE("more slices make a run faster, with the same work, and its mapping reads back") {
  const TinyScenario tiny;
  const auto fewest = run_tiny(tiny);
  const auto [prepared, result] = run_tiny(tiny, {"mapping.slices=fastest"});
  CHECK(result.predictions == fewest.result.predictions);
  CHECK(result.chip->mapping.slices.size() > fewest.result.chip->mapping.slices.size());
  CHECK(mean_latency(*result.chip) < mean_latency(*fewest.result.chip));
  const auto work = [](const RunResult& of) {
    const ActionCounts& actions = of.chip->actions;
    return std::array{actions.total(Action::synaptic_operation),
                      actions.total(Action::neuron_update_active),
                      actions.total(Action::neuron_update_inactive)};
  };
  CHECK(work(result) == work(fewest.result));
  CHECK(nlohmann::json::parse(result_json(prepared, result))["mapping"]["slices"] == "fastest");
  write_file_atomically(tiny.folder() / "mapping.yaml", mapping_yaml(prepared, result));
  const auto again = run_tiny(tiny, {"mapping.file=mapping.yaml"});
  CHECK(again.result.chip->mapping == result.chip->mapping);
  CHECK(again.result.chip->actions == result.chip->actions);
  CHECK_FALSE(nlohmann::json::parse(result_json(again.prepared, again.result))["mapping"].contains(
      "slices"));
}

TEST_CASE("what a search measures is cut as the scenario wants it") {
  const TinyScenario tiny;
  for (const char* slices : {"fewest", "fastest"}) {
    CAPTURE(slices);
    const auto [prepared, result] =
        run_tiny(tiny, {std::string("mapping.slices=") + slices, "mapping.placement=in-order",
                        "outputs.spikes=true"});
    const ChipCosts costs(prepared.scenario);
    CHECK(costs.latency(prepared.network, result.chip->traces) == mean_latency(*result.chip));
    CHECK(costs.energy(prepared.network, result.chip->traces) ==
          energy_per_inference(*result.chip));
  }
}

TEST_CASE("no placement changes what a run counts, and the mapping written reads back") {
  const TinyScenario tiny;
  const auto first = run_tiny(tiny);
  RunCounts expected = run_counts(first.result);
  expected.hops = 0;
  std::vector<std::uint64_t> hops;
  for (const char* placement : {"in-order", "greedy", "annealing", "partition"}) {
    CAPTURE(placement);
    const auto [prepared, result] =
        run_tiny(tiny, {std::string("mapping.placement=") + placement, "mapping.effort=2"});
    RunCounts counts = run_counts(result);
    CHECK(result.predictions == first.result.predictions);
    counts.hops = 0;
    CHECK(counts == expected);
    hops.push_back(result.chip->expected_packet_hops);

    const auto json = nlohmann::json::parse(result_json(prepared, result))["mapping"];
    CHECK(json["placement"] == placement);
    CHECK(json["expected_packet_hops"] == hops.back());
    CHECK(json["core_kinds"]["neuron"]["cores"] == 96);
    CHECK(json["core_kinds"]["attention"]["cores_used"] == 1);

    write_file_atomically(tiny.folder() / "mapping.yaml", mapping_yaml(prepared, result));
    const auto again = run_tiny(tiny, {"mapping.file=mapping.yaml"});
    CHECK(again.result.chip->mapping == result.chip->mapping);
    CHECK(again.result.chip->actions == result.chip->actions);
    const std::string by = fmt::format(",{},", placement);
    std::string text = mapping_csv(prepared, result);
    for (auto at = text.find(by); at != std::string::npos; at = text.find(by)) {
      text.replace(at, by.size(), ",fixed,");
    }
    CHECK(mapping_csv(again.prepared, again.result) == text);
    CHECK(again.prepared.hash != prepared.hash);
  }
  CHECK(hops[2] <= hops[1]);  // annealing starts from greedy
  CHECK(first.result.chip->mapping ==
        run_tiny(tiny, {"mapping.placement=greedy"}).result.chip->mapping);
}

TEST_CASE("mapping.chip_link keeps packets on their chip") {
  const TinyScenario tiny;
  write_file_atomically(tiny.folder() / "board.yaml", R"(base: mesh45
name: board
topology:
  kind: multi-chip
  chip:
    kind: mesh
    width: 2
    height: 2
    link: {cycle: 1 ns}
    hop_east_west: {latency: 2 ns}
    hop_north_south: {latency: 2 ns}
  between: {kind: ring, routers: 8, link: {cycle: 1 ns}, hop: {latency: 2 ns}}
  gateway: 3
  flit: 64 bit
  within_tile: {latency: 1 ns}
  tile: [neuron, neuron, neuron, attention]
)");
  const auto run_board = [&](const char* chip_link) {
    return run_tiny(tiny, {"chip=./board.yaml", "mapping.placement=annealing", "mapping.effort=2",
                           std::string("mapping.chip_link=") + chip_link});
  };
  const auto one = run_board("1");
  const auto many = run_board("50");
  const auto between = [](const auto& run) {
    return run.result.chip->actions.total(Action::hop_chip);
  };
  CHECK(between(many) < between(one));
  CHECK(many.result.chip->packets == one.result.chip->packets);
  const auto json = nlohmann::json::parse(result_json(many.prepared, many.result))["mapping"];
  CHECK(json["chip_link"] == 50);
  CHECK(json["expected_packet_hops"] == many.result.chip->expected_packet_hops);
}

TEST_CASE("mapping.csv has a row per slice, and its packets x hops add up") {
  const TinyScenario tiny;
  const auto [prepared, result] = run_tiny(tiny);
  const std::string text = mapping_csv(prepared, result);
  const auto lines = std::count(text.begin(), text.end(), '\n');
  CHECK(static_cast<std::size_t>(lines) == 1 + result.chip->mapping.slices.size());
  CHECK(
      text.starts_with("layer,first_channel,last_channel,first_row,last_row,first_column,last_"
                       "column,core,tile,core_kind,"
                       "neurons,neurons_available,synapse_memory_bits,"));
  // The head: 10 classes; 16 x 10 weights of 8 bits and one scale.
  CHECK(text.find("\nhead,0,9,0,0,") != std::string::npos);
  CHECK(text.find(",neuron,10,4096,1312,1048576,") != std::string::npos);
  CHECK(text.find(",packets,packet_hops,placed_by,packet_hops_both_ways,best_other_core,best_other_"
                  "packet_hops,limits\n") != std::string::npos);
  const SlicePlacement& head = result.chip->placements.back();  // which sends nothing
  REQUIRE(head.best_other);
  CHECK(head.hops_both_ways == head.packet_hops);
  CHECK(
      text.ends_with(fmt::format(",{},{},greedy,{},{},{},\n", head.packets, head.packet_hops,
                                 head.packet_hops, head.best_other->index, head.best_other_hops)));
  std::uint64_t sum = 0;
  for (const SlicePlacement& placement : result.chip->placements) sum += placement.packet_hops;
  CHECK(sum == result.chip->expected_packet_hops);
}
