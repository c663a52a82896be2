#include <fmt/core.h>

#include "family_draft.hpp"

// Spike-Driven Transformer, version 1. Source: Yao et al., NeurIPS 2023 (arXiv 2307.01694);
// docs/families.md, section 3.
namespace nj {
namespace {

/// Maximum of 3 x 3 windows of a map that keeps its size.
constexpr MaxPool2d spatial_max{3, 1, 1};

class SpikeDrivenTransformer {
 public:
  SpikeDrivenTransformer(const FamilyParameters& parameters, FamilyDraft& draft)
      : p_(parameters), draft_(draft), d_(parameters.embed_dims) {}

  std::string stem() {
    std::string x = draft_.input();
    const std::uint32_t widths[] = {p_.input.channels, d_ / 8, d_ / 4, d_ / 2, d_};
    for (std::uint32_t stage = 0; stage < 4; ++stage) {
      const std::string suffix = stage == 0 ? "" : std::to_string(stage);
      const std::string name = "patch_embed.proj_conv" + suffix;
      x = draft_.conv(name, x, conv3x3(widths[stage], widths[stage + 1]));
      if (stage < 3) x = draft_.lif(sibling(name, "lif"), x);
      if (p_.pool[stage]) x = draft_.max_pool("patch_embed.maxpool" + suffix, x);
    }
    const std::string spikes = draft_.lif("patch_embed.proj_lif3", x);
    return draft_.residual("patch_embed.add", x,
                           draft_.conv("patch_embed.rpe_conv", spikes, conv3x3(d_, d_)));
  }

  std::string block(std::uint32_t index, const std::string& stream) {
    const std::string name = fmt::format("block.{}.", index);
    draft_.unused(name + "attn.talking_heads.weight", std::uint64_t{p_.heads} * p_.heads);
    const std::string middle =
        draft_.residual(name + "attn.add", stream, attention(name + "attn.", stream));
    return mlp(name + "mlp.", middle);
  }

  /// Neurons read the mean over tokens, the head reads them.
  void head(const std::string& stream) {
    Extent tokens{p_.input.height, p_.input.width};
    for (const bool pooled : p_.pool) {
      if (pooled) tokens = {(tokens.y + 1) / 2, (tokens.x + 1) / 2};
    }
    const std::string mean = draft_.add("head_mean", AveragePool2d{tokens, 1, 0}, {{stream}});
    draft_.head(draft_.lif("head_lif", mean));
  }

 private:
  std::string attention(const std::string& name, const std::string& stream) {
    const std::string spikes = draft_.lif(name + "shortcut_lif", stream);
    const std::string q = draft_.conv_lif(name + "q_conv", spikes, conv1x1(d_, d_));
    const std::string k =
        eroded(name + "k_max", draft_.conv_lif(name + "k_conv", spikes, conv1x1(d_, d_)));
    const std::string v =
        eroded(name + "v_max", draft_.conv_lif(name + "v_conv", spikes, conv1x1(d_, d_)));
    const std::string kv = eroded_in_head(
        name + "kv_max", draft_.add(name + "kv", SpikeAnd{}, {{k}, {v, Port::gate}}));
    const std::string sum = draft_.add(name + "kv_sum", SpikeSum{}, {{kv}});
    const std::string gate = draft_.gate_lif(name + "talking_heads_lif", sum);
    const std::string masked = eroded_in_head(
        name + "mask_max", draft_.add(name + "mask", SpikeAnd{}, {{q}, {gate, Port::gate}}));
    return draft_.conv(name + "proj_conv", masked, conv1x1(d_, d_), OwnBias::yes);
  }

  /// With mlp_ratio 1 the first layer has a shortcut of its own, as in the authors' code.
  std::string mlp(const std::string& name, const std::string& stream) {
    const std::uint32_t hidden = d_ * p_.mlp_ratio;
    std::string shortcut = stream;
    std::string x = draft_.lif_conv(name + "fc1_conv", stream, conv1x1(d_, hidden), OwnBias::yes);
    if (p_.mlp_ratio == 1) {
      x = draft_.residual(name + "fc1_add", stream, x);
      shortcut = x;
    }
    x = draft_.lif_conv(name + "fc2_conv", x, conv1x1(hidden, d_), OwnBias::yes);
    return draft_.residual(name + "add", shortcut, x);
  }

  std::string eroded(const std::string& name, const std::string& spikes) {
    return p_.dvs_mode ? draft_.add(name, spatial_max, {{spikes}}) : spikes;
  }
  std::string eroded_in_head(const std::string& name, const std::string& spikes) {
    return p_.dvs_mode ? draft_.add(name, TokenChannelMax{p_.heads}, {{spikes}}) : spikes;
  }

  const FamilyParameters& p_;
  FamilyDraft& draft_;
  std::uint32_t d_;
};

}  // namespace

void draft_spike_driven_transformer(const FamilyParameters& p, FamilyDraft& draft) {
  SpikeDrivenTransformer parts(p, draft);
  std::string stream = parts.stem();
  for (std::uint32_t i = 0; i < p.depths[0]; ++i) stream = parts.block(i, stream);
  parts.head(stream);
}

}  // namespace nj
