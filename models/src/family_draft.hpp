#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "neurojoule/core/network.hpp"
#include "neurojoule/models/family.hpp"

namespace nj {

/// A tensor of the authors' state dict that their forward() never reads.
struct UnusedTensor {
  std::string name;
  std::uint64_t elements = 0;
};

/// A network and what its state dict holds besides one weight per convolution and its BatchNorm.
struct FamilyLayout {
  Network network;
  std::set<std::string> own_bias;  ///< convolutions with a bias beside their BatchNorm
  std::vector<UnusedTensor> unused;
};

/// Throws: as build_network.
FamilyLayout lay_out(const FamilyParameters& parameters);

/// `a.proj_conv1` with kind `bn` is `a.proj_bn1`; likewise for `_linear`. Empty when the name has
/// neither.
std::string sibling(const std::string& layer, std::string_view kind);

/// Whether a convolution has a bias of its own besides that of its BatchNorm.
enum class OwnBias { no, yes };

/// Collects the layers of a network; every method returns the name of what it added.
class FamilyDraft {
 public:
  explicit FamilyDraft(const FamilyParameters& parameters) : p_(parameters) {}

  std::string input();
  std::string conv(const std::string& name, const std::string& source, const Conv2d& conv,
                   OwnBias bias = OwnBias::no);
  std::string lif(const std::string& name, const std::string& current);
  /// A convolution and its neurons.
  std::string conv_lif(const std::string& name, const std::string& source, const Conv2d& conv,
                       OwnBias bias = OwnBias::no);
  /// The neurons that a convolution is behind (membrane shortcut), and the convolution.
  std::string lif_conv(const std::string& name, const std::string& current, const Conv2d& conv,
                       OwnBias bias = OwnBias::no);
  /// Neurons with the attention's threshold.
  std::string gate_lif(const std::string& name, const std::string& current);
  std::string max_pool(const std::string& name, const std::string& source);
  std::string residual(const std::string& name, const std::string& stream,
                       const std::string& branch);
  /// `ssa` and `attn_lif` of the part `prefix`.
  std::string self_attention(const std::string& prefix, const std::string& query,
                             const std::string& key, const std::string& value);
  std::string add(const std::string& name, Operator op,
                  std::vector<Network::Draft::Source> operands);
  void head(const std::string& source);
  void unused(const std::string& name, std::uint64_t elements);
  /// `name.weight` and `name.bias` of a LayerNorm.
  void unused_norm(const std::string& name, std::uint64_t channels);

  FamilyLayout finish();

 private:
  const FamilyParameters& p_;
  std::vector<Network::Draft> drafts_;
  std::set<std::string> own_bias_;
  std::vector<UnusedTensor> unused_;
};

/// 3 x 3 and 1 x 1 convolutions that keep the size of the map.
inline Conv2d conv3x3(std::uint32_t in, std::uint32_t out) { return {in, out, 3, 1, 1}; }
inline Conv2d conv1x1(std::uint32_t in, std::uint32_t out) { return {in, out}; }

void draft_spikformer(const FamilyParameters& parameters, FamilyDraft& draft);
void draft_spikingformer(const FamilyParameters& parameters, FamilyDraft& draft);
void draft_spike_driven_transformer(const FamilyParameters& parameters, FamilyDraft& draft);
void draft_qkformer(const FamilyParameters& parameters, FamilyDraft& draft);

/// What is wrong with a hyper-parameter.
struct ParameterFault {
  std::string key;
  std::string message;
};
std::optional<ParameterFault> find_fault(const FamilyParameters& parameters);

}  // namespace nj
