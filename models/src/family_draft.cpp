#include "family_draft.hpp"

#include <utility>

namespace nj {

std::string sibling(const std::string& layer, std::string_view kind) {
  for (const std::string_view word : {"_conv", "_linear"}) {
    const std::size_t at = layer.rfind(word);
    if (at == std::string::npos) continue;
    std::string name = layer;
    return name.replace(at + 1, word.size() - 1, kind);
  }
  return {};
}

std::string FamilyDraft::add(const std::string& name, Operator op,
                             std::vector<Network::Draft::Source> operands) {
  drafts_.push_back({name, op, std::move(operands)});
  return name;
}

std::string FamilyDraft::input() {
  return add("input", Input{p_.input, p_.max_input, p_.min_input, p_.input_scale}, {});
}

std::string FamilyDraft::conv(const std::string& name, const std::string& source,
                              const Conv2d& conv, OwnBias bias) {
  if (bias == OwnBias::yes) own_bias_.insert(name);
  return add(name, conv, {{source}});
}

std::string FamilyDraft::lif(const std::string& name, const std::string& current) {
  return add(name, Lif{p_.tau, p_.v_threshold}, {{current}});
}

std::string FamilyDraft::gate_lif(const std::string& name, const std::string& current) {
  return add(name, Lif{p_.tau, p_.attention_threshold}, {{current}});
}

std::string FamilyDraft::conv_lif(const std::string& name, const std::string& source,
                                  const Conv2d& op, OwnBias bias) {
  return lif(sibling(name, "lif"), conv(name, source, op, bias));
}

std::string FamilyDraft::lif_conv(const std::string& name, const std::string& current,
                                  const Conv2d& op, OwnBias bias) {
  return conv(name, lif(sibling(name, "lif"), current), op, bias);
}

std::string FamilyDraft::max_pool(const std::string& name, const std::string& source) {
  return add(name, MaxPool2d{}, {{source}});
}

std::string FamilyDraft::residual(const std::string& name, const std::string& stream,
                                  const std::string& branch) {
  return add(name, ResidualAdd{}, {{stream}, {branch, Port::residual}});
}

std::string FamilyDraft::self_attention(const std::string& prefix, const std::string& query,
                                        const std::string& key, const std::string& value) {
  const std::string mixed = add(prefix + "ssa", SpikingSelfAttention{p_.heads, p_.attention_scale},
                                {{query, Port::query}, {key, Port::key}, {value, Port::value}});
  return gate_lif(prefix + "attn_lif", mixed);
}

void FamilyDraft::head(const std::string& source) {
  add("head", ClassifierHead{p_.embed_dims, p_.classes}, {{source}});
}

void FamilyDraft::unused(const std::string& name, std::uint64_t elements) {
  unused_.push_back({name, elements});
}

void FamilyDraft::unused_norm(const std::string& name, std::uint64_t channels) {
  unused(name + ".weight", channels);
  unused(name + ".bias", channels);
}

FamilyLayout FamilyDraft::finish() {
  return {Network::build(std::move(drafts_)), std::move(own_bias_), std::move(unused_)};
}

}  // namespace nj
