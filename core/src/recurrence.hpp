#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "layer_rules.hpp"

// What delayed operands need when a network is built: the order of the layers without them, and the
// outputs that are read before their layers' turn.
namespace nj {

/// The drafts that each draft reads, by operand.
using DraftSources = std::vector<std::vector<std::size_t>>;

/// Kahn's algorithm over the operands without delay, lowest draft first among the ready.
/// Throws: Error(config) that lists a cycle, key = its first layer.
std::vector<std::size_t> topological_order(const std::vector<Network::Draft>& drafts,
                                           const DraftSources& sources);

/// Outputs by draft, where they are known: all that are read with a delay.
/// Throws: Error(shape), key = layer name, for such a one whose shape or range nothing determines;
/// as output_of.
std::vector<std::optional<LayerOutput>> outline_outputs(const std::vector<Network::Draft>& drafts,
                                                        const DraftSources& sources);

}  // namespace nj
