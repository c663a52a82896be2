#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "neurojoule/core/network.hpp"

namespace nj {

/// What a layer puts out: its shape, and either a current or spikes in [min, max].
struct LayerOutput {
  FeatureShape shape;
  bool is_current = false;
  std::int32_t min = 0;
  std::int32_t max = 1;
  double scale = 1.0;   ///< what a value of 1 stands for
  bool is_sum = false;  ///< integers that are no spikes, even where they are 0 or 1

  [[nodiscard]] std::uint32_t magnitude() const {
    return static_cast<std::uint32_t>(max > -min ? max : -min);
  }
  [[nodiscard]] bool is_binary() const {
    return !is_current && !is_sum && min == 0 && max == 1 && scale == 1.0;
  }
};

/// An operand of a layer, named for messages.
struct LayerSource {
  std::string name;
  LayerOutput output;
};

/// An operand whose output may be unknown yet; an output without neurons is one of unknown shape.
struct OutlinedSource {
  std::string name;
  std::optional<LayerOutput> output;
};

/// Sets the input channels of an operator that leaves them open (0).
void fill_channels(Operator& op, std::span<const LayerSource> sources);

/// Output of a layer from its operands (in the order of operand_ports). Throws: Error(shape), key =
/// `name`.
LayerOutput output_of(const std::string& name, const Operator& op,
                      std::span<const LayerSource> sources);

/// Output of a layer as far as it follows from the operands that are known already: neurons are
/// binary whatever drives them, and an operand that must have the shape of another one may be
/// unknown. `output_of` still has to check. Throws: as output_of.
std::optional<LayerOutput> outline_of(const std::string& name, Operator op,
                                      std::span<const OutlinedSource> sources);

}  // namespace nj
