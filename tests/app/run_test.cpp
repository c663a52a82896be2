#include <map>
#include <set>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <neurojoule/app/report.hpp>
#include <neurojoule/app/run.hpp>
#include <neurojoule/core/hdf5_file.hpp>

#include "support/tiny_run.hpp"

using namespace nj;
using nj::testing::run_tiny;
using nj::testing::text_of;
using nj::testing::TinyScenario;

TEST_CASE("the chip does exactly the synaptic operations that the network needs") {
  const TinyScenario tiny;
  for (const std::vector<std::string>& overrides : {std::vector<std::string>{},
                                                    {"chip=loihi1", "prices=loihi1_published"},
                                                    {"chip=pe_array45"}}) {
    const auto [prepared, result] = run_tiny(tiny, overrides);
    std::map<LayerId, std::uint64_t> done;
    for (const auto& [key, count] : result.chip->actions.entries()) {
      if (key.action == Action::synaptic_operation) done[key.layer] += count;
    }
    std::uint64_t active_layers = 0;
    for (const Population& population : prepared.populations) {
      const StepCounts needed = result.chip->activity.layers[population.lead.index].total();
      CHECK(done[population.lead] == needed.synaptic_events());
      if (needed.synaptic_events() > 0) ++active_layers;
    }
    CHECK(active_layers > 10);  // the random network is not silent
  }
}

TEST_CASE("an array: energy by layer, times that add up, and its own files") {
  const TinyScenario tiny;
  const auto [prepared, result] = run_tiny(tiny, {"chip=pe_array45"});
  // A ledger is counts x prices: its rows are the counts, and their sum is the total.
  double sum = 0;
  for (const LedgerRow& row : result.chip->ledger.rows) {
    CHECK(result.chip->actions.at(
              {row.component, row.action, row.width_bits, row.layer, row.value_bits}) == row.count);
    sum += static_cast<double>(row.count) * row.unit_price_pj;
  }
  CHECK(result.chip->ledger.rows.size() == result.chip->actions.entries().size());
  CHECK(sum == doctest::Approx(result.chip->ledger.total().value()).epsilon(1e-12));
  // Without a store after it, the array computes or waits.
  Picoseconds used;
  for (const ArrayStep& step : result.chip->array) {
    used += step.computing + step.waiting_for_loads + step.waiting_for_stores;
  }
  const double whole = static_cast<double>(mean_latency(*result.chip).value()) * 3;
  CHECK(static_cast<double>(used.value()) <= whole);
  CHECK(static_cast<double>(used.value()) > 0.99 * whole);
  CHECK(array_utilisation(result.chip->tilings) > 0.1);
  CHECK(terminal_table(prepared, result).find("16 x 32 PEs") != std::string::npos);
  CHECK(fit_line(prepared).starts_with("fits pe_array45: "));
  CHECK(fit_line(prepared).ends_with(" % of the PEs in them used"));
  CHECK(array_csv(prepared, result).find("patch_embed.proj_conv,0,") != std::string::npos);
  CHECK(mapping_csv(prepared, result).find("patch_embed.proj_conv,") != std::string::npos);
  const auto json = nlohmann::json::parse(result_json(prepared, result));
  CHECK(json["mapping"]["placement"] == "array");
  CHECK(json["mapping"]["tiles"].get<int>() > 10);
  CHECK(json["counts"]["packets"] == 0);
}

TEST_CASE("an array has no cores for a mapping by hand") {
  const TinyScenario tiny;
  CHECK(testing::message_of([&] {
          (void)run_tiny(tiny, {"chip=pe_array45", "mapping={file: m.yaml}"});
        }).find("chip 'pe_array45' has an array and no cores to place slices on") !=
        std::string::npos);
}

TEST_CASE("another chip changes hops and latency, not what the network did") {
  const TinyScenario tiny;
  const auto mesh = run_tiny(tiny);
  const auto loihi = run_tiny(tiny, {"chip=loihi1", "prices=loihi1_published"});
  CHECK(mesh.result.predictions == loihi.result.predictions);
  CHECK(mesh.result.activity == loihi.result.activity);
  const RunCounts a = run_counts(mesh.result);
  const RunCounts b = run_counts(loihi.result);
  CHECK(a.spikes == b.spikes);
  CHECK(a.synaptic_events == b.synaptic_events);
  CHECK(a.hops != b.hops);
  CHECK(mean_latency(*mesh.result.chip) != mean_latency(*loihi.result.chip));
}

TEST_CASE("result.json holds what was promised, and its sums close") {
  const TinyScenario tiny;
  const auto [prepared, result] = run_tiny(tiny);
  const auto json = nlohmann::json::parse(result_json(prepared, result));
  CHECK(json["samples"] == 12);
  CHECK(json["chip_samples"] == 3);
  CHECK(json["accuracy"] == result.accuracy());
  CHECK(json["scenario_hash"] == prepared.hash);
  CHECK(json["latency_ps"].get<std::int64_t>() > 0);
  CHECK(json["interval_ps"] == result.chip->interval.value());
  CHECK(result.chip->interval < result.chip->latencies.front());
  double rows = 0;
  for (const LedgerRow& row : result.chip->ledger.rows) {
    CHECK(row.energy_pj == static_cast<double>(row.count) * row.unit_price_pj);
    rows += row.energy_pj;
  }
  CHECK(json["energy_pj"]["total"] == rows);
  double categories = 0;
  for (const auto& [name, value] : json["energy_pj"].items()) {
    if (name != "total") categories += value.get<double>();
  }
  CHECK(categories == doctest::Approx(rows).epsilon(1e-12));

  // What is not in a layer is leakage and barriers.
  double layers = 0;
  std::uint64_t events = 0;
  std::uint64_t packets = 0;
  for (const auto& layer : json["layers"]) {
    layers += layer["energy_pj"]["total"].get<double>();
    events += layer["counts"]["synaptic_events"].get<std::uint64_t>();
    packets += layer["counts"]["packets"].get<std::uint64_t>();
  }
  const double overhead =
      json["energy_pj"]["static"].get<double>() + json["energy_pj"]["control"].get<double>();
  CHECK(layers + overhead == doctest::Approx(rows).epsilon(1e-12));
  CHECK(json["counts"]["synaptic_events"] == events);
  CHECK(json["counts"]["packets"] == packets);
  CHECK(json["counts"]["packets"] == result.chip->packets);
  CHECK(json["counts"]["hops"] == result.chip->hops);
  CHECK(json["counts"]["spikes"].get<std::uint64_t>() > 0);
}

TEST_CASE("fewer weight bits fill fewer words, and only where rows are long enough to pack") {
  const TinyScenario tiny;
  // Words of 128 bits. fc1 has 32 output channels: two words at 8 bits, one at 4. q has 16: one
  // word either way, so that 4 bits save storage there, and no energy.
  const auto words_per_event = [&](const std::vector<std::string>& overrides, const char* layer) {
    const auto [prepared, result] = run_tiny(tiny, overrides);
    const LayerId id = *prepared.network.network().find(layer);
    std::uint64_t words = 0;
    std::uint64_t events = 0;
    for (const auto& [key, count] : result.chip->actions.entries()) {
      if (key.layer != id) continue;
      if (key.component == "neuron.synapse_memory") words += count;
      if (key.action == Action::synaptic_operation) events += count;
    }
    return static_cast<double>(words) / static_cast<double>(events);
  };
  const std::vector<std::string> four = {"quantization.default.bits=4"};
  CHECK(words_per_event({}, "block.0.mlp.fc1_conv") == 2.0 / 32);
  CHECK(words_per_event(four, "block.0.mlp.fc1_conv") == 1.0 / 32);
  CHECK(words_per_event({}, "block.0.attn.q_conv") == 1.0 / 16);
  CHECK(words_per_event(four, "block.0.attn.q_conv") == 1.0 / 16);
}

TEST_CASE("a chip is what its file says with its bases, however it is written down") {
  const TinyScenario tiny;
  const auto prepared = [&](const std::string& chip) {
    return prepare(read_batch(tiny.file(), {"chip=" + chip}).points.front().scenario);
  };
  write_file_atomically(tiny.folder() / "same.yaml", "base: mesh45\n");
  write_file_atomically(tiny.folder() / "other.yaml",
                        "base: mesh45\nsynchronisation: {barrier: 600 ns}\n");
  CHECK(prepared("same.yaml").hash == prepared("mesh45").hash);
  const PreparedRun other = prepared("other.yaml");
  CHECK(other.hash != prepared("mesh45").hash);
  CHECK(other.chip->chip.spec().barrier == Picoseconds{600'000});
  write_results(other, run(other, {.threads = 1, .progress = {}}), tiny.folder() / "result");
  CHECK(prepared("result/chip.resolved.yaml").hash == other.hash);
}

TEST_CASE("on a datapath of stated widths narrow weights save storage and no adder") {
  const TinyScenario tiny;
  write_file_atomically(tiny.folder() / "wide.yaml",
                        "base: mesh45\ndatapath: {weight: 8 bit, accumulator: 24 bit}\n");
  const auto counts = [&](const std::string& chip, int bits) {
    const PreparedRun prepared =
        prepare(read_batch(tiny.file(),
                           {"chip=" + chip, "quantization.default.bits=" + std::to_string(bits)})
                    .points.front()
                    .scenario);
    const LayerId layer = *prepared.network.network().find("patch_embed.proj_conv1");
    const ActionCounts actions = run(prepared, {.threads = 1, .progress = {}}).chip->actions;
    std::pair<std::set<std::uint32_t>, std::uint64_t> found;  // widths of additions, words read
    for (const auto& [key, count] : actions.entries()) {
      if (key.layer != layer) continue;
      if (key.action == Action::accumulate) found.first.insert(key.width_bits);
      if (key.component == "neuron.synapse_memory") found.second = count;
    }
    return found;
  };
  using Widths = std::set<std::uint32_t>;
  CHECK(counts("wide.yaml", 8).first == Widths{24});
  CHECK(counts("wide.yaml", 3).first == Widths{24});
  CHECK(counts("mesh45", 8).first != counts("mesh45", 3).first);
  CHECK(testing::message_of([&] {
          (void)counts("wide.yaml", 12);
        }).find("needs 12 bit of weight, the chip's datapath has 8 bit") != std::string::npos);
}

TEST_CASE("a chip without barriers: latency and what it consists of, and what it has not") {
  const TinyScenario tiny;
  write_file_atomically(tiny.folder() / "free.yaml",
                        "base: mesh45\nsynchronisation: {handshake: 5 ns}\n");
  const auto overrides = [](std::vector<std::string> others) {
    others.emplace_back("chip=free.yaml");
    return others;
  };
  const auto prepared = [&](const std::vector<std::string>& others) {
    return prepare(read_batch(tiny.file(), overrides(others)).points.front().scenario);
  };
  const PreparedRun free = prepared({});
  const RunResult result = run(free, {.threads = 1, .progress = {}});
  const auto [bound, with] = run_tiny(tiny);
  CHECK(mean_latency(*result.chip) < mean_latency(*with.chip));
  CHECK(result.chip->packets == with.chip->packets);
  Picoseconds sum;
  for (const auto& [part, share] : result.chip->path) sum += share.time;
  CHECK(sum.value() == mean_latency(*result.chip).value() * 3);
  CHECK(terminal_table(free, result).find("handshakes") != std::string::npos);
  const BatchRow row = batch_row({"a", "b", free.scenario}, free, result);
  CHECK(batch_csv({row}).ends_with("," + std::to_string(mean_latency(*result.chip).value()) + "," +
                                   std::to_string(result.chip->interval.value()) + ",\n"));
  CHECK(testing::message_of([&] { (void)prepared({"simulation.timing=flit"}); })
            .find("simulation.timing: a chip without barriers is not simulated at the level "
                  "'flit'") != std::string::npos);
}

TEST_CASE("a scenario without a chip gives accuracy and counts, and no energy") {
  const TinyScenario tiny;
  std::string text = TinyScenario::text();
  tiny.write(text.substr(0, text.find("chip:")));
  const auto [prepared, result] = run_tiny(tiny);
  const auto json = nlohmann::json::parse(result_json(prepared, result));
  CHECK_FALSE(json.contains("energy_pj"));
  CHECK(json["samples"] == 12);
  CHECK(terminal_table(prepared, result).find("names no chip") != std::string::npos);
}

/// A small network of a family's event form; QKFormer with both kinds of Q-K attention.
FamilySpec small(Family family) {
  FamilySpec spec;
  spec.parameters = default_parameters(family, Form::event);
  FamilyParameters& p = spec.parameters;
  p.embed_dims = 32;
  p.heads = 1;
  if (family == Family::qkformer) {
    p.depths = {1, 1, 1};
    p.attention = {Attention::token, Attention::channel, Attention::self};
  }
  p.dvs_mode = family == Family::spike_driven_transformer;
  return spec;
}

constexpr Family all_families[] = {Family::spikformer, Family::spikingformer,
                                   Family::spike_driven_transformer, Family::qkformer};

TEST_CASE("every family runs on event frames and writes its results") {
  const TinyScenario tiny;
  for (const Family family : all_families) {
    CAPTURE(to_string(family));
    const FamilySpec spec = small(family);
    tiny.use(spec);
    const auto [prepared, result] = run_tiny(tiny);
    CHECK(result.samples == 3);
    const auto json = nlohmann::json::parse(result_json(prepared, result));
    CHECK(json["accuracy"] == result.accuracy());
    std::uint64_t firing = 0;
    for (const auto& layer : json["layers"]) firing += layer["firing_rate"] > 0.0 ? 1 : 0;
    CHECK(firing > 10);  // the random network is not silent
    CHECK(json["layers"].back()["name"] == "head");
    CHECK(terminal_table(prepared, result).find("head") != std::string::npos);
    write_results(prepared, result, tiny.folder() / "out");
    const PreparedRun again = prepare(
        read_batch(tiny.folder() / "out" / "scenario.resolved.yaml", {}).points[0].scenario);
    CHECK(again.hash == prepared.hash);
    CHECK(run(again, {}).activity == result.activity);
  }
}

TEST_CASE("a chip refuses membrane shortcuts and Q-K attention, naming the layer") {
  const TinyScenario tiny;
  const std::string chip = "chip: mesh45\nprices: horowitz45\n";
  const auto refusal = [&](Family family) {
    tiny.use(small(family), chip);
    return nj::testing::message_of(
        [&] { prepare(read_batch(tiny.file(), {}).points.front().scenario); });
  };
  CHECK(refusal(Family::spikformer) == "nothing thrown");
  CHECK(refusal(Family::spikingformer).find("patch_embed.proj4_conv: no core runs") !=
        std::string::npos);
  CHECK(refusal(Family::spike_driven_transformer).find("patch_embed.proj_conv3: no core runs") !=
        std::string::npos);
  CHECK(refusal(Family::qkformer).find("patch_embed1.") != std::string::npos);
}

TEST_CASE("without a classifier there are counts and no accuracy") {
  const TinyScenario tiny;
  FamilySpec spec = small(Family::spikformer);
  spec.has_classifier = false;
  tiny.use(spec);
  const auto [prepared, result] = run_tiny(tiny);
  const auto json = nlohmann::json::parse(result_json(prepared, result));
  CHECK(json["accuracy"].is_null());
  CHECK(json["correct"].is_null());
  CHECK(terminal_table(prepared, result).find("no classifier") != std::string::npos);
  const BatchRow row = batch_row({"a", "b", prepared.scenario}, prepared, result);
  CHECK(batch_csv({row}).find("a,\"b\",3,,8.") != std::string::npos);
  CHECK(batch_csv({row}).ends_with(",,,,\n"));  // nor a chip
  CHECK(batch_svg("<none>", {row}).find("&lt;none&gt;: energy of one inference") !=
        std::string::npos);
  CHECK(nj::testing::message_of([&] {
          prepare(read_batch(tiny.file(), {"outputs.predictions=true"}).points.front().scenario);
        }).find("outputs.predictions: there are none without a classifier") != std::string::npos);
}

TEST_CASE("a layer is as busy as its busiest core, and none longer than an inference") {
  const TinyScenario tiny;
  const auto [prepared, result] = run_tiny(tiny);
  const auto json = nlohmann::json::parse(result_json(prepared, result));
  const BatchRow batch = batch_row({"a", "b", prepared.scenario}, prepared, result);
  REQUIRE(batch.layers.size() == json["layers"].size());
  double energy = 0;
  for (std::size_t i = 0; i < batch.layers.size(); ++i) {
    const auto& layer = json["layers"][i];
    CAPTURE(layer["name"].get<std::string>());
    CHECK(batch.layers[i].name == layer["name"]);
    energy += batch.layers[i].energy.value();
    CHECK(layer.contains("busy_ps") == (layer["kind"] != "input"));
    if (!batch.layers[i].busy) continue;
    CHECK(layer["busy_ps"] == batch.layers[i].busy->value());
    CHECK(layer["busy_ps"].get<std::int64_t>() > 0);
    CHECK(layer["busy_ps"] < json["latency_ps"]);
  }
  const auto of_category = [&](Category category) {
    return energy_by_category(result.chip->ledger).at(category).value() / 3;  // samples
  };
  CHECK(energy + of_category(Category::static_power) + of_category(Category::control) ==
        doctest::Approx(batch.energy->value()).epsilon(1e-12));
  CHECK(batch_layers_csv({batch}).starts_with("point,layer,kind,energy_pj,compute,weight_memory,"));
  CHECK(batch_layers_csv({batch}).find("\na,input,input,") != std::string::npos);
  const std::string picture = batch_svg("sweep", {batch});
  CHECK(picture.find("<title>state_memory: ") != std::string::npos);
  CHECK(picture.find(to_string(*batch.energy) + ", ") != std::string::npos);
}

TEST_CASE("a network that does not fit its chip says why, and a batch can go on without it") {
  const TinyScenario tiny;
  const std::vector<std::string> overrides{"chip=speck", "prices=speck", "mapping.misfit=skip"};
  const Scenario scenario = read_batch(tiny.file(), overrides).points.front().scenario;
  CHECK(scenario.chip->mapping.skips_misfits);
  try {
    (void)prepare(scenario);
    FAIL("fits");
  } catch (const MisfitError& error) {
    REQUIRE(error.reasons().size() > 1);
    CHECK(error.reasons()[0].resource == "spike_bits");
    CHECK(std::string(error.what()).find("\n  layer \"patch_embed.proj_conv\" needs 4 bit") !=
          std::string::npos);
    std::set<std::string> resources;
    for (const Violation& reason : error.reasons()) resources.insert(reason.resource);
    CHECK(resources.size() == error.reasons().size());  // each once
    CHECK(resources.count("role") == 1);
    const BatchRow row = batch_row({"000-a", "b", scenario}, error);
    CHECK(batch_csv({row}).find("000-a,\"b\",0,,,,,,\"layer \"\"patch_embed.proj_conv\"\" needs 4 "
                                "bit of spike_bits on a") != std::string::npos);
    CHECK(batch_table({row}).find("000 does not fit: layer \"patch_embed.proj_conv\"") !=
          std::string::npos);
    CHECK(batch_layers_csv({row}).ends_with(",control,busy_ps\n"));
  }
  const std::vector<std::string> flits{"chip=pe_array45", "simulation.timing=flit"};
  const Scenario array = read_batch(tiny.file(), flits).points.front().scenario;
  try {
    (void)prepare(array);
    FAIL("an array has flits");
  } catch (const MisfitError& error) {
    const BatchRow row = batch_row({"000-a", "b", array}, error);
    CHECK(batch_csv({row}).ends_with(
        "a chip with an array, which has no network, is not simulated at the level 'flit'\"\n"));
  }
  CHECK(nj::testing::message_of([&] {
          (void)read_batch(tiny.file(), {"mapping.misfit=ignore"});
        }).find("mapping.misfit: expected one of refuse, skip, got 'ignore'") != std::string::npos);
}

TEST_CASE("a run's folder is whole, and its resolved scenario runs again to the same bytes") {
  const TinyScenario tiny;
  const auto [prepared, result] =
      run_tiny(tiny, {"outputs.spikes=true", "outputs.predictions=true"});
  const std::filesystem::path first = tiny.folder() / "first";
  write_results(prepared, result, first);
  const PreparedRun again =
      prepare(read_batch(first / "scenario.resolved.yaml", {}).points[0].scenario);
  const std::filesystem::path second = tiny.folder() / "second";
  write_results(again, run(again, {}), second);
  for (const char* name :
       {"result.json", "layers.csv", "ledger.csv", "activity.csv", "attention.csv",
        "predictions.csv", "scenario.resolved.yaml", "spikes.h5"}) {
    CAPTURE(name);
    CHECK(text_of(first / name) == text_of(second / name));
  }
  const Hdf5Reader spikes(first / "spikes.h5");
  CHECK(spikes.members("/samples").size() == 3);
  const auto words =
      spikes.read<std::uint64_t>("/samples/0/patch_embed.proj_lif", std::uint64_t{1} << 20);
  std::uint64_t bits = 0;
  for (const std::uint64_t word : words) bits += static_cast<unsigned>(std::popcount(word));
  const RunResult one =
      run(prepare(read_batch(tiny.file(), {"simulation.samples=1"}).points.front().scenario), {});
  const Network& network = prepared.network.network();
  const LayerId lif = *network.find("patch_embed.proj_lif");
  CHECK(bits == one.chip->activity.layers[lif.index].total().spikes);

  std::size_t lines = 0;
  for (const char c : text_of(first / "predictions.csv")) lines += c == '\n' ? 1 : 0;
  CHECK(lines == 13);
}

TEST_CASE("files of an earlier run do not survive a later one") {
  const TinyScenario tiny;
  const auto with = run_tiny(tiny, {"outputs.predictions=true"});
  write_results(with.prepared, with.result, tiny.folder() / "out");
  const auto without = run_tiny(tiny);
  write_results(without.prepared, without.result, tiny.folder() / "out");
  CHECK_FALSE(std::filesystem::exists(tiny.folder() / "out" / "predictions.csv"));
}
