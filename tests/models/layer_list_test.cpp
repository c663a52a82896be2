// Question: does a layer list in YAML say every network, is it read at its word, and do weights
// find their layers?
#include "neurojoule/models/layer_list.hpp"

#include <cstdint>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "neurojoule/core/atomic_file.hpp"

#include "layer_fields.hpp"
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

Network read(const std::string& text) {
  const YamlDocument document = YamlDocument::parse(text, "net.yaml");
  Network network = read_network_yaml(document.root().at("layers"));
  document.finish();
  return network;
}
std::string refusal(const std::string& text) {
  return message_of([&] { (void)read(text); });
}

const std::string start =
    "layers:\n"
    "- {name: in, kind: input, shape: [2, 4, 4], max_value: 1}\n"
    "- {name: c, kind: conv2d, input: in, out_channels: 4, kernel: [3, 1], padding: [1, 0]}\n";

/// The rows of the tables of docs/model-file.md.
class Rows {
 public:
  explicit Rows(std::string kind) : kind_(std::move(kind)) {}
  template <class T>
  void operator()(const fields::Field& field, const T& value) {
    rows.push_back(fmt::format("| {} | `{}` | {} | {} |{}|", kind_, field.name, range(field, value),
                               initial(field, value),
                               field.unit.empty() ? " " : fmt::format(" {} ", field.unit)));
  }
  std::vector<std::string> rows;

 private:
  template <class T>
  static std::string range(const fields::Field& field, const T& value) {
    if constexpr (fields::Choice<T>) {
      return fmt::format("`{}`", fmt::join(fields::words_of(value), "`, `"));
    }
    const std::string shape = std::is_same_v<T, FeatureShape> ? "[channels, height, width], "
                              : std::is_same_v<T, Extent>     ? "one or [y, x], "
                                                              : "";
    return fmt::format("{}{}..{}{}", shape, field.min, field.max, field.none ? " or `none`" : "");
  }
  template <class T>
  static std::string initial(const fields::Field& field, const T& value) {
    if (field.required) return "required";
    if (field.name == "in_channels") return "those of the operand";
    if constexpr (fields::Choice<T>) {
      return fmt::format("`{}`", fields::words_of(value)[static_cast<std::size_t>(value)]);
    } else if constexpr (std::is_same_v<T, Extent>) {
      return fmt::format("{}", value.y);
    } else if constexpr (!std::is_same_v<T, FeatureShape>) {
      return fmt::format("{}", value);
    }
    return "";
  }
  std::string kind_;
};

}  // namespace

TEST_CASE("400 random graphs come back from their text") {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    CAPTURE(seed);
    const Network network = RandomGraph(seed).build();
    REQUIRE(same(network, read(to_yaml(network))));
  }
}

TEST_CASE("200 random recurrent graphs come back from their text") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    const Network network = RandomRecurrentGraph(seed).build();
    REQUIRE(network.has_delays());
    REQUIRE(same(network, read(to_yaml(network))));
  }
}

TEST_CASE("a delay is written beside its operand, and read there") {
  const Network network =
      read(start +
           "- {name: s, kind: add, input: c, residual: r}\n"
           "- {name: r, kind: conv2d, input: l, input_delay_steps: 1, out_channels: 4}\n"
           "- {name: l, kind: lif, input: s, input_delay_steps: 0}\n"
           "- {name: both, kind: add, input: l, residual: l, residual_delay_steps: 1}\n");
  CHECK(network.operands(*network.find("r"))[0].delay == 1);
  CHECK(network.operands(*network.find("l"))[0].delay == 0);
  CHECK(network.operands(*network.find("both"))[0].delay == 0);
  CHECK(network.operands(*network.find("both"))[1].delay == 1);
  const std::string text = to_yaml(network);
  CHECK(text.find("input: \"l\", residual: \"l\", residual_delay_steps: 1}") != std::string::npos);
  CHECK(text.find("delay_steps: 0") == std::string::npos);
}

TEST_CASE("delays that cannot be are found at their line and column") {
  const auto recurrent = [](const std::string& rec, const std::string& lif = "") {
    return refusal(start + "- {name: s, kind: add, input: c, residual: r}\n" +
                   "- {name: r, kind: conv2d, input: l, out_channels: 4" + rec + "}\n" +
                   "- {name: l, kind: lif, input: s" + lif + "}\n");
  };
  CHECK(recurrent("") ==
        "net.yaml:4:3: layers[2]: layer 's': lies on a cycle without delay: s -> l -> r -> s");
  CHECK(recurrent(", input_delay_steps: 2") ==
        "net.yaml:5:54: layers[3].input_delay_steps: expected 0..1, got 2");
  CHECK(refusal(start + "- {name: l, kind: lif, input: c, input_delay: 0}\n") ==
        "net.yaml:4:34: layers[2].input_delay: unknown key, expected one of decay_input, firing, "
        "input, input_delay_steps, kind, name, refractory, reset, tau, tau_synapse, v_threshold");
  CHECK(
      refusal(start + "- {name: l, kind: lif, input: c, gate_delay_steps: 0}\n") ==
      "net.yaml:4:34: layers[2].gate_delay_steps: unknown key, did you mean 'input_delay_steps'?");
  CHECK(recurrent(", input_delay_steps: 1", ", input_delay_steps: 1") ==
        "net.yaml:6:3: layers[4]: layer 'l': reads 's' with a delay, which gives a current; only "
        "spikes can wait");
  CHECK(
      refusal(start + "- {name: a, kind: and, input: a, gate: in, input_delay_steps: 1}\n") ==
      "net.yaml:4:3: layers[2]: layer 'a': the shape or range of 'a', which it reads with a delay, "
      "depends on itself alone");
}

TEST_CASE("every operator, infinite tau and odd names come back from their text") {
  const Network network = every_operator();
  const std::string text = to_yaml(network, 2);
  CAPTURE(text);
  CHECK(same(network, read(text)));
}

TEST_CASE("what is left out has its default, layers may come in any order") {
  const Network network = read(
      "layers:\n"
      "- {name: head, kind: head, input: pool, classes: 10}\n"
      "- {name: pool, kind: maxpool2d, input: lif}\n"
      "- name: lif\n"
      "  kind: lif\n"
      "  input: conv\n"
      "  tau: none\n"
      "  decay_input: false\n"
      "- {name: conv, kind: conv2d, input: in, out_channels: 8, kernel: 3, padding: 1}\n"
      "- {name: in, kind: input, shape: [2, 34, 34]}\n");
  const Network expected = Network::build({
      {"in", Input{{2, 34, 34}, 255, 0, 1.0}, {}},
      {"conv", Conv2d{2, 8, 3, 1, 1, 1, 1}, {{"in"}}},
      {"lif", Lif{no_leak, 1.0, Reset::to_zero, false, Firing::at_threshold, 0, 1.0}, {{"conv"}}},
      {"pool", MaxPool2d{3, 2, 1}, {{"lif"}}},
      {"head", ClassifierHead{8, 10}, {{"pool"}}},
  });
  CHECK(same(network, expected));
}

TEST_CASE("mistakes are found at their line and column") {
  CHECK(refusal(start + "- {name: l, kind: lyf, input: c}\n") ==
        "net.yaml:4:13: layers[2].kind: expected one of input, conv2d, lif, maxpool2d, avgpool2d, "
        "add, attention, and, sum, token_channel_max, flatten, head, got 'lyf'");
  CHECK(refusal(start + "- {name: l, kind: lif, input: c, tua: 2}\n") ==
        "net.yaml:4:34: layers[2].tua: unknown key, did you mean 'tau'?");
  CHECK(refusal(start + "- {name: l, kind: lif, query: c}\n") ==
        "net.yaml:4:3: layers[2]: lacks the key 'input'");
  CHECK(refusal(start + "- {name: l, kind: lif, input: c, gate: c}\n") ==
        "net.yaml:4:34: layers[2].gate: unknown key, did you mean 'name'?");
  CHECK(refusal(start + "- {name: l, kind: lif, input: x}\n") ==
        "net.yaml:4:3: layers[2]: layer 'l': operand 'x' is no layer");
  CHECK(refusal(start + "- {name: l, kind: lif, input: in}\n") ==
        "net.yaml:4:3: layers[2]: layer 'l': needs a current, 'in' sends spikes");
  CHECK(refusal(start + "- {name: c, kind: lif, input: c}\n") ==
        "net.yaml:4:3: layers[2]: layer 'c': two layers have this name");
  CHECK(refusal(start + "- {name: l, kind: lif, input: d}\n- {name: d, kind: conv2d, input: l, "
                        "out_channels: 2}\n") ==
        "net.yaml:4:3: layers[2]: layer 'l': lies on a cycle without delay: l -> d -> l");
  CHECK(refusal(start + "- {name: l, kind: lif, input: c, tau: 0.5}\n") ==
        "net.yaml:4:34: layers[2].tau: expected 1..1e+30, got 0.5");
  CHECK(refusal(start + "- {name: l, kind: lif, input: c, tau: inf}\n") ==
        "net.yaml:4:34: layers[2].tau: expected a number, got 'inf'");
  CHECK(refusal(start + "- {name: l, kind: lif, input: c, reset: hard}\n") ==
        "net.yaml:4:34: layers[2].reset: expected one of to_zero, by_subtraction, got 'hard'");
  CHECK(refusal(start + "- {name: p, kind: maxpool2d, input: c, kernel: [1, 2, 3]}\n") ==
        "net.yaml:4:40: layers[2].kernel: expected 2 numbers, got 3");
  CHECK(refusal(start + "- {name: p, kind: maxpool2d, input: c, kernel: 1152921504606846976}\n") ==
        "net.yaml:4:40: layers[2].kernel: expected 1..65535, got 1152921504606846976");
  CHECK(refusal(start + "- {name: \"\", kind: lif, input: c}\n") ==
        "net.yaml:4:4: layers[2].name: a layer's name has 1..256 bytes of UTF-8 and no control "
        "characters");
  CHECK(refusal(start + "- {name: d, kind: conv2d, input: c}\n") ==
        "net.yaml:4:3: layers[2]: lacks the key 'out_channels'");
  CHECK(refusal("layers: []\n") == "net.yaml:1:1: layers: a network needs at least one layer");
  CHECK(refusal("layers: 3\n") == "net.yaml:1:1: layers: expected a list");
}

namespace {

/// c: 2 -> 4 channels, kernel [1, 3]; d: 4 -> 2, kernel 1, groups 2; h: 2 -> 3 classes.
Network weighted() {
  return Network::build({{"in", Input{{2, 4, 4}}, {}},
                         {"c", Conv2d{2, 4, {1, 3}, 1, {0, 1}}, {{"in"}}},
                         {"l", Lif{}, {{"c"}}},
                         {"d", Conv2d{4, 2, 1, 1, 0, 1, 2}, {{"l"}}},
                         {"m", Lif{}, {{"d"}}},
                         {"h", ClassifierHead{2, 3}, {{"m"}}}});
}

std::string attach_refusal(const std::function<void(std::map<std::string, Tensor>&)>& change) {
  SafetensorsFile file;
  file.file = "w.safetensors";
  file.tensors = weight_tensors(random_model(weighted(), 4, 1));
  change(file.tensors);
  return message_of([&] { (void)attach_weights(weighted(), file, 4); });
}

}  // namespace

TEST_CASE("weights go out and come back, in every rank that means the same") {
  const Model model = random_model(weighted(), 4, 1);
  SafetensorsFile file;
  file.tensors = weight_tensors(model);
  CHECK(file.tensors.size() == 6);
  CHECK(file.tensors.at("c.weight").shape == std::vector<std::uint64_t>{4, 2, 1, 3});
  CHECK(file.tensors.at("d.weight").shape == std::vector<std::uint64_t>{2, 2, 1, 1});
  CHECK(file.tensors.at("h.weight").shape == std::vector<std::uint64_t>{3, 2});
  CHECK(same(attach_weights(weighted(), file, 4), model));
  file.tensors.at("c.weight").shape = {4, 2, 3};
  file.tensors.at("d.weight").shape = {2, 2, 1};
  CHECK(same(attach_weights(weighted(), file, 4), model));
  file.tensors.at("d.weight").shape = {2, 2};
  CHECK(same(attach_weights(weighted(), file, 4), model));
  file.tensors.erase("d.bias");
  CHECK(attach_weights(weighted(), file, 4).weights[3]->bias == std::vector<float>{0.0F, 0.0F});
}

TEST_CASE("tensors that fit no layer are refused by name") {
  CHECK(attach_refusal([](auto& tensors) { tensors.erase("c.weight"); }) ==
        "w.safetensors: c.weight: missing tensor, expected shape [4, 2, 1, 3]");
  CHECK(attach_refusal([](auto& tensors) {
          tensors["c.weigth"] = tensors["c.weight"];
          tensors.erase("c.weight");
        }) ==
        "w.safetensors: c.weight: missing tensor, expected shape [4, 2, 1, 3]; 'c.weigth' is "
        "there");
  CHECK(attach_refusal([](auto& tensors) { tensors["c.bais"] = tensors["c.bias"]; }) ==
        "w.safetensors: byte 0: c.bais: belongs to no layer, did you mean 'c.bias'?");
  CHECK(attach_refusal([](auto& tensors) {
          tensors["c.weight"].shape = {4, 2, 3, 1};
        }) == "w.safetensors: byte 0: c.weight: expected shape [4, 2, 1, 3], found [4, 2, 3, 1]");
  CHECK(attach_refusal([](auto& tensors) {
          tensors["c.weight"].shape = {4, 6};
        }) == "w.safetensors: byte 0: c.weight: expected shape [4, 2, 1, 3], found [4, 6]");
  CHECK(attach_refusal([](auto& tensors) {
          tensors["d.bias"].shape = {2, 1};
        }) == "w.safetensors: byte 0: d.bias: expected shape [2], found [2, 1]");
}

TEST_CASE("a whole file: time steps, weights beside it, layers") {
  const TemporaryFolder folder;
  const Model model = random_model(weighted(), 7, 2);
  write_safetensors(folder / "w.safetensors", weight_tensors(model));
  const auto write = [&](const std::string& head) {
    std::ofstream(folder / "net.yaml") << head << to_yaml(model.network);
  };
  write("timesteps: 7\nweights: w.safetensors\n");
  CHECK(same(read_model_yaml(folder / "net.yaml"), model));
  const std::string name = (folder / "net.yaml").string();
  const auto message = [&] {
    return message_of([&] { (void)read_model_yaml(folder / "net.yaml"); });
  };
  write("timesteps: 7\n");
  CHECK(message() == name + ":1:1: lacks the key 'weights'");
  write("timesteps: 1025\nweights: w.safetensors\n");
  CHECK(message() == name + ":1:1: timesteps: expected 1..1024, got 1025");
  write("timesteps: 7\nweights: w.safetensors\nseed: 1\n");
  CHECK(message() == name + ":3:1: seed: unknown key, expected one of layers, timesteps, weights");
  write("timesteps: 7\nweights: v.safetensors\n");
  CHECK(message().starts_with((folder / "v.safetensors").string() + ": "));
}

namespace {

std::string document_text() {
  return read_file(std::string(NJ_SOURCE_DIR) + "/docs/model-file.md", 1 << 20);
}

}  // namespace

TEST_CASE("the example of docs/model-file.md is a network, and its message is the one it shows") {
  const std::string text = document_text();
  const std::size_t begin = text.find("```yaml\n") + 8;
  std::string example = text.substr(begin, text.find("```\n", begin) - begin);
  const auto read_layers = [](const std::string& yaml) {
    return read_network_yaml(YamlDocument::parse(yaml, "net.yaml").root().at("layers"));
  };
  CHECK(read_layers(example).size() == 5);
  example.replace(example.find("tau:"), 4, "tua:");
  CHECK(
      refusal(example.substr(example.find("layers:"))).starts_with("net.yaml:4:39: layers[2].tua"));
  CHECK(text.find("`net.yaml:6:39: layers[2].tua:\nunknown key, did you mean 'tau'?`") !=
        std::string::npos);
}

TEST_CASE("docs/model-file.md lists every parameter with its range, default and unit") {
  const std::string text = document_text();
  std::size_t listed = 0;
  for (const Operator& op : fields::all_operators()) {
    Rows rows{std::string(fields::kind_word(op))};
    std::visit([&](const auto& parameters) { fields::visit_fields(parameters, rows); }, op);
    for (const std::string& row : rows.rows) {
      CHECK_MESSAGE(text.find("\n" + row + "\n") != std::string::npos, row);
      ++listed;
    }
  }
  std::size_t in_document = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    for (const std::string_view kind : fields::kind_words()) {
      if (line.starts_with(fmt::format("| {} | `", kind))) ++in_document;
    }
  }
  CHECK(in_document == listed);
}
