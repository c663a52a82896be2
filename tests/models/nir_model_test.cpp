// Question: does a NIR graph become a model that does the same, spike for spike, and a model a
// graph, and is what one side cannot say refused by name?
#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/models/execute.hpp>
#include <neurojoule/models/nir_model.hpp>
#include <neurojoule/models/quantize.hpp>

#include "nir_example.hpp"
#include "random_model.hpp"
#include "support/thrown.hpp"

using namespace nj;
using namespace nj::nir_example;
using nj::test::Random;
using nj::testing::message_of;
using nj::testing::TemporaryFolder;

namespace {

constexpr double dt = 0x1p-10;  // time constants of whole steps are exact
constexpr std::uint32_t timesteps = 6;

/// Multiples of 1/16 in [-1, 1): sums are exact in float32.
NirArray sixteenths(Random& random, std::vector<std::uint64_t> shape) {
  std::uint64_t elements = 1;
  for (const std::uint64_t size : shape) elements *= size;
  NirArray array{std::move(shape), {}, NirElement::float32};
  for (std::uint64_t i = 0; i < elements; ++i) {
    array.values.push_back(std::floor(16.0 * double{random.symmetric()}) / 16.0);
  }
  return array;
}

/// One number for each channel of a map.
NirArray by_channel(const std::vector<double>& values, std::uint64_t height, std::uint64_t width) {
  NirArray array{{values.size(), height, width}, {}, NirElement::float64};
  for (const double value : values) array.values.insert(array.values.end(), height * width, value);
  return array;
}

NirArray one_number(double value) { return array_of({}, {value}); }

NirArray all(std::uint64_t n, double value) { return array_of({n}, std::vector<double>(n, value)); }

/// in [1] -> fc -> n -> out [n], with the neuron node given.
NirGraph behind_weights(NirOperator neurons, std::uint64_t n) {
  NirGraph graph;
  NirArray weight = array_of({n, 1}, std::vector<double>(n, 0.5));
  graph.nodes = {{"in", NirInput{{1}}},
                 {"fc", NirAffine{weight, all(n, 0.25)}},
                 {"n", std::move(neurons)},
                 {"out", NirOutput{{n}}}};
  graph.edges = {{"in", "fc"}, {"fc", "n"}, {"n", "out"}};
  return graph;
}

NirImportOptions options_of(NirReset reset = NirReset::to_value) {
  return {.timesteps = timesteps, .dt = dt, .reset = reset};
}

const Lif& lif_of(const Model& model, const char* name) {
  return std::get<Lif>(model.network.layer(*model.network.find(name)).op);
}

const LayerWeights& weights_of(const Model& model, const char* name) {
  return *model.weights[model.network.find(name)->index];
}

std::string refusal(const NirGraph& graph, const NirImportOptions& options = options_of()) {
  return message_of([&] { (void)import_nir(graph, options); });
}

/// A convolutional network of every layer that both sides know, parameters by channel.
NirGraph convolutional() {
  Random random(3);
  NirConv2d conv1;
  conv1.input_shape = std::array<std::uint64_t, 2>{6, 8};
  conv1.weight = sixteenths(random, {4, 1, 3, 2});
  conv1.bias = array_of({4}, {0.25, 0.125, 0.5, 0.0625});
  conv1.stride = {1, 2};
  conv1.padding = std::array<std::uint64_t, 2>{1, 0};
  conv1.groups = 2;
  NirConv2d conv2;
  conv2.input_shape = std::array<std::uint64_t, 2>{3, 2};
  conv2.weight = sixteenths(random, {3, 4, 3, 3});
  conv2.bias = sixteenths(random, {3});
  conv2.padding = NirPaddingMode::same;
  NirGraph inner;
  inner.nodes = {{"in", NirInput{{18}}},
                 {"fc", NirAffine{sixteenths(random, {5, 18}), sixteenths(random, {5})}},
                 {"out", NirOutput{{5}}}};
  inner.edges = {{"in", "fc"}, {"fc", "out"}};

  NirGraph graph;
  graph.nodes = {{"in", NirInput{{2, 6, 8}}},
                 {"conv1", conv1},
                 {"if", NirIf{by_channel({1 / dt, 2 / dt, 1 / dt, 0.5 / dt}, 6, 4),
                              by_channel({1, 1, 2, 0.5}, 6, 4), by_channel({0, 0, 0, 0}, 6, 4)}},
                 {"sum", NirSumPool2d{{2, 2}, {2, 2}, {0, 0}}},
                 {"conv2", conv2},
                 {"scale", NirScale{by_channel({0.5, 1, 0.25}, 3, 2)}},
                 {"lif", NirLif{by_channel({4 * dt, 4 * dt, 4 * dt}, 3, 2),
                                by_channel({2, 1, 4}, 3, 2), by_channel({0.25, 0, -0.5}, 3, 2),
                                by_channel({0.5, 0.5, 0.25}, 3, 2), by_channel({0, 0, 0}, 3, 2)}},
                 {"mean", NirAvgPool2d{{2, 2}, {1, 1}, {1, 1}}},
                 {"again", NirIf{by_channel({1 / dt, 1 / dt, 1 / dt}, 4, 3),
                                 by_channel({0.5, 0.5, 0.5}, 4, 3), by_channel({0, 0, 0}, 4, 3)}},
                 {"pool", NirSumPool2d{{2, 1}, {2, 1}, {0, 0}}},
                 {"flat", NirFlatten{std::nullopt, 0, -1}},
                 {"sub", inner},
                 {"cuba", NirCubaLif{all(5, 2 * dt), all(5, 4 * dt), all(5, 4), all(5, 0),
                                     all(5, 1), all(5, 0), all(5, 2)}},
                 {"out", NirOutput{{5}}}};
  for (std::size_t i = 0; i + 1 < graph.nodes.size(); ++i) {
    graph.edges.emplace_back(graph.nodes[i].name, graph.nodes[i + 1].name);
  }
  return graph;
}

QuantizedNetwork in_float(const Model& model) {
  QuantizationSpec spec;
  spec.default_rule = {NumberFormat{}, ScaleRule::mse, 0.0};
  return quantize(model, spec);
}

/// Frames [T, H, W, C] as NIR's [T, C, H, W].
std::vector<double> channels_first(const GradedTensor& frames, double scale) {
  const FeatureShape& s = frames.shape();
  std::vector<double> values;
  for (std::uint32_t t = 0; t < frames.timesteps(); ++t) {
    for (std::uint32_t c = 0; c < s.channels; ++c) {
      for (std::uint32_t y = 0; y < s.height; ++y) {
        for (std::uint32_t x = 0; x < s.width; ++x) {
          values.push_back(scale * frames.step(t)[s.address(c, y, x)]);
        }
      }
    }
  }
  return values;
}

/// Spikes of a layer as NIR's [T, C, H, W].
std::vector<double> channels_first(const SpikeTensor& spikes) {
  const FeatureShape& s = spikes.shape();
  std::vector<double> values;
  for (std::uint32_t t = 0; t < spikes.timesteps(); ++t) {
    for (std::uint32_t c = 0; c < s.channels; ++c) {
      for (std::uint32_t y = 0; y < s.height; ++y) {
        for (std::uint32_t x = 0; x < s.width; ++x) {
          values.push_back(spikes.test(t, s.address(c, y, x)) ? 1.0 : 0.0);
        }
      }
    }
  }
  return values;
}

/// Runs a model in float32 and a graph in double precision on random frames, and expects the same
/// spikes of every Lif and the same logits. Returns the share of steps at which the most silent
/// layer fires.
double check_same(const Model& model, const NirGraph& graph, NirRunOptions options) {
  std::vector<std::string> neurons;
  for (const LayerSpec& layer : model.network.layers()) {
    if (std::holds_alternative<Lif>(layer.op)) neurons.push_back(layer.name);
  }
  options.dt = dt;
  options.record = neurons;
  const QuantizedNetwork network = in_float(model);
  const Input& input = std::get<Input>(model.network.layer({0}).op);
  std::map<std::string, double> rates;
  constexpr std::uint64_t samples = 4;
  for (std::uint64_t seed = 0; seed < samples; ++seed) {
    const GradedTensor frames =
        nj::test::random_frames(timesteps, input.shape, input.max_value, 40, seed, input.min_value);
    const NirRun run = run_nir(graph, timesteps, channels_first(frames, input.scale), options);
    const Execution execution = execute(network, frames, {.keep_trace = true});
    for (const std::string& name : neurons) {
      CAPTURE(name);
      const auto& train = (*execution.trace)[model.network.find(name)->index];
      const auto expected = channels_first(std::get<SpikeTensor>(*train));
      CHECK(run.traces.at(name).output == expected);
      const double spikes = std::accumulate(expected.begin(), expected.end(), 0.0);
      rates[name] += spikes / static_cast<double>(samples * expected.size());
    }
    for (std::size_t k = 0; k < execution.logits.size(); ++k) {
      double mean = 0.0;
      for (std::uint32_t t = 0; t < timesteps; ++t) {
        mean += run.output[t * execution.logits.size() + k] / timesteps;
      }
      CHECK(std::abs(execution.logits[k] - mean) < 1e-6);
    }
  }
  double least = 1.0;
  for (const auto& [name, rate] : rates) {
    CHECK(rate < 0.9);
    least = std::min(least, rate);
  }
  return least;
}

}  // namespace

TEST_CASE("parameters of neurons become parameters of the layer and scales of its weights") {
  // tau = 4 steps; r = 2 and v_leak = 0.5 scale and shift; thresholds 2 and 4 become 2 and 2.
  const Model lif = import_nir(
      behind_weights(
          NirLif{all(2, 4 * dt), all(2, 2), all(2, 0.5), array_of({2}, {2, 4}), all(2, 0)}, 2),
      options_of());
  CHECK(lif_of(lif, "n").tau == 4.0);
  CHECK(lif_of(lif, "n").decay_input);
  CHECK(lif_of(lif, "n").v_threshold == 2.0);
  CHECK(lif_of(lif, "n").firing == Firing::above_threshold);
  CHECK(weights_of(lif, "fc").weight == std::vector<float>{1.0F, 0.5F});
  CHECK(weights_of(lif, "fc").bias == std::vector<float>{1.0F, 0.5F});
  // A head counts the output: weights of 1.
  CHECK(weights_of(lif, "out").weight == std::vector<float>{1, 0, 0, 1});

  // As snnTorch writes beta = 0.75: r = tau / dt, so the input does not decay.
  const Model whole = import_nir(
      behind_weights(NirLif{all(1, 4 * dt), all(1, 4), all(1, 0), all(1, 1), all(1, 0)}, 1),
      options_of(NirReset::subtract));
  CHECK_FALSE(lif_of(whole, "n").decay_input);
  CHECK(lif_of(whole, "n").reset == Reset::by_subtraction);
  CHECK(weights_of(whole, "fc").weight == std::vector<float>{0.5F});

  // Exponential: 1 / tau = 1 - exp(-dt / tau).
  NirImportOptions exponential = options_of();
  exponential.step = NirStep::exponential;
  const Model smooth = import_nir(
      behind_weights(NirLif{all(1, dt), all(1, 1.5), all(1, 0), all(1, 1), all(1, 0)}, 1),
      exponential);
  CHECK(std::abs(lif_of(smooth, "n").tau - 1.0 / (1.0 - std::exp(-1.0))) < 1e-15);

  // IF: dt r = 3. CubaLIF: r w_in / tau_syn = 1 * 6 / 2 = 3.
  const Model no_leak_model =
      import_nir(behind_weights(NirIf{all(1, 3 / dt), all(1, 1), all(1, 0)}, 1), options_of());
  CHECK(lif_of(no_leak_model, "n").tau == no_leak);
  CHECK(weights_of(no_leak_model, "fc").weight == std::vector<float>{1.5F});
  const Model cuba =
      import_nir(behind_weights(NirCubaLif{all(1, 2 * dt), all(1, 4 * dt), all(1, 1), all(1, 0),
                                           all(1, 1), all(1, 0), all(1, 6)},
                                1),
                 options_of());
  CHECK(lif_of(cuba, "n").tau_synapse == 2.0);
  CHECK(weights_of(cuba, "fc").weight == std::vector<float>{1.5F});
}

TEST_CASE("an imported network does in float32 what the graph does in double precision") {
  const NirGraph graph = convolutional();
  for (const NirReset reset : {NirReset::to_value, NirReset::subtract}) {
    const Model model = import_nir(graph, options_of(reset));
    CHECK(model.network.find("sub/fc").has_value());
    CHECK(model.network.find("again.input").has_value());
    CHECK(check_same(model, graph, {.step = NirStep::euler, .reset = reset}) > 0.05);
  }
  NirImportOptions exponential = options_of();
  exponential.step = NirStep::exponential;
  NirGraph direct = graph;  // all but the CubaLIF
  direct.nodes[12].op = NirLif{all(5, 4 * dt), all(5, 1), all(5, 0), all(5, 0.5), all(5, 0)};
  CHECK(check_same(import_nir(direct, exponential), direct, {.step = NirStep::exponential}) > 0.05);
}

TEST_CASE("a graph that ends in a product has a head, and sums of spikes are residual adds") {
  Random random(5);
  NirGraph graph;
  const NirIf neurons{all(4, 1 / dt), all(4, 0.5), all(4, 0)};
  graph.nodes = {
      {"in", NirInput{{4}}},  {"a", NirLinear{sixteenths(random, {4, 4})}},
      {"if1", neurons},       {"b", NirLinear{sixteenths(random, {4, 4})}},
      {"if2", neurons},       {"c", NirAffine{sixteenths(random, {3, 4}), sixteenths(random, {3})}},
      {"out", NirOutput{{3}}}};
  graph.edges = {{"in", "a"},  {"a", "if1"}, {"if1", "b"}, {"b", "if2"},
                 {"if2", "c"}, {"if1", "c"}, {"c", "out"}};
  const Model model = import_nir(graph, options_of());
  CHECK(model.network.find("c.sum").has_value());
  CHECK(std::holds_alternative<ClassifierHead>(model.network.layer(*model.network.find("c")).op));
  CHECK(check_same(model, graph, {.step = NirStep::euler}) > 0.2);
}

TEST_CASE("an exported model does the same under Euler steps, survives a file, and comes back") {
  // Every option of neurons that NIR can say, ties included: 0.5 is met often.
  std::vector<Network::Draft> drafts;
  const auto add = [&](const char* name, Operator op, const char* from) {
    drafts.push_back({name, std::move(op), {}});
    if (*from != '\0') drafts.back().operands.push_back({from, Port::input});
  };
  add("in", Input{{2, 6, 6}, 3, -2, 0.5}, "");
  add("conv", Conv2d{2, 4, {3, 2}, {1, 2}, {1, 0}, 1, 2}, "in");
  add("ties", Lif{2.0, 0.5}, "conv");
  add("conv/b", Conv2d{4, 4, 3, 1, 1}, "ties");
  add("soft", Lif{4.0, 0.5, Reset::by_subtraction, false, Firing::above_threshold}, "conv/b");
  drafts.push_back({"add", ResidualAdd{}, {{"ties"}, {"soft", Port::residual}}});
  add("pool", AveragePool2d{{2, 1}, {2, 1}, 0}, "add");
  add("conv3", Conv2d{4, 3, 1, 1, 0}, "pool");
  add("cuba", Lif{2.0, 0.25, Reset::to_zero, true, Firing::at_threshold, 0, 4.0}, "conv3");
  add("flat", Flatten{}, "cuba");
  add("fc", Conv2d{27, 8, 1, 1, 0, 1, 1}, "flat");
  add("if", Lif{no_leak, 0.5, Reset::to_zero, false}, "fc");
  add("blocks", Conv2d{8, 6, 1, 1, 0, 1, 2}, "if");
  add("last", Lif{2.0, 0.25}, "blocks");
  add("head", ClassifierHead{6, 4}, "last");
  Model model = nj::test::random_model(Network::build(std::move(drafts)), timesteps, 9, 1.5F, 0.5F);
  for (auto& weights : model.weights) {
    if (!weights) continue;
    for (float& w : weights->weight) w = std::round(w * 16.0F) / 16.0F;
    for (float& b : weights->bias) b = std::round(b * 16.0F) / 16.0F;
  }
  const NirGraph graph = export_nir(model, {.dt = dt});
  CHECK(graph.find("add") == nullptr);
  CHECK(graph.find("conv.b") != nullptr);
  const TemporaryFolder folder;
  write_nir(folder / "a.nir", graph);
  CHECK(read_nir(folder / "a.nir") == graph);

  const Model back = import_nir(graph, {});
  CHECK(back.timesteps == timesteps);
  const Input& in = std::get<Input>(back.network.layer({0}).op);
  CHECK(in.max_value == 3);
  CHECK(in.min_value == -2);
  CHECK(in.scale == 0.5);
  for (const char* name : {"ties", "soft", "cuba", "if", "last"}) {
    CAPTURE(name);
    const Lif& a = lif_of(model, name);
    const Lif& b = lif_of(back, name);
    CHECK(a.tau == b.tau);
    CHECK(a.tau_synapse == b.tau_synapse);
    CHECK(a.v_threshold == b.v_threshold);
    CHECK(a.reset == b.reset);
    CHECK(a.firing == b.firing);
    CHECK(a.decay_input == b.decay_input);
  }
  for (const char* name : {"conv", "conv3", "fc", "head"}) {
    CAPTURE(name);
    CHECK(weights_of(back, name).weight == weights_of(model, name).weight);
    CHECK(weights_of(back, name).bias == weights_of(model, name).bias);
  }
  // The reset of `soft` stands in the metadata.
  CHECK(check_same(back, graph, {.step = NirStep::euler}) > 0.2);
}

TEST_CASE("what a layer cannot say is refused by node") {
  const auto lif = [](double tau, double r, double reset) {
    return NirLif{array_of({2}, {4 * dt, tau}), array_of({2}, {1, r}), all(2, 0), all(2, 1),
                  all(2, reset)};
  };
  CHECK(refusal(behind_weights(lif(2 * dt, 1, 0), 2)) ==
        "n: its neurons have different time constants; a layer has one");
  CHECK(refusal(behind_weights(lif(4 * dt, 1, 0.5), 2)) == "n: its v_reset is not 0");
  CHECK(refusal(behind_weights(NirLi{all(1, dt), all(1, 1), all(1, 0)}, 1)) ==
        "n: the executor has no layer for a LI, which does not fire");
  CHECK(refusal(behind_weights(NirDelay{all(1, dt)}, 1)) ==
        "n: delays the current of 'fc'; only spikes can wait");
  CHECK(refusal(behind_weights(NirIf{all(1, 1), all(1, 0), all(1, -1)}, 1)) ==
        "n: its v_reset is not 0");
  CHECK(refusal(behind_weights(NirIf{all(1, 1), all(1, 0), all(1, 0)}, 1)) ==
        "n: its threshold is not above 0");
  const NirCubaLif leaking_to_1{all(1, 1), all(1, 1), all(1, 1), all(1, 1),
                                all(1, 1), all(1, 0), all(1, 1)};
  CHECK(refusal(behind_weights(leaking_to_1, 1)) == "n: the v_leak of a CubaLIF is not 0");
  NirGraph graph = behind_weights(lif(4 * dt, 1, 0), 2);
  CHECK(refusal(graph, {.timesteps = 4}) == "dt: the graph does not say how long a time step is");
  CHECK(refusal(graph, {.dt = dt}) ==
        "timesteps: the graph does not say how many time steps a sample has");
  CHECK(refusal(graph, {.timesteps = 1025, .dt = dt}) == "timesteps: expected 1..1024, got 1025");
  graph.metadata["timesteps"] = one_number(2.5);
  CHECK(refusal(graph, {.dt = dt}) == "timesteps: expected 1..1024, got 2.5");
  graph.metadata.clear();
  graph.nodes[0].metadata["max_value"] = one_number(1e300);
  CHECK(refusal(graph) == "max_value: expected 1..32767, got 1e+300");
  graph.nodes[0].metadata.clear();
  // Two readers of one current, scaled for one of them.
  graph = behind_weights(NirIf{all(2, 2 / dt), all(2, 1), all(2, 0)}, 2);
  graph.nodes.push_back({"m", NirIf{all(2, 1 / dt), all(2, 1), all(2, 0)}});
  graph.nodes.push_back({"out2", NirOutput{{2}}});
  graph.edges.emplace_back("fc", "m");
  graph.edges.emplace_back("m", "out2");
  CHECK(refusal(graph) == "n: scales the current of 'fc', which others read too");
  graph = convolutional();
  std::get<NirIf>(graph.nodes[2].op).r.values[1] *= 2;
  CHECK(refusal(graph) == "if: its factors differ within channel 0");
  std::get<NirIf>(graph.nodes[2].op).r.values[1] /= 2;
  std::get<NirConv2d>(graph.nodes[4].op).weight.shape = {3, 4, 1, 9};
  CHECK(refusal(graph).empty() == false);
}

TEST_CASE("what NIR cannot say is refused by layer") {
  const auto refuse = [](Operator op) {
    const Network network = Network::build({{"in", Input{{4, 4, 4}, 1}, {}},
                                            {"conv", Conv2d{4, 4}, {{"in"}}},
                                            {"lif", Lif{}, {{"conv"}}},
                                            {"x", std::move(op), {{"lif"}}}});
    const Model model = nj::test::random_model(network, 4, 1);
    return message_of([&] { (void)export_nir(model); });
  };
  CHECK(refuse(MaxPool2d{2, 2, 0}) == "x: NIR has no node for 'maxpool2d'");
  CHECK(refuse(SpikeSum{}) == "x: NIR has no node for 'sum'");
  CHECK(refuse(TokenChannelMax{}) == "x: NIR has no node for 'token_channel_max'");
  const Network resting = Network::build({{"in", Input{{4}, 1}, {}},
                                          {"conv", Conv2d{4, 4}, {{"in"}}},
                                          {"lif", Lif{.refractory = 2}, {{"conv"}}}});
  CHECK(message_of([&] { (void)export_nir(nj::test::random_model(resting, 4, 1)); }) ==
        "lif: NIR has no refractory time");
}
