// Question: does a model file give back the very model that was written, for any layer graph, and
// is every file that is not one refused with its path and reason?
#include "neurojoule/models/model_file.hpp"

#include <cmath>
#include <cstdint>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <doctest/doctest.h>
#include <hdf5.h>

#include "neurojoule/core/atomic_file.hpp"
#include "neurojoule/core/hdf5_file.hpp"
#include "neurojoule/models/execute.hpp"
#include "neurojoule/models/quantize.hpp"

#include "random_graph.hpp"
#include "random_model.hpp"
#include "random_recurrent_graph.hpp"
#include "support/same_model.hpp"
#include "support/thrown.hpp"

namespace {

using namespace nj;
using nj::test::every_operator;
using nj::test::random_model;
using nj::test::RandomGraph;
using nj::test::RandomRecurrentGraph;
using nj::test::same;
using nj::testing::message_of;
using nj::testing::TemporaryFolder;

/// What a model file holds, to be changed before it is written.
struct Content {
  using Value = std::variant<std::string, std::int64_t, double, std::vector<std::int64_t>>;
  struct Values {
    std::vector<float> values;
    std::vector<std::uint64_t> shape;
  };
  std::map<std::pair<std::string, std::string>, Value> attributes;
  std::map<std::string, Values> datasets;

  Value& at(const std::string& layer, const std::string& name) {
    return attributes[{"/layers/" + layer, name}];
  }
  void remove(const std::string& layer, const std::string& name) {
    REQUIRE(attributes.erase({"/layers/" + layer, name}) == 1);
  }
  void write(const std::filesystem::path& file) const {
    Hdf5Writer writer(file);
    fill(writer);
    writer.commit();
  }
  void fill(Hdf5Writer& writer) const {
    for (const auto& [path, data] : datasets) writer.write<float>(path, data.values, data.shape);
    for (const auto& [key, value] : attributes) {
      std::visit([&](const auto& v) { writer.attribute(key.first, key.second, v); }, value);
    }
  }
};

/// Input [2, 1, 1] -> conv to 3 -> lif -> head of 2 classes, with every default left out.
Content small() {
  Content c;
  c.attributes = {{{"/", "format"}, "neurojoule-model"},
                  {{"/", "version"}, std::int64_t{1}},
                  {{"/", "timesteps"}, std::int64_t{4}},
                  {{"/units", "tau"}, "time step"},
                  {{"/units", "tau_synapse"}, "time step"},
                  {{"/units", "refractory"}, "time step"},
                  {{"/units", "timesteps"}, "time step"},
                  {{"/units", "v_threshold"}, "1"},
                  {{"/units", "scale"}, "1"},
                  {{"/units", "weight"}, "1"},
                  {{"/units", "bias"}, "1"}};
  c.at("00000", "name") = "in";
  c.at("00000", "kind") = "input";
  c.at("00000", "shape") = std::vector<std::int64_t>{2, 1, 1};
  c.at("00001", "name") = "c";
  c.at("00001", "kind") = "conv2d";
  c.at("00001", "input") = "in";
  c.at("00001", "out_channels") = std::int64_t{3};
  c.at("00002", "name") = "l";
  c.at("00002", "kind") = "lif";
  c.at("00002", "input") = "c";
  c.at("00003", "name") = "h";
  c.at("00003", "kind") = "head";
  c.at("00003", "input") = "l";
  c.at("00003", "classes") = std::int64_t{2};
  c.datasets["/layers/00001/weight"] = {{1, 2, 3, 4, 5, 6}, {3, 2, 1, 1}};
  c.datasets["/layers/00001/bias"] = {{0, 0, 1}, {3}};
  c.datasets["/layers/00003/weight"] = {{1, 2, 3, 4, 5, 6}, {2, 3, 1, 1}};
  c.datasets["/layers/00003/bias"] = {{0, 0}, {2}};
  return c;
}

/// The message without the file's name, which must stand first.
std::string refusal(const std::filesystem::path& file) {
  const std::string message = message_of([&] { (void)read_model_file(file); });
  const std::string prefix = file.string() + ": ";
  return message.starts_with(prefix) ? message.substr(prefix.size()) : "NO FILE: " + message;
}
std::string refusal(const std::function<void(Content&)>& change) {
  const TemporaryFolder folder;
  Content content = small();
  change(content);
  content.write(folder / "m.h5");
  return refusal(folder / "m.h5");
}

Execution run(const Model& model, std::uint64_t seed) {
  QuantizationSpec spec;
  spec.default_rule.format = NumberFormat{};
  const auto& input = std::get<Input>(model.network.layer({0}).op);
  const GradedTensor frames = nj::test::random_frames(model.timesteps, input.shape,
                                                      static_cast<std::uint32_t>(input.max_value),
                                                      30, seed, input.min_value);
  return execute(quantize(model, spec), frames);
}

}  // namespace

TEST_CASE("200 random graphs come back the same, and do the same") {
  const TemporaryFolder folder;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    const Model model = random_model(RandomGraph(seed).build(), 3, seed, 2.0F);
    write_model_file(model, folder / "m.h5");
    const Model again = read_model_file(folder / "m.h5");
    REQUIRE(same(model, again));
    if (seed % 4 != 0) continue;
    const Execution first = run(model, seed);
    const Execution second = run(again, seed);
    CHECK(first.activity == second.activity);
    CHECK(first.logits == second.logits);
  }
}

TEST_CASE("100 random recurrent graphs come back the same, and do the same") {
  const TemporaryFolder folder;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    CAPTURE(seed);
    const Model model = random_model(RandomRecurrentGraph(seed).build(), 4, seed, 2.0F);
    write_model_file(model, folder / "m.h5");
    const Model again = read_model_file(folder / "m.h5");
    REQUIRE(same(model, again));
    if (seed % 4 != 0) continue;
    CHECK(run(model, seed).activity == run(again, seed).activity);
  }
}

TEST_CASE("every operator, infinite tau and odd names come back; equal models give equal bytes") {
  const TemporaryFolder folder;
  Model model = random_model(every_operator(), 1024, 5);
  model.weights[1]->weight[0] = 1e-45F;  // the smallest float
  model.weights[1]->weight[1] = -0.0F;
  write_model_file(model, folder / "a.h5");
  write_model_file(model, folder / "b.h5");
  const Model again = read_model_file(folder / "a.h5");
  CHECK(same(model, again));
  CHECK(std::signbit(again.weights[1]->weight[1]));
  CHECK(std::isinf(std::get<Lif>(again.network.layer(*again.network.find("q: \"lif\"")).op).tau));
  CHECK(read_file(folder / "a.h5", 1 << 20) == read_file(folder / "b.h5", 1 << 20));
  CHECK(is_model_file(folder / "a.h5"));
}

TEST_CASE("what is left out has the operator's default, and one number stands for two") {
  const TemporaryFolder folder;
  Content content = small();
  content.at("00001", "padding") = std::int64_t{0};
  content.at("00001", "kernel") = std::vector<std::int64_t>{1, 1};
  content.at("00002", "tau") = std::int64_t{3};  // a whole number is a number
  content.write(folder / "m.h5");
  const Model model = read_model_file(folder / "m.h5");
  const Network expected = Network::build({{"in", Input{{2, 1, 1}}, {}},
                                           {"c", Conv2d{2, 3}, {{"in"}}},
                                           {"l", Lif{.tau = 3.0}, {{"c"}}},
                                           {"h", ClassifierHead{3, 2}, {{"l"}}}});
  CHECK(same(model.network, expected));
  CHECK(model.timesteps == 4);
  CHECK(model.weights[1]->weight == std::vector<float>{1, 2, 3, 4, 5, 6});
  CHECK(model.weights[3]->bias == std::vector<float>{0, 0});
}

TEST_CASE("a file in another order than the graph gives its weights to the right layers") {
  const TemporaryFolder folder;
  // 00000 -> 00001 -> 00002 -> 00003 -> 00000: the head comes first and can only be built last.
  const auto move = [](std::string path) {
    if (path.starts_with("/layers/"))
      path[12] = path[12] == '3' ? '0' : static_cast<char>(path[12] + 1);
    return path;
  };
  const Content content = small();
  Content moved;
  for (const auto& [key, value] : content.attributes) {
    moved.attributes[{move(key.first), key.second}] = value;
  }
  for (const auto& [path, data] : content.datasets) moved.datasets[move(path)] = data;
  content.write(folder / "a.h5");
  moved.write(folder / "b.h5");
  CHECK(same(read_model_file(folder / "a.h5"), read_model_file(folder / "b.h5")));
}

TEST_CASE("layers that are quantized already come back with their integers") {
  const TemporaryFolder folder;
  Model model = random_model(every_operator(), 3, 1);
  const std::vector<LayerId> layers = model.network.weighted_layers();
  for (std::size_t i = 0; i < layers.size(); i += 2) {
    LayerWeights& weights = *model.weights[layers[i].index];
    const NumberFormat format = parse_number_format(i % 4 == 0 ? "uniform3" : "pot4/tensor");
    const std::size_t channels = weights.bias.size();
    weights.integers = quantize_tensor(weights.weight, channels, {format, ScaleRule::mse, 0.0});
    weights.weight = represented_weights(*weights.integers, channels);
  }
  write_model_file(model, folder / "q.h5");
  const Model back = read_model_file(folder / "q.h5");
  CHECK(same(back, model));
  for (const LayerId id : layers) {
    CHECK(back.weights[id.index]->integers == model.weights[id.index]->integers);
  }
  const Hdf5Reader reader(folder / "q.h5");
  CHECK(reader.attribute_integer("/", "version") == 2);
}

/// A file whose head is quantized: integers `value`, and one scale.
std::string quantized_refusal(const std::string& format, std::int16_t value, double scale,
                              std::int64_t version = 2) {
  const TemporaryFolder folder;
  Content content = small();
  content.attributes[{"/", "version"}] = version;
  if (!format.empty()) content.at("00003", "format") = format;
  content.datasets.erase("/layers/00003/weight");
  const std::filesystem::path file = folder / "m.h5";
  Hdf5Writer writer(file);
  content.fill(writer);
  writer.write<std::int16_t>("/layers/00003/integers", std::vector<std::int16_t>(6, value),
                             {2, 3, 1, 1});
  writer.write<double>("/layers/00003/scales", std::vector<double>{scale}, {1});
  writer.commit();
  return refusal(file);
}

TEST_CASE("quantized layers that cannot be are refused") {
  CHECK(quantized_refusal("uniform3/tensor", 3, 0.5) == "NO FILE: nothing thrown");
  CHECK(quantized_refusal("uniform3/tensor", -4, 0.5) ==
        "/layers/00003: layer 'h': integer 0 is -4, uniform3/tensor has up to 3");
  CHECK(quantized_refusal("uniform3/tensor", 1, 0.0) == "/layers/00003: layer 'h': scale 0 is 0");
  CHECK(quantized_refusal("uniform3", 1, 0.5) ==
        "/layers/00003/scales: expected shape [2], found [1]");
  CHECK(quantized_refusal("float32", 1, 0.5) == "/layers/00003@format: float32 has no integers");
  CHECK(quantized_refusal("uniform33", 1, 0.5)
            .starts_with("/layers/00003@format: expected a format such as uniform4"));
  CHECK(quantized_refusal("uniform1", 1, 0.5) ==
        "/layers/00003@format: uniform takes 2..16 bits, got 1");
  CHECK(quantized_refusal("", 1, 0.5) == "/layers/00003@format: missing attribute");
  CHECK(quantized_refusal("", 1, 0.5, 1) == "/layers/00003/integers: unknown member");
}

TEST_CASE("headers that are not ours") {
  CHECK(refusal([](Content& c) {
          c.attributes.erase({"/", "format"});
        }) == "/@format: missing: no neurojoule model");
  CHECK(refusal([](Content& c) {
          c.attributes[{"/", "format"}] = "nir";
        }) == "/@format: expected 'neurojoule-model', got 'nir'");
  CHECK(refusal([](Content& c) {
          c.attributes[{"/", "version"}] = std::int64_t{3};
        }) == "/@version: expected 1 or 2, got 3");
  CHECK(refusal([](Content& c) {
          c.attributes.erase({"/", "version"});
        }) == "/@version: missing attribute");
  CHECK(refusal([](Content& c) {
          c.attributes[{"/", "timesteps"}] = std::int64_t{0};
        }) == "/@timesteps: expected 1..1024, got 0");
  CHECK(refusal([](Content& c) {
          c.attributes[{"/", "timestep"}] = std::int64_t{4};
        }) == "/@timestep: unknown attribute, did you mean 'timesteps'?");
  CHECK(refusal([](Content& c) {
          c.attributes[{"/units", "tau"}] = "ms";
        }) == "/units@tau: expected the unit 'time step', got 'ms'");
  CHECK(refusal([](Content& c) {
          c.attributes.erase({"/units", "tau"});
        }) == "/units@tau: missing attribute");
  CHECK(refusal([](Content& c) {
          c.attributes[{"/extra", "x"}] = "y";
        }) == "/extra: unknown member");
  CHECK(refusal([](Content& c) {
          c.attributes[{"/layers", "x"}] = "y";
        }) == "/layers@x: unknown attribute");
}

TEST_CASE("layers that say too much, too little or something else") {
  CHECK(refusal([](Content& c) { c.at("00001", "kind") = "linear"; }) ==
        "/layers/00001@kind: expected one of input, conv2d, lif, maxpool2d, avgpool2d, add, "
        "attention, and, sum, token_channel_max, flatten, head, got 'linear'");
  CHECK(refusal([](Content& c) { c.remove("00001", "kind"); }) ==
        "/layers/00001@kind: missing attribute");
  CHECK(refusal([](Content& c) { c.at("00001", "kernal") = std::int64_t{1}; }) ==
        "/layers/00001@kernal: unknown attribute, did you mean 'kernel'?");
  CHECK(refusal([](Content& c) { c.at("00002", "stride") = std::int64_t{1}; }) ==
        "/layers/00002@stride: unknown attribute");
  CHECK(refusal([](Content& c) { c.remove("00001", "out_channels"); }) ==
        "/layers/00001@out_channels: missing attribute");
  CHECK(refusal([](Content& c) { c.remove("00001", "input"); }) ==
        "/layers/00001@input: missing attribute");
  CHECK(refusal([](Content& c) { c.at("00001", "gate") = "in"; }) ==
        "/layers/00001@gate: unknown attribute, did you mean 'name'?");
  CHECK(refusal([](Content& c) {
          c.at("00000", "shape") = std::vector<std::int64_t>{2, 1};
        }) == "/layers/00000@shape: expected 3 numbers, got 2");
  CHECK(refusal([](Content& c) {
          c.at("00001", "kernel") = std::vector<std::int64_t>{1, 1, 1};
        }) == "/layers/00001@kernel: has more than 2 elements");
  CHECK(refusal([](Content& c) { c.at("00001", "kernel") = std::int64_t{1} << 60; }) ==
        "/layers/00001@kernel: expected 1..65535, got 1.152921504606847e+18");
  CHECK(refusal([](Content& c) { c.at("00001", "kernel") = "3"; }) ==
        "/layers/00001@kernel: expected integers");
  CHECK(refusal([](Content& c) { c.at("00002", "reset") = "hard"; }) ==
        "/layers/00002@reset: expected one of to_zero, by_subtraction, got 'hard'");
  CHECK(refusal([](Content& c) { c.at("00002", "tau") = 0.5; }) ==
        "/layers/00002@tau: expected 1..1e+30 or none, got 0.5");
  CHECK(refusal([](Content& c) { c.at("00002", "tau") = std::nan(""); }) ==
        "/layers/00002@tau: expected 1..1e+30 or none, got nan");
  CHECK(refusal([](Content& c) { c.at("00002", "tau") = "inf"; }) ==
        "/layers/00002@tau: expected a number or none, got 'inf'");
  CHECK(refusal([](Content& c) { c.at("00002", "v_threshold") = HUGE_VAL; }) ==
        "/layers/00002@v_threshold: expected 1e-30..1e+30, got inf");
  CHECK(refusal([](Content& c) { c.at("00001", "name") = "a\nb"; }) ==
        "/layers/00001@name: a layer's name has 1..256 bytes of UTF-8 and no control characters");
}

TEST_CASE("graphs that cannot be") {
  CHECK(refusal([](Content& c) { c.at("00001", "input") = "il"; }) ==
        "/layers/00001: layer 'c': operand 'il' is no layer, did you mean 'in'?");
  CHECK(refusal([](Content& c) { c.at("00001", "input") = "l"; }) ==
        "/layers/00001: layer 'c': lies on a cycle without delay: c -> l -> c");
  const auto late = [](const char* layer, std::int64_t steps) {
    return refusal([&](Content& c) { c.at(layer, "input_delay_steps") = steps; });
  };
  CHECK(late("00001", 2) == "/layers/00001@input_delay_steps: expected 0..1, got 2");
  CHECK(late("00001", -1) == "/layers/00001@input_delay_steps: expected 0..1, got -1");
  CHECK(late("00000", 1) == "/layers/00000@input_delay_steps: unknown attribute");
  CHECK(late("00002", 1) ==
        "/layers/00002: layer 'l': reads 'c' with a delay, which gives a current; only spikes can "
        "wait");
  CHECK(refusal([](Content& c) { c.at("00002", "name") = "c"; }) ==
        "/layers/00002: layer 'c': two layers have this name");
  CHECK(refusal([](Content& c) { c.at("00001", "in_channels") = std::int64_t{5}; }) ==
        "/layers/00001: layer 'c': expects 5 channels, 'in' sends [2, 1, 1]");
  CHECK(refusal([](Content& c) { c.at("00002", "tau") = "none"; }) ==
        "/layers/00002: layer 'l': neurons that do not leak take their input whole: decay_input "
        "must be false");
  CHECK(refusal([](Content& c) { c.at("00005", "name") = "x"; }) ==
        "/layers/00004: missing: 5 layers are numbered from 00000 on");
  CHECK(refusal([](Content& c) {
          std::erase_if(c.attributes,
                        [](const auto& a) { return a.first.first.starts_with("/layers/"); });
          c.datasets.clear();
        }) == "/layers: missing");
}

TEST_CASE("weights of another name, shape or kind") {
  using Values = Content::Values;
  CHECK(refusal([](Content& c) { c.datasets.erase("/layers/00001/bias"); }) ==
        "/layers/00001/bias: missing");
  CHECK(refusal([](Content& c) {
          c.datasets["/layers/00002/weight"] = Values{{1}, {1}};
        }) == "/layers/00002/weight: unknown member");
  CHECK(refusal([](Content& c) {
          c.datasets["/layers/00001/weigth"] = Values{{1}, {1}};
        }) == "/layers/00001/weigth: unknown member, did you mean 'weight'?");
  CHECK(refusal([](Content& c) {
          c.datasets["/layers/00001/weight"].shape = {2, 3, 1, 1};
        }) == "/layers/00001/weight: expected shape [3, 2, 1, 1], found [2, 3, 1, 1]");
  CHECK(refusal([](Content& c) {
          c.datasets["/layers/00003/weight"].shape = {2, 3};
        }) == "/layers/00003/weight: expected shape [2, 3, 1, 1], found [2, 3]");
  CHECK(refusal([](Content& c) { c.datasets["/layers/00001/weight"].values[4] = NAN; }) ==
        "/layers/00001/weight: element 4 is nan");
  CHECK(refusal([](Content& c) { c.datasets["/layers/00003/bias"].values[1] = -INFINITY; }) ==
        "/layers/00003/bias: element 1 is -inf");
  CHECK(refusal([](Content& c) {
          c.attributes[{"/layers/00001/weight", "unit"}] = "V";
        }) == "/layers/00001/weight@unit: unknown attribute");
}

namespace {

/// Puts a chunked dataset of `shape` with one value stored in place of a tensor.
void replace_by_claim(const std::filesystem::path& file, const char* path, hid_t type,
                      const std::vector<hsize_t>& shape) {
  const hid_t id = H5Fopen(file.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  H5Ldelete(id, path, H5P_DEFAULT);
  const int rank = static_cast<int>(shape.size());
  const hid_t space = H5Screate_simple(rank, shape.data(), nullptr);
  const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  const std::vector<hsize_t> ones(shape.size(), 1);
  const std::vector<hsize_t> zeros(shape.size(), 0);
  H5Pset_chunk(properties, rank, ones.data());
  const hid_t dataset = H5Dcreate2(id, path, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
  const hid_t one = H5Screate_simple(rank, ones.data(), nullptr);
  H5Sselect_hyperslab(space, H5S_SELECT_SET, zeros.data(), nullptr, ones.data(), nullptr);
  const double value = 1.0;
  REQUIRE(H5Dwrite(dataset, H5T_NATIVE_DOUBLE, one, space, H5P_DEFAULT, &value) >= 0);
  H5Sclose(one);
  H5Dclose(dataset);
  H5Pclose(properties);
  H5Sclose(space);
  H5Fclose(id);
}

}  // namespace

TEST_CASE("sizes that lie are refused before memory is taken") {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder / "m.h5";
  const char* bias = "/layers/00001/bias";
  small().write(file);
  replace_by_claim(file, bias, H5T_IEEE_F32LE, {hsize_t{1} << 60});
  CHECK(refusal(file) == "/layers/00001/bias: expected shape [3], found [1152921504606846976]");
  replace_by_claim(file, bias, H5T_IEEE_F64LE, {3});
  CHECK(refusal(file) == "/layers/00001/bias: its element type does not convert without loss");

  // The layer and its tensor tell the same lie: 2 x 2^28 weights in a file of a few kilobytes.
  Content content = small();
  content.at("00001", "out_channels") = std::int64_t{1} << 28;
  content.write(file);
  replace_by_claim(file, "/layers/00001/weight", H5T_IEEE_F32LE, {hsize_t{1} << 28, 2, 1, 1});
  const std::uint64_t bound = std::filesystem::file_size(file) / 2 * 1032;
  CHECK(bound < (std::uint64_t{1} << 28));
  CHECK(refusal(file) ==
        "/layers/00001/weight: has more than " + std::to_string(bound) + " elements");
}

TEST_CASE("files that are cut, of another format, or not there") {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder / "m.h5";
  CHECK(refusal(file) == "no such file");
  small().write(file);
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  CHECK(refusal(file) == "not a readable HDF5 file (another format, or truncated)");
  std::ofstream(file) << "layers: []\n";
  CHECK(refusal(file) == "not a readable HDF5 file (another format, or truncated)");
  Hdf5Writer events(file);
  events.attribute("/", "width", std::int64_t{34});
  events.commit();
  CHECK(refusal(file) == "/@format: missing: no neurojoule model");
  CHECK_FALSE(is_model_file(file));
}

TEST_CASE("a model that a file cannot hold is not written") {
  const TemporaryFolder folder;
  const auto written = [&](const Model& model) {
    const std::string message = message_of([&] { write_model_file(model, folder / "m.h5"); });
    CHECK(std::filesystem::is_empty(folder.path()));
    return message;
  };
  const auto network = [](const std::string& name, double v_threshold) {
    return Network::build({{"in", Input{{1, 1, 1}}, {}},
                           {"c", Conv2d{1, 1}, {{"in"}}},
                           {name, Lif{.v_threshold = v_threshold}, {{"c"}}}});
  };
  CHECK(written(random_model(network("l", 1e-40), 1, 1)) ==
        "l: v_threshold: expected 1e-30..1e+30, got 1e-40");
  CHECK(written(random_model(network(std::string(257, 'a'), 1.0), 1, 1)) ==
        std::string(256, 'a') +
            ": a layer's name has 1..256 bytes of UTF-8 and no control characters");
  Model bad = random_model(network("l", 1.0), 1, 1);
  bad.weights[1]->bias[0] = NAN;
  CHECK(written(bad) == "c: bias element 0 is nan");
}
