#pragma once

#include <cstdint>
#include <vector>

#include "neurojoule/hardware/sanafe_network.hpp"

namespace nj::sanafe {

/// Arrays of places have this many elements more than places, so that kernels load whole vectors.
inline constexpr std::uint32_t place_padding = 8;

/// Neighbouring places whose neurons are computed by the vector kernel with the same parameters.
struct Segment {
  std::uint32_t begin = 0;  ///< place
  std::uint32_t count = 0;
  std::uint32_t parameters = 0;
  std::uint32_t first_word = 0;  ///< in arrays of bits, which start anew with each segment
};

/// A soma unit of a core and the neurons that use it.
struct Site {
  std::uint32_t core = 0;
  std::uint16_t soma = 0;  ///< index in the somas of the core's kind
  std::uint32_t neurons = 0;
};

/// Where neurons and their inputs are in memory, and in which order a chip visits them.
///
/// A neuron and its input have the same place. Places run group by group; those of a group that a
/// convolution feeds as [y][x][channel], so that a kernel row is added in one piece. The chip
/// visits neurons by rank: by core, then by mapping.
struct Layout {
  std::uint32_t places = 0;
  std::vector<std::uint32_t> place_of;     ///< [neuron]
  std::vector<std::uint32_t> channels_of;  ///< [group]: channels of its [y][x][channel], or 0
  std::vector<double> bias;                ///< [places + padding]
  std::vector<std::uint32_t> rank_of;      ///< [place]
  std::vector<std::uint32_t> site_of;      ///< [place]: index in `sites`
  std::vector<std::uint32_t> neuron_at;    ///< [rank]
  std::vector<Site> sites;
  std::vector<Segment> segments;  ///< neurons of the vector kernel
  std::uint32_t segment_words = 0;
  std::vector<std::uint32_t> others;  ///< neurons computed one by one, by rank
};

Layout make_layout(const Architecture& chip, const Network& network);

}  // namespace nj::sanafe
