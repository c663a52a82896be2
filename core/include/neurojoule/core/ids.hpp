#pragma once

#include <compare>
#include <cstdint>

namespace nj {

/// A typed index: ids of different things do not mix.
template <class Tag>
struct Id {
  std::uint32_t index = 0;
  friend constexpr auto operator<=>(Id, Id) = default;
};

using LayerId = Id<struct LayerTag>;  ///< position of a layer in `Network::layers()`
using CoreId = Id<struct CoreTag>;    ///< position of a core in `Chip::cores()`

}  // namespace nj
