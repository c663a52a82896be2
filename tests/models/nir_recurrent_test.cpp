// Question: do NIR graphs with cycles and delays run in the executor as run_nir steps them, spike
// for spike, and do recurrent models come back from NIR?
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <string>
#include <tuple>
#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/core/hdf5_file.hpp>
#include <neurojoule/models/execute.hpp>
#include <neurojoule/models/layer_list.hpp>
#include <neurojoule/models/model_file.hpp>
#include <neurojoule/models/nir_model.hpp>
#include <neurojoule/models/quantize.hpp>

#include "nir_example.hpp"
#include "random_model.hpp"
#include "support/same_model.hpp"
#include "support/thrown.hpp"

using namespace nj;
using namespace nj::nir_example;
using nj::test::Random;
using nj::test::random_frames;
using nj::test::same;
using nj::testing::message_of;
using nj::testing::TemporaryFolder;

namespace {

const std::filesystem::path shared_folder = std::filesystem::path(NJ_SHARED_DATA) / "data" / "nir";
const std::filesystem::path golden_folder =
    std::filesystem::path(NJ_SOURCE_DIR) / "tests" / "golden" / "nir";

constexpr double dt = 0x1p-10;  // time constants of whole steps are exact
constexpr std::uint32_t timesteps = 8;

NirArray all(std::uint64_t n, double value) { return array_of({n}, std::vector<double>(n, value)); }

/// [rows, columns] of multiples of 1/16: sums are exact in float32.
NirAffine affine(Random& random, std::uint64_t rows, std::uint64_t columns) {
  const auto draw = [&](std::vector<std::uint64_t> shape, std::uint64_t elements) {
    NirArray array{std::move(shape), {}, NirElement::float32};
    for (std::uint64_t i = 0; i < elements; ++i) {
      array.values.push_back(std::floor(12.0 * double{random.symmetric()} + 4.0) / 16.0);
    }
    return array;
  };
  return {draw({rows, columns}, rows * columns), draw({rows}, rows)};
}

/// Neurons that halve what they keep: exact in float32 for a few steps.
NirLif lif(std::uint64_t n) {
  return {all(n, 2 * dt), all(n, 2), all(n, 0), all(n, 0.5), all(n, 0)};
}

NirCubaLif cuba(std::uint64_t n) {
  return {all(n, 2 * dt), all(n, 2 * dt), all(n, 2), all(n, 0), all(n, 0.5), all(n, 0), all(n, 2)};
}

/// in [4] -> fc -> n -> out, with more nodes and edges.
NirGraph with_cycle(Random& random, NirOperator neurons, std::vector<NirNode> nodes,
                    std::vector<std::pair<std::string, std::string>> edges) {
  NirGraph graph;
  graph.nodes = {{"in", NirInput{{4}}},
                 {"fc", affine(random, 5, 4)},
                 {"n", std::move(neurons)},
                 {"out", NirOutput{{5}}}};
  graph.edges = {{"in", "fc"}, {"fc", "n"}, {"n", "out"}};
  graph.nodes.insert(graph.nodes.end(), nodes.begin(), nodes.end());
  graph.edges.insert(graph.edges.end(), edges.begin(), edges.end());
  return graph;
}

NirImportOptions options_of(NirReset reset = NirReset::to_value) {
  return {.timesteps = timesteps, .dt = dt, .reset = reset};
}

QuantizedNetwork in_float(const Model& model) {
  QuantizationSpec spec;
  spec.default_rule = {NumberFormat{}, ScaleRule::mse, 0.0};
  return quantize(model, spec);
}

/// The spikes of a layer of single positions, [T, C].
std::vector<double> spikes_of(const Execution& execution, const Network& network,
                              const std::string& name) {
  const auto& spikes = std::get<SpikeTensor>(*(*execution.trace)[network.find(name)->index]);
  std::vector<double> values;
  for (std::uint32_t t = 0; t < spikes.timesteps(); ++t) {
    for (std::uint32_t c = 0; c < spikes.shape().channels; ++c) {
      values.push_back(spikes.test(t, c) ? 1.0 : 0.0);
    }
  }
  return values;
}

std::vector<double> values_of(const GradedTensor& frames) {
  std::vector<double> values;
  for (std::uint32_t t = 0; t < frames.timesteps(); ++t) {
    values.insert(values.end(), frames.step(t).begin(), frames.step(t).end());
  }
  return values;
}

/// Expects the spikes of all Lif layers to be those of run_nir; returns how many there were.
double check_same(const Model& model, const NirGraph& graph, const GradedTensor& frames,
                  NirRunOptions options) {
  for (const LayerSpec& layer : model.network.layers()) {
    if (std::holds_alternative<Lif>(layer.op)) options.record.push_back(layer.name);
  }
  const NirRun run = run_nir(graph, frames.timesteps(), values_of(frames), options);
  double total = 0.0;
  for (const unsigned threads : {1U, 3U}) {
    const Execution execution =
        execute(in_float(model), frames, {.keep_trace = true, .threads = threads});
    for (const std::string& name : options.record) {
      CAPTURE(name);
      const std::vector<double> spikes = spikes_of(execution, model.network, name);
      CHECK(spikes == run.traces.at(name).output);
      total += std::accumulate(spikes.begin(), spikes.end(), 0.0);
    }
  }
  return total;
}

/// The same on a few random samples, of the import and of its export and import.
double check_round_trip(const NirGraph& graph, NirReset reset) {
  const Model model = import_nir(graph, options_of(reset));
  CHECK(model.network.has_delays());
  const NirGraph exported = export_nir(model, {.dt = dt});
  const Model back = import_nir(exported, {});
  const FeatureShape shape{4, 1, 1};
  double spikes = 0.0;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const GradedTensor frames = random_frames(timesteps, shape, 1, 50, seed);
    const NirRunOptions options{.dt = dt, .step = NirStep::euler, .reset = reset};
    spikes += check_same(model, graph, frames, options);
    check_same(model, exported, frames, {.dt = dt, .step = NirStep::euler});
    check_same(back, exported, frames, {.dt = dt, .step = NirStep::euler});
  }
  return spikes;
}

const Operand& operand(const Model& model, const char* layer, std::size_t index = 0) {
  return model.network.operands(*model.network.find(layer))[index];
}
std::string source(const Model& model, const char* layer, std::size_t index = 0) {
  return model.network.layer(operand(model, layer, index).source).name;
}

bool available(const std::filesystem::path& file) {
  if (std::filesystem::exists(file)) return true;
  MESSAGE("skipped: no " << file.string());
  return false;
}

}  // namespace

TEST_CASE("recurrent weights read the spikes of the step before") {
  for (const NirReset reset : {NirReset::to_value, NirReset::subtract}) {
    Random random(1);
    const NirGraph graph =
        with_cycle(random, cuba(5), {{"rec", affine(random, 5, 5)}}, {{"n", "rec"}, {"rec", "n"}});
    const Model model = import_nir(graph, options_of(reset));
    CHECK(source(model, "rec") == "n");
    CHECK(operand(model, "rec").delay == 1);
    CHECK(source(model, "n") == "n.sum");
    CHECK(check_round_trip(graph, reset) > 100);
  }
}

TEST_CASE("neurons that drive themselves without weights have weights of 1") {
  Random random(2);
  const NirGraph graph = with_cycle(random, lif(5), {}, {{"n", "n"}});
  const Model model = import_nir(graph, options_of());
  CHECK(source(model, "n.input") == "n");
  CHECK(operand(model, "n.input").delay == 1);
  CHECK(check_round_trip(graph, NirReset::to_value) > 100);
}

TEST_CASE("a cycle over two layers of neurons, whose weights serve readers of both kinds") {
  // n -> f -> m -> back -> n: m is farther from the input, so n sees it a step late. `mix` drives
  // both: for n it reads n and m late; for m, n of this step and m late.
  Random random(3);
  const NirGraph graph = with_cycle(random, lif(5),
                                    {{"f", affine(random, 5, 5)},
                                     {"m", lif(5)},
                                     {"back", affine(random, 5, 5)},
                                     {"mix", affine(random, 5, 5)}},
                                    {{"n", "f"},
                                     {"f", "m"},
                                     {"m", "back"},
                                     {"back", "n"},
                                     {"n", "mix"},
                                     {"m", "mix"},
                                     {"mix", "n"},
                                     {"mix", "m"}});
  const Model model = import_nir(graph, options_of());
  CHECK(operand(model, "back").delay == 1);
  CHECK(operand(model, "f").delay == 0);
  // Two versions of mix with equal weights.
  const auto weights = [&](const char* name) {
    return model.weights[model.network.find(name)->index]->weight;
  };
  CHECK(weights("mix") == weights("mix.late"));
  CHECK(check_round_trip(graph, NirReset::to_value) > 100);
}

TEST_CASE("a Delay of one step is an operand with a delay, on a cycle or not") {
  Random random(4);
  const NirDelay one_step{all(5, dt)};
  const NirGraph forward = with_cycle(
      random, lif(5),
      {{"d", one_step}, {"f", affine(random, 5, 5)}, {"m", lif(5)}, {"out2", NirOutput{{5}}}},
      {{"n", "d"}, {"d", "f"}, {"f", "m"}, {"m", "out2"}});
  const Model model = import_nir(forward, options_of());
  CHECK(source(model, "f") == "n");
  CHECK(operand(model, "f").delay == 1);
  CHECK(check_round_trip(forward, NirReset::to_value) > 100);
  // The delay stands behind a sum of two trains, whose weights come back to the first.
  const NirGraph cycle = with_cycle(random, lif(5),
                                    {{"f", affine(random, 5, 5)},
                                     {"t", NirThreshold{all(5, 0.25)}},
                                     {"d", one_step},
                                     {"half", NirScale{all(5, 0.5)}},
                                     {"rec", affine(random, 5, 5)}},
                                    {{"n", "f"},
                                     {"f", "t"},
                                     {"n", "d"},
                                     {"t", "d"},
                                     {"d", "half"},
                                     {"half", "rec"},
                                     {"rec", "n"}});
  const Model recurrent = import_nir(cycle, options_of());
  CHECK(source(recurrent, "rec") == "d.sum");
  CHECK(operand(recurrent, "rec").delay == 1);
  CHECK(check_round_trip(cycle, NirReset::to_value) > 100);
  // A delay of no step passes on.
  NirGraph at_once = forward;
  std::get<NirDelay>(at_once.nodes[4].op) = NirDelay{all(5, 0)};
  CHECK(operand(import_nir(at_once, options_of()), "f").delay == 0);
}

TEST_CASE("delays and cycles that no layer can say are refused by node") {
  Random random(5);
  const auto delayed = [&](NirArray delay, const char* from = "n") {
    return message_of([&] {
      (void)import_nir(with_cycle(random, lif(5),
                                  {{"d", NirDelay{std::move(delay)}},
                                   {"e", NirDelay{all(5, dt)}},
                                   {"f", affine(random, 5, 5)},
                                   {"m", lif(5)},
                                   {"out2", NirOutput{{5}}}},
                                  {{from, "d"}, {"d", "e"}, {"e", "f"}, {"f", "m"}, {"m", "out2"}}),
                       options_of());
    });
  };
  CHECK(delayed(all(5, 2 * dt)) ==
        "d: delays by 2 time steps; a layer reads what was sent up to one step before");
  CHECK(delayed(all(5, dt)) ==
        "e: delays by 2 time steps; a layer reads what was sent up to one step before");
  CHECK(delayed(array_of({5}, {dt, dt, 0, dt, dt})) == "d: delays its elements by different times");
  CHECK(delayed(all(5, dt), "fc") == "d: delays the current of 'fc'; only spikes can wait");
  // A train that adds to itself for ever.
  const NirGraph grows = with_cycle(
      random, lif(5),
      {{"d", NirDelay{all(5, dt)}}, {"s", NirScale{all(5, 1)}}, {"out2", NirOutput{{5}}}},
      {{"n", "s"}, {"d", "s"}, {"s", "d"}, {"s", "out2"}});
  CHECK(message_of([&] { (void)import_nir(grows, options_of()); }) ==
        "d: waits for a cycle without neurons, which no layers are");
}

// Trained in snnTorch, see nir_golden_test.cpp. In float32 the executor scales the weights by r and
// w_in, which are 1 / (1 - decay) but for their last places.
TEST_CASE("the Braille nets of the NIR paper run in the executor, spike for spike") {
  for (const auto& [name, reset] :
       {std::pair{"braille_noDelay_bias_zero", NirReset::to_value},
        std::pair{"braille_noDelay_noBias_subtract", NirReset::subtract}}) {
    CAPTURE(name);
    const std::filesystem::path file = shared_folder / (std::string(name) + ".nir");
    if (!available(file)) continue;
    const NirGraph graph = read_nir(file);
    const Model model = import_nir(graph, {.timesteps = 256, .dt = 1e-4, .reset = reset});
    CHECK(source(model, "lif1.w_rec") == "lif1.lif");
    CHECK(operand(model, "lif1.w_rec").delay == 1);
    CHECK(model.network.layers().size() == 8);  // input, fc1, w_rec, sum, lif1, fc2, lif2, output
    const NirRunOptions options{.dt = 1e-4, .step = NirStep::euler, .reset = reset};

    // The input and the spikes that an independent program computed.
    const Hdf5Reader golden(golden_folder / (std::string(name) + ".golden.h5"));
    const auto input = golden.read<std::uint8_t>("/input", 1 << 16);
    GradedTensor frames(256, {12, 1, 1});
    for (std::uint32_t t = 0; t < 256; ++t) {
      std::copy_n(input.begin() + 12 * t, 12, frames.step(t).begin());
    }
    CHECK(check_same(model, graph, frames, options) > 500);
    const Execution execution = execute(in_float(model), frames, {.keep_trace = true});
    for (const char* layer : {"lif1.lif", "lif2"}) {
      const auto bytes = golden.read<std::uint8_t>(std::string("/") + layer, 1 << 16);
      CHECK(spikes_of(execution, model.network, layer) ==
            std::vector<double>(bytes.begin(), bytes.end()));
    }
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      CAPTURE(seed);
      CHECK(check_same(model, graph, random_frames(256, {12, 1, 1}, 1, 20, seed), options) > 100);
    }

    // Through our files, and through NIR with a Delay for the cycle.
    const TemporaryFolder folder;
    write_model_file(model, folder / "m.h5");
    CHECK(same(read_model_file(folder / "m.h5"), model));
    write_model_yaml(model, folder / "m.yaml");
    CHECK(same(read_model_yaml(folder / "m.yaml"), model));
    const NirGraph exported = export_nir(model, {.dt = 1e-4});
    CHECK(exported.find("lif1.lif.delay") != nullptr);
    check_same(model, exported, frames, {.dt = 1e-4, .step = NirStep::euler});
    write_nir(folder / "m.nir", exported);
    const Model back = import_nir(read_nir(folder / "m.nir"), {});
    CHECK(operand(back, "lif1.w_rec").delay == 1);
    CHECK(execute(in_float(back), frames).logits == execution.logits);
  }
}

TEST_CASE("maps that come from behind are exported as maps, and neurons nobody reads as output") {
  const Network network = Network::build({{"in", Input{{2, 3, 3}, 1}, {}},
                                          {"rec", Conv2d{0, 2, 3, 1, 1}, {{"lif", Port::input, 1}}},
                                          {"fc", Conv2d{0, 2}, {{"in"}}},
                                          {"sum", ResidualAdd{}, {{"rec"}, {"fc", Port::residual}}},
                                          {"lif", Lif{}, {{"sum"}}}});
  Model model = nj::test::random_model(network, timesteps, 6, 2.0F);
  const NirGraph graph = export_nir(model, {.dt = dt});
  CHECK(std::holds_alternative<NirConv2d>(graph.find("rec")->op));
  CHECK(std::get<NirDelay>(graph.find("lif.delay")->op).delay.shape ==
        std::vector<std::uint64_t>{2, 3, 3});
  CHECK(graph.find("output") != nullptr);
  const Model back = import_nir(graph, {});
  CHECK(operand(back, "rec").delay == 1);
  CHECK(back.network.output_shape(*back.network.find("lif")) == FeatureShape{2, 3, 3});
}
