#include <fmt/core.h>

#include "family_draft.hpp"

// Spikingformer. Source: Zhou et al., 2023 (arXiv 2304.11954); docs/families.md, section 2.
namespace nj {
namespace {

/// `proj_conv`, `proj1_conv`, ..; in the CIFAR form `block0_conv`, `block1_conv`, ..
std::string stem_layer(Form form, std::uint32_t stage) {
  if (form == Form::cifar) return fmt::format("patch_embed.block{}_conv", stage);
  return fmt::format("patch_embed.proj{}_conv", stage == 0 ? "" : std::to_string(stage));
}

std::string draft_stem(const FamilyParameters& p, FamilyDraft& draft) {
  const std::uint32_t d = p.embed_dims;
  const std::uint32_t widths[] = {p.input.channels, d / 8, d / 4, d / 2, d, d};
  std::string x = draft.conv(stem_layer(p.form, 0), draft.input(), conv3x3(widths[0], widths[1]));
  for (std::uint32_t stage = 1; stage < 5; ++stage) {
    const std::string name = stem_layer(p.form, stage);
    x = draft.lif(sibling(name, "lif"), x);
    if (p.pool[stage - 1]) x = draft.max_pool(fmt::format("patch_embed.maxpool{}", stage), x);
    x = draft.conv(name, x, conv3x3(widths[stage], widths[stage + 1]));
  }
  return x;
}

std::string draft_block(const FamilyParameters& p, FamilyDraft& draft, std::uint32_t index,
                        const std::string& stream) {
  const std::string name = fmt::format("block.{}.", index);
  const std::uint32_t d = p.embed_dims;
  const std::uint32_t hidden = d * p.mlp_ratio;
  const std::string spikes = draft.lif(name + "attn.proj_lif", stream);
  const std::string q = draft.conv_lif(name + "attn.q_conv", spikes, conv1x1(d, d));
  const std::string k = draft.conv_lif(name + "attn.k_conv", spikes, conv1x1(d, d));
  const std::string v = draft.conv_lif(name + "attn.v_conv", spikes, conv1x1(d, d));
  const std::string mixed = draft.self_attention(name + "attn.", q, k, v);
  const std::string projected =
      draft.conv(name + "attn.proj_conv", mixed, conv1x1(d, d), OwnBias::yes);
  const std::string middle = draft.residual(name + "attn.add", stream, projected);
  const std::string up =
      draft.lif_conv(name + "mlp.mlp1_conv", middle, conv1x1(d, hidden), OwnBias::yes);
  const std::string down =
      draft.lif_conv(name + "mlp.mlp2_conv", up, conv1x1(hidden, d), OwnBias::yes);
  draft.unused_norm(name + "norm1", d);
  draft.unused_norm(name + "norm2", d);
  return draft.residual(name + "mlp.add", middle, down);
}

}  // namespace

void draft_spikingformer(const FamilyParameters& p, FamilyDraft& draft) {
  std::string stream = draft_stem(p, draft);
  for (std::uint32_t i = 0; i < p.depths[0]; ++i) stream = draft_block(p, draft, i, stream);
  draft.head(stream);
}

}  // namespace nj
