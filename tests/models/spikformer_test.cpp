// Question: is the built network the published one, and does the import fold BatchNorm right and
// refuse checkpoints that do not fit?
#include "neurojoule/models/spikformer.hpp"

#include <cmath>
#include <string>

#include <doctest/doctest.h>

#include "neurojoule/core/error.hpp"

namespace {

using namespace nj;

SpikformerParameters tiny() {
  SpikformerParameters p;
  p.input = {2, 16, 16};
  p.embed_dims = 8;
  p.depth = 1;
  p.heads = 2;
  p.mlp_ratio = 2;
  p.classes = 3;
  return p;
}

/// A checkpoint with every tensor the network needs; BatchNorm for all convolutions when `norm`.
SafetensorsFile checkpoint(const SpikformerParameters& parameters, bool norm) {
  SafetensorsFile file{"model.safetensors", {}, {}};
  const auto add = [&](const std::string& name, std::vector<std::uint64_t> shape, float value) {
    std::uint64_t elements = 1;
    for (const std::uint64_t extent : shape) elements *= extent;
    file.tensors[name] = {std::move(shape), std::vector<float>(elements, value), 0};
  };
  const Network network = build_spikformer(parameters);
  for (const LayerId id : network.weighted_layers()) {
    const std::string name = network.layer(id).name;
    const WeightShape shape = *weight_shape(network.layer(id).op);
    if (shape.kernel != Extent(1)) {
      add(name + ".weight", {shape.out, shape.in, shape.kernel.y, shape.kernel.x}, 0.5F);
    } else if (name == "head") {
      add(name + ".weight", {shape.out, shape.in}, 0.5F);
    } else {
      add(name + ".weight", {shape.out, shape.in, 1}, 0.5F);
    }
    if (!norm || name == "head") {
      add(name + ".bias", {shape.out}, 0.125F);
      continue;
    }
    std::string bn = name;
    bn.replace(bn.rfind("_conv"), 5, "_bn");
    add(bn + ".weight", {shape.out}, 3.0F);
    add(bn + ".bias", {shape.out}, 0.25F);
    add(bn + ".running_mean", {shape.out}, 2.0F);
    add(bn + ".running_var", {shape.out}, 4.0F);
  }
  return file;
}

TEST_CASE("the D = 256, 2 block event model has the published number of weights") {
  SpikformerParameters p;
  p.input = {2, 128, 128};
  p.embed_dims = 256;
  p.heads = 16;
  p.pool = {true, true, true, true};
  const Network network = build_spikformer(p);
  std::uint64_t parameters = 0;
  for (const LayerId id : network.weighted_layers()) {
    const WeightShape shape = *weight_shape(network.layer(id).op);
    parameters += shape.elements() + shape.out;  // folded: one bias per channel
  }
  // Stem: 9 * (2*32 + 32*64 + 64*128 + 128*256) + 480 = 387,648 + 480; position: 9 * 256^2 + 256 =
  // 590,080; block: 12 * 256^2 + (4 + 4 + 1) * 256 = 788,736 each; head 2,570.
  CHECK(parameters == 387648 + 480 + 590080 + 2 * 788736 + 2570);
  CHECK(network.output_shape(*network.find("patch_embed.maxpool3")) == FeatureShape{256, 8, 8});
  // The residual stream grows by one per add: position, then two per block.
  CHECK(network.max_output(*network.find("patch_embed.add")) == 2U);
  CHECK(network.max_output(*network.find("block.1.mlp.add")) == 6U);
}

TEST_CASE("three pools leave 5 x 5 tokens of a 34 x 34 input") {
  const Network network = build_spikformer({});
  // 34 -> (34 + 2 - 3) / 2 + 1 = 17 -> 9 -> 5.
  CHECK(network.output_shape(*network.find("patch_embed.add")) == FeatureShape{96, 5, 5});
  CHECK(!network.find("patch_embed.maxpool3"));
}

TEST_CASE("BatchNorm is folded in double precision") {
  const Model model = import_spikformer(checkpoint(tiny(), true), tiny(), 4);
  // gain = 3 / sqrt(4 + 1e-5); weight 0.5 gain, bias (0 - 2) gain + 0.25.
  const double gain = 3.0 / std::sqrt(4.0 + 1e-5);
  const auto& layer = *model.weights[model.network.find("block.0.mlp.fc1_conv")->index];
  CHECK(layer.weight[5] == static_cast<float>(0.5 * gain));
  CHECK(layer.bias[3] == static_cast<float>(-2.0 * gain + 0.25));
  CHECK(model.weights[model.network.find("head")->index]->bias[0] == 0.125F);
}

TEST_CASE("a convolution bias goes through the BatchNorm") {
  SafetensorsFile file = checkpoint(tiny(), true);
  file.tensors["block.0.mlp.fc1_conv.bias"] = {{16}, std::vector<float>(16, 1.0F), 0};
  const Model model = import_spikformer(file, tiny(), 4);
  const double gain = 3.0 / std::sqrt(4.0 + 1e-5);
  CHECK(model.weights[model.network.find("block.0.mlp.fc1_conv")->index]->bias[3] ==
        static_cast<float>((1.0 - 2.0) * gain + 0.25));
}

TEST_CASE("folded checkpoints, the prefix of wrapped modules and unused tensors are taken") {
  SafetensorsFile file{"model.safetensors", {}, {}};
  for (const auto& [name, tensor] : checkpoint(tiny(), false).tensors) {
    file.tensors["module." + name] = tensor;
  }
  for (const char* unused :
       {"module.pos_embed", "module.norm.weight", "module.norm.bias", "module.block.0.norm1.weight",
        "module.block.0.norm2.bias", "module.patch_embed.proj_bn.num_batches_tracked"}) {
    file.tensors[unused] = {{1}, {0.0F}, 0};
  }
  const Model model = import_spikformer(file, tiny(), 4);
  CHECK(model.weights[1]->weight[0] == 0.5F);
  CHECK(model.weights[1]->bias[0] == 0.125F);
}

std::string import_error(const SafetensorsFile& file) {
  try {
    import_spikformer(file, tiny(), 4);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::shape);
    return error.what();
  }
  return "no error";
}

TEST_CASE("missing, unknown and misshapen tensors") {
  SafetensorsFile file = checkpoint(tiny(), false);
  file.tensors["head.wieght"] = file.tensors["head.weight"];
  file.tensors.erase("head.weight");
  CHECK(import_error(file) ==
        "model.safetensors: head.weight: missing tensor, expected shape [3, 8]; the nearest name "
        "is 'head.wieght'");

  file = checkpoint(tiny(), false);
  file.tensors["block.1.attn.q_conv.weight"] = {{8, 8, 1}, std::vector<float>(64), 96};
  CHECK(import_error(file) ==
        "model.safetensors: byte 96: block.1.attn.q_conv.weight: unknown tensor, did you mean "
        "'block.0.attn.q_conv.weight'?");

  file = checkpoint(tiny(), false);
  file.tensors["patch_embed.proj_conv1.weight"] = {{2, 2, 3, 3}, std::vector<float>(36), 40};
  CHECK(import_error(file) ==
        "model.safetensors: byte 40: patch_embed.proj_conv1.weight: expected shape [2, 1, 3, 3], "
        "found [2, 2, 3, 3]");

  file = checkpoint(tiny(), true);
  file.tensors.erase("block.0.attn.q_bn.running_var");
  CHECK(import_error(file).find("block.0.attn.q_bn.running_var: missing tensor") !=
        std::string::npos);

  file = checkpoint(tiny(), true);
  file.tensors["block.0.norm3.weight"] = {{8}, std::vector<float>(8), 0};
  CHECK(import_error(file).find("unknown tensor") != std::string::npos);
}

SpikformerSpec parse(const std::string& text) {
  const YamlDocument document = YamlDocument::parse(text, "scenario.yaml");
  SpikformerSpec spec = read_spikformer(document.root());
  document.finish();
  return spec;
}

TEST_CASE("model block: defaults, round trip, errors at their place") {
  const SpikformerSpec spec = parse("{family: spikformer, checkpoint: models/a.safetensors}");
  CHECK(spec.parameters == SpikformerParameters{});
  CHECK(spec.timesteps == 4);
  SpikformerSpec other = spec;
  other.parameters = tiny();
  other.parameters.tau = 1.5;
  other.parameters.pool = {false, true, false, true};
  other.checkpoint = "a \"b\".safetensors";
  CHECK(parse(to_yaml(other)) == other);
  CHECK(to_yaml(spec, 2).starts_with("  family: spikformer\n  checkpoint: \"models/a"));
  const auto refused = [](const std::string& rest) {
    CHECK_THROWS_AS(parse("{family: spikformer, checkpoint: a, " + rest + "}"), Error);
  };
  refused("embed_dims: 97");
  refused("heads: 5");
  refused("pool: [true]");
  refused("input: [2, 34]");
  refused("timesteps: 0");
  refused("max_input: 256");
  refused("tau: 0.5");
  refused("dpeth: 2");
  CHECK_THROWS_AS(parse("{family: resnet, checkpoint: a}"), Error);
  CHECK_THROWS_AS(parse("{family: spikformer}"), Error);
}

TEST_CASE("parameters out of range are refused before anything is built") {
  SpikformerParameters p = tiny();
  p.heads = 3;
  CHECK_THROWS_AS(build_spikformer(p), Error);
  p = tiny();
  p.depth = 65;
  CHECK_THROWS_AS(build_spikformer(p), Error);
}

}  // namespace
