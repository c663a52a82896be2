#include <span>
#include <vector>

#include <fmt/core.h>

#include "family_draft.hpp"

// QKFormer. Source: Zhou et al., NeurIPS 2024 (arXiv 2403.16552); docs/families.md, section 4.
namespace nj {
namespace {

/// A 3 x 3 layer of a patch embedding.
struct EmbedLayer {
  const char* name;
  std::uint32_t divisor;  ///< of the stage's width
  bool pooled;            ///< before its neurons
};

/// A chain of layers; its shortcut starts at the input of layer `shortcut`.
struct EmbedChain {
  std::vector<EmbedLayer> layers;
  std::size_t shortcut = 0;
};

EmbedChain first_chain(Form form) {
  switch (form) {
    case Form::event:
      return {{{"proj_conv", 8, false},
               {"proj1_conv", 4, true},
               {"proj2_conv", 2, true},
               {"proj3_conv", 1, true}},
              2};
    case Form::cifar:
      return {{{"proj_conv", 2, false}, {"proj1_conv", 1, false}}, 1};
    case Form::imagenet:
      return {{{"proj_conv", 2, true}, {"proj1_conv", 1, true}, {"proj2_conv", 1, false}}, 1};
  }
  return {};
}

EmbedChain later_chain(Form form) {
  switch (form) {
    case Form::event:
      return {{{"proj_conv", 1, false}, {"proj4_conv", 1, true}}};
    case Form::cifar:
      return {{{"proj3_conv", 1, false}, {"proj4_conv", 1, true}}};
    case Form::imagenet:
      return {{{"proj3_conv", 1, true}, {"proj4_conv", 1, false}}};
  }
  return {};
}

class QkFormer {
 public:
  QkFormer(const FamilyParameters& parameters, FamilyDraft& draft)
      : p_(parameters), draft_(draft) {}

  /// Stage 0 has the stem in front of it.
  std::string stage(std::size_t index, std::string x) {
    width_ = p_.embed_dims >> (p_.depths.size() - 1 - index);
    const std::string embed = fmt::format("patch_embed{}.", index + 1);
    x = index == 0 ? patch_embed(embed, first_chain(p_.form), p_.input.channels, x)
                   : patch_embed(embed, later_chain(p_.form), width_ / 2, x);
    for (std::uint32_t block = 0; block < p_.depths[index]; ++block) {
      const std::string name = fmt::format("stage{}.{}.", index + 1, block);
      x = mlp(name + "mlp.", mixer(name, p_.attention[index], x));
    }
    return x;
  }

 private:
  std::string patch_embed(const std::string& name, const EmbedChain& chain, std::uint32_t channels,
                          std::string x) {
    std::string branch;
    Conv2d shortcut;
    shortcut.out_channels = width_;
    for (std::size_t i = 0; i < chain.layers.size(); ++i) {
      const EmbedLayer& layer = chain.layers[i];
      if (i == chain.shortcut) {
        branch = x;
        shortcut.in_channels = channels;
      }
      const std::uint32_t out = width_ / layer.divisor;
      const std::string conv = name + layer.name;
      x = draft_.conv(conv, x, conv3x3(channels, out));
      if (layer.pooled) x = draft_.max_pool(sibling(conv, "maxpool"), x);
      if (layer.pooled && i >= chain.shortcut) shortcut.stride = shortcut.stride.y * 2;
      x = draft_.lif(sibling(conv, "lif"), x);
      channels = out;
    }
    return draft_.residual(name + "add", x,
                           draft_.conv_lif(name + "proj_res_conv", branch, shortcut));
  }

  std::string mixer(const std::string& block, Attention kind, const std::string& x) {
    const bool self = kind == Attention::self;
    const std::string name = block + (!self                       ? "tssa."
                                      : p_.form == Form::imagenet ? "attn."
                                                                  : "ssa.");
    const Conv2d square = conv1x1(width_, width_);
    const std::string q = draft_.conv_lif(name + "q_conv", x, square);
    const std::string k = draft_.conv_lif(name + "k_conv", x, square);
    const std::string mixed =
        self ? draft_.self_attention(name, q, k, draft_.conv_lif(name + "v_conv", x, square))
             : gated(name, kind, q, k);
    return draft_.residual(name + "add", x,
                           draft_.conv_lif(name + "proj_conv", mixed, square, OwnBias::yes));
  }

  /// k in the tokens, or channels, in which q fires often enough.
  std::string gated(const std::string& name, Attention kind, const std::string& q,
                    const std::string& k) {
    SpikeSum sum;
    if (kind == Attention::token) sum = {SumAxis::head, p_.heads, 1.0};
    const std::string gate =
        draft_.gate_lif(name + "attn_lif", draft_.add(name + "q_sum", sum, {{q}}));
    return draft_.add(name + "mask", SpikeAnd{}, {{k}, {gate, Port::gate}});
  }

  std::string mlp(const std::string& name, const std::string& x) {
    const std::string prefix = name + (p_.form == Form::imagenet ? "fc" : "mlp");
    const std::uint32_t hidden = width_ * p_.mlp_ratio;
    const std::string up =
        draft_.conv_lif(prefix + "1_conv", x, conv1x1(width_, hidden), OwnBias::yes);
    const std::string down =
        draft_.conv_lif(prefix + "2_conv", up, conv1x1(hidden, width_), OwnBias::yes);
    return draft_.residual(name + "add", x, down);
  }

  const FamilyParameters& p_;
  FamilyDraft& draft_;
  std::uint32_t width_ = 0;  ///< of the stage
};

}  // namespace

void draft_qkformer(const FamilyParameters& p, FamilyDraft& draft) {
  QkFormer parts(p, draft);
  std::string x = draft.input();
  for (std::size_t stage = 0; stage < p.depths.size(); ++stage) x = parts.stage(stage, x);
  draft.head(x);
}

}  // namespace nj
