#include <fmt/core.h>

#include "family_draft.hpp"

// Spikformer. Source: Zhou et al., ICLR 2023 (arXiv 2209.15425); docs/families.md, section 1.
namespace nj {
namespace {

class Spikformer {
 public:
  Spikformer(const FamilyParameters& parameters, FamilyDraft& draft)
      : p_(parameters),
        draft_(draft),
        linear_(p_.form == Form::cifar ? "linear" : "conv"),
        qkv_bias_(p_.form == Form::cifar ? OwnBias::yes : OwnBias::no) {}

  std::string stem() {
    std::string x = draft_.input();
    std::uint32_t channels = p_.input.channels;
    for (std::uint32_t stage = 0; stage < 4; ++stage) {
      const std::string suffix = stage == 0 ? "" : std::to_string(stage);
      const std::uint32_t out = p_.embed_dims >> (3 - stage);
      x = draft_.conv_lif("patch_embed.proj_conv" + suffix, x, conv3x3(channels, out));
      if (p_.pool[stage]) x = draft_.max_pool("patch_embed.maxpool" + suffix, x);
      channels = out;
    }
    const std::string position =
        draft_.conv_lif("patch_embed.rpe_conv", x, conv3x3(channels, channels));
    return draft_.residual("patch_embed.add", x, position);
  }

  std::string block(std::uint32_t index, const std::string& stream) {
    const std::string name = fmt::format("block.{}.", index);
    const std::uint32_t d = p_.embed_dims;
    const auto part = [&](const std::string& layer, const std::string& source, std::uint32_t in,
                          std::uint32_t out, OwnBias bias) {
      return draft_.conv_lif(name + layer + "_" + linear_, source, conv1x1(in, out), bias);
    };
    const std::string q = part("attn.q", stream, d, d, qkv_bias_);
    const std::string k = part("attn.k", stream, d, d, qkv_bias_);
    const std::string v = part("attn.v", stream, d, d, qkv_bias_);
    const std::string mixed = draft_.self_attention(name + "attn.", q, k, v);
    const std::string middle =
        draft_.residual(name + "attn.add", stream, part("attn.proj", mixed, d, d, OwnBias::yes));
    const std::uint32_t hidden = d * p_.mlp_ratio;
    const std::string fc1 = part("mlp.fc1", middle, d, hidden, OwnBias::yes);
    const std::string fc2 = part("mlp.fc2", fc1, hidden, d, OwnBias::yes);
    draft_.unused_norm(name + "norm1", d);
    draft_.unused_norm(name + "norm2", d);
    return draft_.residual(name + "mlp.add", middle, fc2);
  }

 private:
  const FamilyParameters& p_;
  FamilyDraft& draft_;
  std::string linear_;  ///< what the names of 1 x 1 layers end in
  OwnBias qkv_bias_;
};

/// Positions behind the stem: a 3 x 3 pool of stride 2 with padding 1 halves, rounding up.
std::uint64_t tokens(const FamilyParameters& p) {
  std::uint64_t height = p.input.height;
  std::uint64_t width = p.input.width;
  for (const bool pooled : p.pool) {
    if (!pooled) continue;
    height = (height + 1) / 2;
    width = (width + 1) / 2;
  }
  return height * width;
}

}  // namespace

void draft_spikformer(const FamilyParameters& p, FamilyDraft& draft) {
  Spikformer parts(p, draft);
  std::string stream = parts.stem();
  for (std::uint32_t i = 0; i < p.depths[0]; ++i) stream = parts.block(i, stream);
  draft.head(stream);
  if (p.form != Form::event) return;
  draft.unused("pos_embed", tokens(p) * p.embed_dims);
  draft.unused_norm("norm", p.embed_dims);
}

}  // namespace nj
