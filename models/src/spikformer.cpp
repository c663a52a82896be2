#include "neurojoule/models/spikformer.hpp"

#include <utility>
#include <vector>

#include <fmt/core.h>

#include "neurojoule/core/error.hpp"

#include "yaml_text.hpp"

namespace nj {
namespace {

Error bad_parameter(const char* key, const std::string& message) {
  Location location;
  location.key = key;
  return {ErrorKind::config, message, location};
}

void check_range(const char* key, std::uint64_t value, std::uint64_t min, std::uint64_t max) {
  if (value < min || value > max) {
    throw bad_parameter(key, fmt::format("expected {}..{}, got {}", min, max, value));
  }
}

void check(const SpikformerParameters& p) {
  check_range("input channels", p.input.channels, 1, 64);
  check_range("input height", p.input.height, 1, 1024);
  check_range("input width", p.input.width, 1, 1024);
  check_range("max_input", p.max_input, 1, 255);
  check_range("embed_dims", p.embed_dims, 8, 4096);
  check_range("depth", p.depth, 0, 64);
  check_range("heads", p.heads, 1, 256);
  check_range("mlp_ratio", p.mlp_ratio, 1, 16);
  check_range("classes", p.classes, 1, 65536);
  if (p.embed_dims % 8 != 0 || p.embed_dims % p.heads != 0) {
    throw bad_parameter(
        "embed_dims",
        fmt::format("expected a multiple of 8 and of {} heads, got {}", p.heads, p.embed_dims));
  }
}

/// Collects layers; every method returns the name of what it added.
class Builder {
 public:
  explicit Builder(const SpikformerParameters& parameters) : p_(parameters) {}

  std::string add(std::string name, Operator op, std::vector<Network::Draft::Source> operands) {
    drafts_.push_back({name, op, std::move(operands)});
    return name;
  }

  /// `<prefix>_conv<suffix>` and `<prefix>_lif<suffix>`.
  std::string conv_lif(const std::string& prefix, const std::string& suffix,
                       const std::string& source, const Conv2d& conv) {
    const std::string current = add(prefix + "_conv" + suffix, conv, {{source, Port::input}});
    return add(prefix + "_lif" + suffix, Lif{p_.tau, p_.v_threshold}, {{current, Port::input}});
  }

  std::string residual(std::string name, const std::string& stream, const std::string& branch) {
    return add(std::move(name), ResidualAdd{}, {{stream, Port::input}, {branch, Port::residual}});
  }

  std::string stem() {
    std::string stream = add("input", Input{p_.input, p_.max_input}, {});
    std::uint32_t channels = p_.input.channels;
    for (std::uint32_t stage = 0; stage < 4; ++stage) {
      const std::string suffix = stage == 0 ? "" : std::to_string(stage);
      const std::uint32_t out = p_.embed_dims >> (3 - stage);
      stream = conv_lif("patch_embed.proj", suffix, stream, Conv2d{channels, out, 3, 1, 1});
      if (p_.pool[stage]) {
        stream =
            add(fmt::format("patch_embed.maxpool{}", suffix), MaxPool2d{}, {{stream, Port::input}});
      }
      channels = out;
    }
    const std::string position =
        conv_lif("patch_embed.rpe", "", stream, Conv2d{channels, channels, 3, 1, 1});
    return residual("patch_embed.add", stream, position);
  }

  std::string block(std::uint32_t index, const std::string& stream) {
    const std::string name = fmt::format("block.{}.", index);
    const std::uint32_t d = p_.embed_dims;
    const Conv2d square{d, d, 1, 1, 0};
    const std::string q = conv_lif(name + "attn.q", "", stream, square);
    const std::string k = conv_lif(name + "attn.k", "", stream, square);
    const std::string v = conv_lif(name + "attn.v", "", stream, square);
    const std::string ssa =
        add(name + "attn.ssa", SpikingSelfAttention{p_.heads, p_.attention_scale},
            {{q, Port::query}, {k, Port::key}, {v, Port::value}});
    const std::string attention =
        add(name + "attn.attn_lif", Lif{p_.tau, p_.attention_threshold}, {{ssa, Port::input}});
    const std::string projected = conv_lif(name + "attn.proj", "", attention, square);
    const std::string middle = residual(name + "attn.add", stream, projected);
    const std::uint32_t hidden = d * p_.mlp_ratio;
    const std::string fc1 = conv_lif(name + "mlp.fc1", "", middle, Conv2d{d, hidden, 1, 1, 0});
    const std::string fc2 = conv_lif(name + "mlp.fc2", "", fc1, Conv2d{hidden, d, 1, 1, 0});
    return residual(name + "mlp.add", middle, fc2);
  }

  Network build() { return Network::build(std::move(drafts_)); }

 private:
  const SpikformerParameters& p_;
  std::vector<Network::Draft> drafts_;
};

std::uint32_t read_u32(const YamlNode& node, std::string_view key, std::uint32_t fallback,
                       std::int64_t max) {
  const auto found = node.find(key);
  return found ? static_cast<std::uint32_t>(found->integer(1, max)) : fallback;
}

double read_positive(const YamlNode& node, std::string_view key, double fallback) {
  const auto found = node.find(key);
  return found ? found->real(1e-6, 1e6) : fallback;
}

FeatureShape read_input(const YamlNode& node) {
  const auto extents = node.elements();
  if (extents.size() != 3) throw node.error("expected [channels, height, width]");
  return {static_cast<std::uint32_t>(extents[0].integer(1, 64)),
          static_cast<std::uint32_t>(extents[1].integer(1, 1024)),
          static_cast<std::uint32_t>(extents[2].integer(1, 1024))};
}

std::array<bool, 4> read_pool(const YamlNode& node) {
  const auto stages = node.elements();
  if (stages.size() != 4) throw node.error("expected four booleans, one per stem stage");
  return {stages[0].boolean(), stages[1].boolean(), stages[2].boolean(), stages[3].boolean()};
}

}  // namespace

Network build_spikformer(const SpikformerParameters& parameters) {
  check(parameters);
  Builder builder(parameters);
  std::string stream = builder.stem();
  for (std::uint32_t i = 0; i < parameters.depth; ++i) stream = builder.block(i, stream);
  builder.add("head", ClassifierHead{parameters.embed_dims, parameters.classes},
              {{stream, Port::input}});
  return builder.build();
}

SpikformerSpec read_spikformer(const YamlNode& node) {
  SpikformerSpec spec;
  SpikformerParameters& p = spec.parameters;
  [[maybe_unused]] const bool known =
      node.at("family").one_of<bool>({{"spikformer", true}});  // the only family so far
  spec.checkpoint = node.at("checkpoint").text();
  if (const auto input = node.find("input")) p.input = read_input(*input);
  if (const auto pool = node.find("pool")) p.pool = read_pool(*pool);
  p.max_input = static_cast<std::uint8_t>(read_u32(node, "max_input", p.max_input, 255));
  p.embed_dims = read_u32(node, "embed_dims", p.embed_dims, 4096);
  if (const auto depth = node.find("depth")) {
    p.depth = static_cast<std::uint32_t>(depth->integer(0, 64));
  }
  p.heads = read_u32(node, "heads", p.heads, 256);
  p.mlp_ratio = read_u32(node, "mlp_ratio", p.mlp_ratio, 16);
  p.classes = read_u32(node, "classes", p.classes, 65536);
  p.attention_scale = read_positive(node, "attention_scale", p.attention_scale);
  p.attention_threshold = read_positive(node, "attention_threshold", p.attention_threshold);
  if (const auto tau = node.find("tau")) p.tau = tau->real(1.0, 1e4);
  p.v_threshold = read_positive(node, "v_threshold", p.v_threshold);
  spec.timesteps = read_u32(node, "timesteps", spec.timesteps, 1024);
  if (p.embed_dims % 8 != 0 || p.embed_dims % p.heads != 0) {
    throw node.error(fmt::format("embed_dims: expected a multiple of 8 and of {} heads, got {}",
                                 p.heads, p.embed_dims));
  }
  return spec;
}

std::string to_yaml(const SpikformerSpec& spec, std::size_t indent) {
  const SpikformerParameters& p = spec.parameters;
  std::string text;
  const auto line = [&](std::string_view key, const std::string& value) {
    text += fmt::format("{:{}}{}: {}\n", "", indent, key, value);
  };
  line("family", "spikformer");
  line("checkpoint", yaml_quoted(spec.checkpoint));
  line("timesteps", std::to_string(spec.timesteps));
  line("input", fmt::format("[{}, {}, {}]", p.input.channels, p.input.height, p.input.width));
  line("max_input", std::to_string(p.max_input));
  line("embed_dims", std::to_string(p.embed_dims));
  line("depth", std::to_string(p.depth));
  line("heads", std::to_string(p.heads));
  line("mlp_ratio", std::to_string(p.mlp_ratio));
  line("classes", std::to_string(p.classes));
  line("pool", fmt::format("[{}, {}, {}, {}]", p.pool[0], p.pool[1], p.pool[2], p.pool[3]));
  line("attention_scale", fmt::format("{}", p.attention_scale));
  line("attention_threshold", fmt::format("{}", p.attention_threshold));
  line("tau", fmt::format("{}", p.tau));
  line("v_threshold", fmt::format("{}", p.v_threshold));
  return text;
}

Model load_spikformer(const SpikformerSpec& spec, const std::filesystem::path& directory) {
  return import_spikformer(read_safetensors(directory / spec.checkpoint), spec.parameters,
                           spec.timesteps);
}

}  // namespace nj
