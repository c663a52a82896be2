#include "neurojoule/core/operators.hpp"

namespace nj {
namespace {

struct KindName {
  std::string_view operator()(const Input&) const { return "input"; }
  std::string_view operator()(const Conv2d& conv) const {
    return conv.kernel == Extent(1) ? "linear" : "conv2d";
  }
  std::string_view operator()(const Lif&) const { return "lif"; }
  std::string_view operator()(const MaxPool2d&) const { return "maxpool2d"; }
  std::string_view operator()(const AveragePool2d&) const { return "avgpool2d"; }
  std::string_view operator()(const ResidualAdd&) const { return "add"; }
  std::string_view operator()(const SpikingSelfAttention&) const { return "attention"; }
  std::string_view operator()(const SpikeAnd&) const { return "and"; }
  std::string_view operator()(const SpikeSum&) const { return "sum"; }
  std::string_view operator()(const TokenChannelMax&) const { return "token_channel_max"; }
  std::string_view operator()(const Flatten&) const { return "flatten"; }
  std::string_view operator()(const ClassifierHead&) const { return "head"; }
};

}  // namespace

std::string_view kind_name(const Operator& op) { return std::visit(KindName{}, op); }

bool has_membrane_only(const Lif& lif) { return lif.refractory == 0 && lif.tau_synapse == 1.0; }

bool has_weights(const Operator& op) {
  return std::holds_alternative<Conv2d>(op) || std::holds_alternative<ClassifierHead>(op);
}

}  // namespace nj
