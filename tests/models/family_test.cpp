// Question: are the built networks the published ones, and does the `model:` block say all of them?
// Result: parameters of 33 presets equal the published integers; dense operations of the 2-256
// event model equal facts worked out by hand.
#include "neurojoule/models/family.hpp"

#include <map>
#include <string>

#include <doctest/doctest.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/models/model.hpp"

namespace {

using namespace nj;

const Preset& preset_of(Family family, std::string_view name) {
  static std::map<Family, std::vector<Preset>> known;
  if (known[family].empty()) known[family] = presets(family);
  for (const Preset& preset : known[family]) {
    if (preset.name == name) return preset;
  }
  FAIL("no preset of this name");
  return known[family].front();
}

struct Published {
  std::string_view name;
  std::uint64_t state_dict;
  std::uint64_t folded;
};

void check_counts(Family family, const std::vector<Published>& rows) {
  CHECK(presets(family).size() == rows.size());
  for (const Published& row : rows) {
    CAPTURE(row.name);
    const ParameterCount count = parameter_count(preset_of(family, row.name).parameters);
    CHECK(count.state_dict == row.state_dict);
    CHECK(count.folded == row.folded);
  }
}

TEST_CASE("parameters of every preset: as PyTorch counts the authors' models, and folded") {
  check_counts(Family::spikformer, {{"cifar10_dvs", 2'585'610, 2'558'250},
                                    {"dvs_gesture", 2'585'867, 2'558'507},
                                    {"cifar10_4_256", 4'159'274, 4'136'010},
                                    {"cifar10_2_384", 5'768'122, 5'750'122},
                                    {"cifar10_4_384", 9'330'874, 9'295'978},
                                    {"imagenet_8_384", 16'828'312, 16'768'840},
                                    {"imagenet_6_512", 23'385'640, 23'325'800},
                                    {"imagenet_8_512", 29'705'768, 29'626'472},
                                    {"imagenet_10_512", 36'025'896, 35'927'144},
                                    {"imagenet_8_768", 66'363'208, 66'244'264}});
  check_counts(Family::spikingformer, {{"cifar10_dvs", 2'568'714, 2'558'250},
                                       {"dvs_gesture", 2'568'971, 2'558'507},
                                       {"cifar10_4_256", 4'156'202, 4'136'010},
                                       {"cifar10_2_384", 5'765'818, 5'750'122},
                                       {"cifar10_4_384", 9'326'266, 9'295'978},
                                       {"imagenet_8_384", 16'828'312, 16'768'840},
                                       {"imagenet_8_512", 29'705'768, 29'626'472},
                                       {"imagenet_8_768", 66'363'208, 66'244'264}});
  check_counts(Family::spike_driven_transformer, {{"cifar10_dvs", 2'566'794, 2'558'250},
                                                  {"dvs_gesture", 2'567'051, 2'558'507},
                                                  {"cifar10_2_256", 2'567'082, 2'558'538},
                                                  {"cifar10_2_512", 10'233'546, 10'216'586},
                                                  {"imagenet_8_384", 16'816'536, 16'768'840},
                                                  {"imagenet_6_512", 23'373'736, 23'325'800},
                                                  {"imagenet_8_512", 29'689'896, 29'626'472},
                                                  {"imagenet_10_512", 36'006'056, 35'927'144},
                                                  {"imagenet_8_768", 66'339'144, 66'244'264}});
  check_counts(Family::qkformer, {{"cifar10_dvs", 1'504'138, 1'499'674},
                                  {"dvs_gesture", 1'999'371, 1'992'603},
                                  {"cifar10_4_384", 6'706'234, 6'688'714},
                                  {"imagenet_10_384", 16'473'688, 16'424'584},
                                  {"imagenet_10_512", 29'079'336, 29'013'864},
                                  {"imagenet_10_768", 64'962'760, 64'864'552}});
}

TEST_CASE("parameters of variants: another depth, MLP and number of classes") {
  FamilyParameters p = preset_of(Family::spikformer, "cifar10_4_256").parameters;
  p.depths = {1};
  p.mlp_ratio = 1;
  CHECK(parameter_count(p).state_dict == 1'380'650);
  // One class costs a row of the head and its bias: 90 (D + 1) for 100 instead of 10.
  p.classes = 100;
  CHECK(parameter_count(p).state_dict == 1'380'650 + 90 * 257);
  p = preset_of(Family::qkformer, "cifar10_4_384").parameters;
  p.classes = 100;
  CHECK(parameter_count(p).state_dict == 6'740'884);
  // Published without the unused norms, 4 D per block.
  const auto published = [](std::string_view name) {
    const FamilyParameters& image = preset_of(Family::spikformer, name).parameters;
    return parameter_count(image).state_dict - 4 * image.embed_dims * image.depths[0];
  };
  CHECK(published("imagenet_8_384") == 16'816'024);
  CHECK(published("imagenet_6_512") == 23'373'352);
  CHECK(published("imagenet_8_512") == 29'689'384);
  CHECK(published("imagenet_10_512") == 36'005'416);
  CHECK(published("imagenet_8_768") == 66'338'632);
}

TEST_CASE("dense operations of the 2-256 event model, layer by layer") {
  const Network network = build_network(preset_of(Family::spikformer, "cifar10_dvs").parameters);
  const auto of = [&](const char* name) { return dense_operations(network, *network.find(name)); };
  CHECK(of("patch_embed.proj_conv") == 9'437'184);    // 9 * 2 * 32 * 128^2
  CHECK(of("patch_embed.proj_conv1") == 75'497'472);  // 9 * 32 * 64 * 64^2
  CHECK(of("patch_embed.proj_conv2") == 75'497'472);
  CHECK(of("patch_embed.proj_conv3") == 75'497'472);
  CHECK(of("patch_embed.rpe_conv") == 37'748'736);  // 9 * 256^2 * 64
  CHECK(of("block.0.attn.q_conv") == 4'194'304);    // 256^2 * 64
  CHECK(of("block.0.mlp.fc1_conv") == 16'777'216);
  CHECK(of("block.0.attn.ssa") == 2'097'152);  // 2 * 64^2 * 256
  CHECK(of("head") == 2'560);
  CHECK(of("patch_embed.add") == 0);
  std::uint64_t total = 0;
  std::uint64_t linear = 0;
  std::uint64_t attention = 0;
  for (std::uint32_t i = 0; i < network.size(); ++i) {
    const std::uint64_t operations = dense_operations(network, {i});
    total += operations;
    if (kind_name(network.layer({i}).op) == "linear") linear += operations;
    if (kind_name(network.layer({i}).op) == "attention") attention += operations;
  }
  CHECK(linear == 100'663'296);
  CHECK(attention == 4'194'304);
  CHECK(total == 378'538'496);
}

TEST_CASE("dense operations of Spike-Driven Transformer's attention grow with N C, not N^2") {
  const Network network =
      build_network(preset_of(Family::spike_driven_transformer, "dvs_gesture").parameters);
  CHECK(dense_operations(network, *network.find("block.0.attn.kv_sum")) == 256 * 256);
  CHECK(dense_operations(network, *network.find("block.0.attn.kv")) == 0);
}

TEST_CASE("tokens behind the stem") {
  // 34 -> (34 + 2 - 3) / 2 + 1 = 17 -> 9 -> 5; the fourth stage is not pooled.
  const Network small = build_network({});
  CHECK(small.output_shape(*small.find("patch_embed.add")) == FeatureShape{96, 5, 5});
  CHECK(!small.find("patch_embed.maxpool3"));
  const auto shape = [](Family family, std::string_view preset, const char* layer) {
    const Network network = build_network(preset_of(family, preset).parameters);
    return network.output_shape(*network.find(layer));
  };
  CHECK(shape(Family::spikformer, "cifar10_dvs", "patch_embed.add") == FeatureShape{256, 8, 8});
  CHECK(shape(Family::spikingformer, "cifar10_4_384", "patch_embed.block4_conv") ==
        FeatureShape{384, 8, 8});
  CHECK(shape(Family::spike_driven_transformer, "cifar10_dvs", "patch_embed.add") ==
        FeatureShape{256, 16, 16});
  CHECK(shape(Family::spike_driven_transformer, "imagenet_8_768", "head_mean") ==
        FeatureShape{768, 1, 1});
  // Published tokens per stage: 3136, 784, 196.
  CHECK(shape(Family::qkformer, "imagenet_10_768", "stage1.0.mlp.add") ==
        FeatureShape{192, 56, 56});
  CHECK(shape(Family::qkformer, "imagenet_10_768", "stage2.1.mlp.add") ==
        FeatureShape{384, 28, 28});
  CHECK(shape(Family::qkformer, "imagenet_10_768", "stage3.6.mlp.add") ==
        FeatureShape{768, 14, 14});
}

TEST_CASE("residual streams: integers that grow by one per sum, or real numbers") {
  const Network sew = build_network(preset_of(Family::spikformer, "cifar10_dvs").parameters);
  CHECK(sew.max_output(*sew.find("patch_embed.add")) == 2U);
  CHECK(sew.max_output(*sew.find("block.1.mlp.add")) == 6U);
  const Network hierarchy = build_network(preset_of(Family::qkformer, "cifar10_dvs").parameters);
  CHECK(hierarchy.max_output(*hierarchy.find("stage1.0.mlp.add")) == 4U);
  CHECK(hierarchy.max_output(*hierarchy.find("patch_embed2.add")) == 2U);
  for (const Family family : {Family::spikingformer, Family::spike_driven_transformer}) {
    const Network shortcut = build_network(preset_of(family, "cifar10_dvs").parameters);
    CHECK(shortcut.is_stream(*shortcut.find("block.1.mlp.add")));
  }
}

TEST_CASE("Spike-Driven Transformer with mlp_ratio 1 has a second shortcut") {
  FamilyParameters p = default_parameters(Family::spike_driven_transformer, Form::event);
  CHECK(!build_network(p).find("block.0.mlp.fc1_add"));
  p.mlp_ratio = 1;
  const Network network = build_network(p);
  const auto operands = network.operands(*network.find("block.0.mlp.add"));
  CHECK(network.layer(operands[0].source).name == "block.0.mlp.fc1_add");
  CHECK(network.layer(operands[1].source).name == "block.0.mlp.fc2_conv");
}

TEST_CASE("QKFormer's stages take any attention, under its name") {
  FamilyParameters p = default_parameters(Family::qkformer, Form::imagenet);
  p.attention = {Attention::self, Attention::channel, Attention::token};
  const Network network = build_network(p);
  CHECK(network.find("stage1.0.attn.ssa"));
  CHECK(network.output_shape(*network.find("stage2.0.tssa.attn_lif")) == FeatureShape{48, 1, 1});
  CHECK(network.output_shape(*network.find("stage3.0.tssa.attn_lif")) == FeatureShape{4, 14, 14});
}

FamilySpec parse(const std::string& text) {
  const YamlDocument document = YamlDocument::parse(text, "scenario.yaml");
  FamilySpec spec = read_family(document.root());
  document.finish();
  return spec;
}

std::string refusal(const std::string& text) {
  try {
    parse(text);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::config);
    return error.what();
  }
  return "no error";
}

TEST_CASE("model block: defaults, presets, overrides") {
  const FamilySpec spec = parse("{family: spikformer, checkpoint: models/a.safetensors}");
  CHECK(spec.parameters == FamilyParameters{});
  CHECK(spec.timesteps == 4);
  CHECK(spec.checkpoint == "models/a.safetensors");
  CHECK(to_yaml(spec, 2).starts_with("  family: spikformer\n  form: event\n  checkpoint: \"mod"));
  const FamilySpec preset = parse("{family: spikingformer, preset: dvs_gesture, depth: 3}");
  CHECK(preset.timesteps == 16);
  CHECK(preset.parameters.tau == 1.5);
  CHECK(preset.parameters.depths == std::vector<std::uint32_t>{3});
  CHECK(preset.parameters.classes == 11);
  CHECK(parse("{family: spikingformer, form: cifar}").parameters.tau == 2.0);
  CHECK(parse("{family: spikformer, form: cifar}").parameters.attention_scale == 0.125);
  const FamilySpec stages =
      parse("{family: qkformer, depths: [1, 0, 2], embed_dims: 64, heads: 2}");
  CHECK(stages.parameters.attention ==
        std::vector<Attention>{Attention::token, Attention::token, Attention::self});
  CHECK(!parse("{family: qkformer, classifier: absent}").has_classifier);
}

TEST_CASE("model block: every preset and variant written out reads back to itself") {
  for (const Family family : {Family::spikformer, Family::spikingformer,
                              Family::spike_driven_transformer, Family::qkformer}) {
    for (const Preset& preset : presets(family)) {
      const std::string words =
          "{family: " + std::string(to_string(family)) + ", preset: " + std::string(preset.name);
      const FamilySpec spec = parse(words + "}");
      CHECK(spec.parameters == preset.parameters);
      CHECK(parse(to_yaml(spec)) == spec);
    }
  }
  FamilySpec other;
  other.parameters = default_parameters(Family::qkformer, Form::cifar);
  other.parameters.attention = {Attention::channel, Attention::self, Attention::token};
  other.parameters.tau = 1.75;
  other.parameters.input_scale = 0.3;
  other.checkpoint = "a \"b\".safetensors";
  other.has_classifier = false;
  other.timesteps = 7;
  CHECK(parse(to_yaml(other)) == other);
  other.parameters = default_parameters(Family::spike_driven_transformer, Form::event);
  other.parameters.dvs_mode = true;
  other.parameters.pool = {false, true, false, true};
  CHECK(parse(to_yaml(other)) == other);
}

TEST_CASE("model block: what is wrong is said at its place") {
  CHECK(refusal("{family: resnet}") ==
        "scenario.yaml:1:2: family: expected one of spikformer, spikingformer, "
        "spike-driven-transformer, qkformer, got 'resnet'");
  CHECK(refusal("{family: spikformer, embed_dims: 97}") ==
        "scenario.yaml:1:22: embed_dims: expected a multiple of 8 and of 4 heads, got 97");
  CHECK(refusal("{family: qkformer, form: cifar, embed_dims: 36}") ==
        "scenario.yaml:1:33: embed_dims: expected a multiple of 4 times 2 and of 4 times 4 heads, "
        "got 36");
  CHECK(refusal("{family: spikformer, depth: 65}") ==
        "scenario.yaml:1:22: depth: expected 0..64, got 65");
  CHECK(refusal("{family: qkformer, attention: [token]}") ==
        "scenario.yaml:1:20: attention: expected one word for each of 2 stages, got 1");
  CHECK(refusal("{family: qkformer, depths: []}") ==
        "scenario.yaml:1:20: depths: expected the blocks of 1..4 stages, got 0 numbers");
  CHECK(
      refusal("{family: qkformer, depth: 2}").find("depth: unknown key, did you mean 'depths'?") !=
      std::string::npos);
  CHECK(refusal("{family: spikformer, preset: cifar10_dvs, form: cifar}") ==
        "scenario.yaml:1:43: form: the preset 'cifar10_dvs' is of form event");
  CHECK(refusal("{family: qkformer, preset: imagenet_8_768}")
            .find("preset: expected one of cifar10_dvs, ") != std::string::npos);
  for (const char* rest : {"heads: 5", "heads: 0", "pool: [true]", "input: [2, 34]", "timesteps: 0",
                           "max_input: 32768", "min_input: 1", "tau: 0.5", "dpeth: 2",
                           "dvs_mode: true", "depths: [2]", "attention: [self]", "classifier: none",
                           "input_scale: 0", "v_threshold: -1", "classes: 0", "mlp_ratio: 17"}) {
    CAPTURE(rest);
    CHECK(refusal(std::string("{family: spikformer, ") + rest + "}") != "no error");
  }
  CHECK(refusal("{family: qkformer, pool: [true, true, true, true]}") != "no error");
  CHECK(refusal("{family: spike-driven-transformer, attention_scale: 1}") != "no error");
}

TEST_CASE("parameters out of range are refused before anything is built") {
  const auto refused = [](const FamilyParameters& p, const char* key) {
    try {
      build_network(p);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::config);
      CHECK(error.location().key == key);
      return;
    }
    FAIL("not refused");
  };
  FamilyParameters p;
  p.heads = 5;
  refused(p, "embed_dims");
  p = {};
  p.depths = {65};
  refused(p, "depth");
  p.depths = {1, 1};
  refused(p, "depth");
  p = {};
  p.attention = {Attention::self};
  refused(p, "attention");
  p = {};
  p.input.width = 0;
  refused(p, "input");
}

}  // namespace
