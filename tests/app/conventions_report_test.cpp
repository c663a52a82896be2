// Question: are a run's published energies made of what its network did?
#include <algorithm>
#include <cmath>
#include <map>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <neurojoule/app/report.hpp>
#include <neurojoule/app/run.hpp>

#include "support/tiny_scenario.hpp"

using namespace nj;
using nj::testing::TinyScenario;

TEST_CASE("conventions: rate x dense is what token-wise layers really did") {
  const TinyScenario tiny;
  const PreparedRun prepared = prepare(read_batch(tiny.file(), {}).points.front().scenario);
  const RunResult result = run(prepared, {.threads = 1});
  const Network& network = prepared.network.network();
  std::map<std::string, LayerId> ids;
  for (std::uint32_t i = 0; i < network.size(); ++i) ids[network.layer({i}).name] = {i};
  const auto samples = static_cast<double>(result.samples);
  std::size_t binary = 0;
  std::size_t graded = 0;
  for (const LayerWork& layer : layer_work(prepared, result)) {
    CAPTURE(layer.name);
    const LayerId id = ids.at(layer.name);
    const StepCounts did = result.activity.layers[id.index].total();
    const auto close = [&](double per_inference, std::uint64_t counted) {
      const auto exact = static_cast<double>(counted);
      return std::abs(per_inference * samples - exact) <= 1e-9 * std::max(exact, 1.0);
    };
    if (const auto* conv = std::get_if<Conv2d>(&network.layer(id).op)) {
      if (conv->kernel.y != 1 || conv->kernel.x != 1) continue;  // borders are not dense
      const std::uint64_t events = did.binary_accumulates + did.graded_multiplies;
      CHECK(close(cost(Convention::spikformer, layer).acs, events));
      CHECK(close(cost(Convention::linear_bits, layer).acs * 4, events));  // 8 of 32 bits
      const ConventionCost by_input = cost(Convention::spikingformer, layer);
      const double dense = static_cast<double>(dense_operations(network, id)) * 4;  // T
      if (did.graded_multiplies == 0) {
        ++binary;
        CHECK(close(by_input.acs, events));
        CHECK(by_input.macs == 0);
      } else {
        ++graded;
        CHECK(by_input.acs == 0);
        CHECK(by_input.macs == dense);
      }
    } else if (std::holds_alternative<Lif>(network.layer(id).op)) {
      CHECK(close(cost(Convention::syops, layer).acs, did.neuron_updates));
    } else if (std::holds_alternative<ClassifierHead>(network.layer(id).op)) {
      CHECK(cost(Convention::spikingformer, layer).macs ==
            static_cast<double>(dense_operations(network, id)));
    }
  }
  CHECK(binary == 2);  // proj_conv, fc2_conv
  CHECK(graded == 4);  // q, k, v, fc1
}

TEST_CASE("conventions: what lemaire asks of a layer") {
  const TinyScenario tiny;
  const PreparedRun prepared = prepare(read_batch(tiny.file(), {}).points.front().scenario);
  RunResult result = run(prepared, {.threads = 1});
  const Network& network = prepared.network.network();
  const LayerId add = *network.find("block.0.attn.add");
  result.activity.layers[add.index].steps[0].spike_values += 7;  // as if spikes had met
  std::map<std::string, LayerExtents> extents;
  for (const LayerWork& layer : layer_work(prepared, result)) {
    if (const auto* work = std::get_if<WeightedWork>(&layer.work)) {
      extents[layer.name] = work->extents;
    }
  }
  const auto rate = [&](const char* name, bool by_value) {
    const LayerId id = *network.find(name);
    const StepCounts did = result.activity.layers[id.index].total();
    const auto spikes = static_cast<double>(by_value ? did.spike_values : did.spikes);
    return spikes / static_cast<double>(network.output_shape(id).neurons() * 4 * result.samples);
  };

  // Event counts are no spikes. Its neurons leak, and are its first reader.
  const LayerExtents& first = extents.at("patch_embed.proj_conv");
  CHECK(!first.spike_rate);
  CHECK(first.spiking);
  CHECK(first.leaks);
  CHECK(first.output_rate == rate("patch_embed.proj_lif", false));
  CHECK(first.inputs == 2 * 34 * 34);
  CHECK(first.outputs == 2 * 34 * 34);
  CHECK(first.out_channels == 2);
  CHECK(first.kernel == 9);
  CHECK(first.strided_kernel == 9);
  CHECK(first.weights == 2 * 2 * 9);
  CHECK(first.biases == 2);
  // fc1 reads a sum of spikes: a value of n is n of them.
  const LayerExtents& mlp = extents.at("block.0.mlp.fc1_conv");
  CHECK(mlp.spike_rate == rate("block.0.attn.add", true));
  CHECK(mlp.spike_rate > rate("block.0.attn.add", false));
  CHECK(!mlp.fully_connected);
  CHECK(mlp.outputs == 32 * 25);
  // The head works once, on means.
  const LayerExtents& head = extents.at("head");
  CHECK(head.fully_connected);
  CHECK(!head.spiking);
  CHECK(head.inputs == 16);
  CHECK(head.outputs == 10);
  CHECK(head.weights == 160);
}

TEST_CASE("conventions: one table tells them all, with and without a chip") {
  const TinyScenario tiny;
  for (const bool with_chip : {true, false}) {
    const std::string text = TinyScenario::text();
    if (!with_chip) tiny.write(text.substr(0, text.find("chip:")));
    const PreparedRun prepared = prepare(read_batch(tiny.file(), {}).points.front().scenario);
    const RunResult result = run(prepared, {.threads = 1});
    const auto json = nlohmann::json::parse(result_json(prepared, result))["conventions"];
    const std::string table = terminal_table(prepared, result);
    const std::string csv = conventions_csv(prepared, result);
    for (const Convention convention : all_conventions) {
      const std::string name(to_string(convention));
      CAPTURE(name);
      const double energy = json[name]["energy_pj"];
      CHECK(energy > 0);
      const ConventionCost costs = cost(convention, layer_work(prepared, result));
      const double operations =
          float_operations(json[name]["macs"], json[name]["acs"]).energy().value();
      CHECK(energy == (convention == Convention::lemaire
                           ? costs.energy().value()
                           : doctest::Approx(operations).epsilon(1e-12)));
      CHECK(table.find(name) != std::string::npos);
      CHECK(std::count(csv.begin(), csv.end(), '\n') ==
            static_cast<std::ptrdiff_t>(
                1 + all_conventions.size() * layer_work(prepared, result).size() +
                prepared.network.network().weighted_layers().size()));
    }
  }
}

TEST_CASE("conventions: neurobench counts the chip samples, or the first of a run without a chip") {
  const TinyScenario tiny;
  const std::string text = TinyScenario::text();
  for (const bool with_chip : {true, false}) {
    CAPTURE(with_chip);
    if (!with_chip) tiny.write(text.substr(0, text.find("chip:")));
    const PreparedRun prepared = prepare(read_batch(tiny.file(), {}).points.front().scenario);
    const RunResult result = run(prepared, {.threads = 2});
    const double samples = with_chip ? 3 : 10;
    const auto json = nlohmann::json::parse(result_json(prepared, result))["neurobench"];
    CHECK(json["samples"] == samples);
    const EffectiveOperations total = result.effective.total();
    CHECK(json["effective_macs"] == static_cast<double>(total.macs) / samples);
    CHECK(json["effective_acs"] == static_cast<double>(total.acs) / samples);
    CHECK(json["dense"] == static_cast<double>(total.dense) / samples);
    CHECK(json["activation_sparsity"] == result.effective.activation_sparsity());
    CHECK(json["footprint_bytes"] == footprint_bytes(prepared.network));
    CHECK(terminal_table(prepared, result).find("neurobench") != std::string::npos);
    CHECK(total.acs > 0);
    if (!with_chip) continue;
    // The executor adds zero weights too, so it made some more.
    for (const LayerId id : prepared.network.network().weighted_layers()) {
      const StepCounts did = result.chip->activity.layers[id.index].total();
      if (!std::holds_alternative<Conv2d>(prepared.network.network().layer(id).op)) continue;
      const EffectiveOperations& counted = result.effective.layers[id.index];
      const std::uint64_t made = did.binary_accumulates + did.graded_multiplies;
      CHECK(counted.macs + counted.acs <= made);
      CHECK(static_cast<double>(counted.macs + counted.acs) >= 0.95 * static_cast<double>(made));
    }
  }
}
