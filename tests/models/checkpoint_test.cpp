// Question: does the import take what PyTorch saves, fold BatchNorm right, and refuse checkpoints
// that do not fit?
#include "neurojoule/models/checkpoint.hpp"

#include <cmath>
#include <string>

#include <doctest/doctest.h>

#include "neurojoule/core/error.hpp"

namespace {

using namespace nj;

const std::filesystem::path golden = std::filesystem::path(NJ_SOURCE_DIR) / "tests" / "golden";

FamilySpec tiny() {
  FamilySpec spec;
  spec.parameters.input = {2, 16, 16};
  spec.parameters.embed_dims = 8;
  spec.parameters.depths = {1};
  spec.parameters.heads = 2;
  spec.parameters.mlp_ratio = 2;
  spec.parameters.classes = 3;
  return spec;
}

/// A checkpoint with every tensor the network needs; BatchNorm for all convolutions when `norm`.
SafetensorsFile checkpoint(bool norm) {
  SafetensorsFile file{"model.safetensors", {}, {}, {}};
  const auto add = [&](const std::string& name, std::vector<std::uint64_t> shape, float value) {
    std::uint64_t elements = 1;
    for (const std::uint64_t extent : shape) elements *= extent;
    file.tensors[name] = {std::move(shape), std::vector<float>(elements, value), 0};
  };
  const Network network = build_network(tiny().parameters);
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

const LayerWeights& weights_of(const Model& model, const char* layer) {
  return *model.weights[model.network.find(layer)->index];
}

TEST_CASE("BatchNorm is folded in double precision") {
  const Model model = import_checkpoint(checkpoint(true), tiny());
  // gain = 3 / sqrt(4 + 1e-5); weight 0.5 gain, bias (0 - 2) gain + 0.25.
  const double gain = 3.0 / std::sqrt(4.0 + 1e-5);
  const LayerWeights& layer = weights_of(model, "block.0.mlp.fc1_conv");
  CHECK(layer.weight[5] == static_cast<float>(0.5 * gain));
  CHECK(layer.bias[3] == static_cast<float>(-2.0 * gain + 0.25));
  CHECK(weights_of(model, "head").bias[0] == 0.125F);
  CHECK(model.timesteps == 4);
}

TEST_CASE("a convolution bias goes through the BatchNorm") {
  SafetensorsFile file = checkpoint(true);
  file.tensors["block.0.mlp.fc1_conv.bias"] = {{16}, std::vector<float>(16, 1.0F), 0};
  const Model model = import_checkpoint(file, tiny());
  const double gain = 3.0 / std::sqrt(4.0 + 1e-5);
  CHECK(weights_of(model, "block.0.mlp.fc1_conv").bias[3] ==
        static_cast<float>((1.0 - 2.0) * gain + 0.25));
}

TEST_CASE("folded checkpoints, the prefix of wrapped modules and unused tensors are taken") {
  SafetensorsFile file{"model.safetensors", {}, {}, {}};
  for (const auto& [name, tensor] : checkpoint(false).tensors) {
    file.tensors["module." + name] = tensor;
  }
  for (const char* unused :
       {"module.pos_embed", "module.norm.weight", "module.norm.bias", "module.block.0.norm1.weight",
        "module.block.0.norm2.bias", "module.patch_embed.proj_bn1.num_batches_tracked"}) {
    file.tensors[unused] = {{1}, {0.0F}, 0};
  }
  file.integers["module.patch_embed.proj_bn.num_batches_tracked"] = {{}, {125'100}, 0};
  const Model model = import_checkpoint(file, tiny());
  CHECK(model.weights[1]->weight[0] == 0.5F);
  CHECK(model.weights[1]->bias[0] == 0.125F);
}

std::string import_error(const SafetensorsFile& file, const FamilySpec& spec = tiny()) {
  try {
    import_checkpoint(file, spec);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::shape);
    return error.what();
  }
  return "no error";
}

TEST_CASE("missing, unknown and misshapen tensors") {
  SafetensorsFile file = checkpoint(false);
  file.tensors["head.wieght"] = file.tensors["head.weight"];
  file.tensors.erase("head.weight");
  CHECK(import_error(file) ==
        "model.safetensors: head.weight: missing tensor, expected shape [3, 8]; the nearest name "
        "is 'head.wieght'");

  file = checkpoint(false);
  file.tensors["block.1.attn.q_conv.weight"] = {{8, 8, 1}, std::vector<float>(64), 96};
  CHECK(import_error(file) ==
        "model.safetensors: byte 96: block.1.attn.q_conv.weight: unknown tensor, did you mean "
        "'block.0.attn.q_conv.weight'?");

  file = checkpoint(false);
  file.tensors["patch_embed.proj_conv1.weight"] = {{2, 2, 3, 3}, std::vector<float>(36), 40};
  CHECK(import_error(file) ==
        "model.safetensors: byte 40: patch_embed.proj_conv1.weight: expected shape [2, 1, 3, 3], "
        "found [2, 2, 3, 3]");

  file = checkpoint(true);
  file.tensors.erase("block.0.attn.q_bn.running_var");
  CHECK(import_error(file).find("block.0.attn.q_bn.running_var: missing tensor") !=
        std::string::npos);

  file = checkpoint(true);
  file.tensors["block.0.norm3.weight"] = {{8}, std::vector<float>(8), 0};
  CHECK(import_error(file).find("unknown tensor") != std::string::npos);

  file = checkpoint(true);
  file.tensors["block.0.norm_bn.num_batches_tracked"] = {{}, {0.0F}, 0};
  CHECK(import_error(file).find("unknown tensor") != std::string::npos);

  file = checkpoint(false);
  file.tensors.erase("head.bias");
  file.integers["head.bias"] = {{3}, {1, 2, 3}, 80};
  CHECK(import_error(file) ==
        "model.safetensors: byte 80: head.bias: expected floating-point values, found integers");

  file = checkpoint(false);
  file.tensors["module.head.bias"] = file.tensors["head.bias"];
  CHECK(import_error(file).find("appears with and without the prefix 'module.'") !=
        std::string::npos);
}

TEST_CASE("a missing classifier is taken when the block says so") {
  SafetensorsFile file = checkpoint(true);
  FamilySpec spec = tiny();
  spec.has_classifier = false;
  CHECK(import_error(file, spec) ==
        "model.safetensors: byte 0: head.weight: is there, but the model says it is absent");
  file.tensors.erase("head.weight");
  file.tensors.erase("head.bias");
  CHECK(import_error(file) ==
        "model.safetensors: head.weight: missing tensor, expected shape [3, 8]; for a checkpoint "
        "without classifier say 'classifier: absent'");
  const Model model = import_checkpoint(file, spec);
  const LayerWeights& head = weights_of(model, "head");
  CHECK(head.weight == std::vector<float>(24, 0.0F));
  CHECK(head.bias == std::vector<float>(3, 0.0F));
}

/// The nearest multiple of 2^-8, ties to even.
float rounded(float value) { return static_cast<float>(std::nearbyint(double{value} * 256) / 256); }

void check_folding(const std::string& name, const FamilySpec& spec) {
  const Model exact = import_checkpoint(read_safetensors(golden / (name + ".safetensors")), spec);
  const Model norm = import_checkpoint(read_safetensors(golden / (name + "_bn.safetensors")), spec);
  std::uint64_t values = 0;
  std::uint64_t wrong = 0;
  std::uint64_t changed = 0;
  const auto compare = [&](const std::vector<float>& folded, const std::vector<float>& expected) {
    REQUIRE(folded.size() == expected.size());
    for (std::size_t i = 0; i < folded.size(); ++i) {
      wrong += rounded(folded[i]) == expected[i] ? 0 : 1;
      changed += folded[i] == expected[i] ? 0 : 1;
    }
    values += folded.size();
  };
  for (const LayerId id : exact.network.weighted_layers()) {
    compare(norm.weights[id.index]->weight, exact.weights[id.index]->weight);
    compare(norm.weights[id.index]->bias, exact.weights[id.index]->bias);
  }
  CHECK(wrong == 0);
  CHECK(changed > values / 2);  // the checkpoint has norms to fold
}

TEST_CASE("golden checkpoints with BatchNorm fold to the exact ones, rounded to 2^-8") {
  FamilySpec spec;
  spec.parameters = default_parameters(Family::spikformer, Form::cifar);
  spec.parameters.input = {3, 16, 32};
  spec.parameters.embed_dims = 16;
  spec.parameters.heads = 2;
  spec.parameters.mlp_ratio = 2;
  check_folding("spikformer_image", spec);
  spec.parameters = default_parameters(Family::spike_driven_transformer, Form::event);
  spec.parameters.input = {2, 16, 32};
  spec.parameters.embed_dims = 16;
  spec.parameters.heads = 2;
  spec.parameters.mlp_ratio = 2;
  check_folding("sdt_dvs", spec);
}

}  // namespace
