#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "neurojoule/core/spike_tensor.hpp"

namespace nj {

/// The events of one time step in address order, with an index by position.
struct EventList {
  std::vector<std::uint32_t> addresses;
  std::vector<std::uint8_t> values;
  std::vector<std::uint32_t> first;  ///< first[p]: the first event of position p; [positions + 1]
  std::uint8_t max_value = 0;

  void assign(const SpikeTrain& train, std::uint32_t t) {
    const FeatureShape& shape = shape_of(train);
    addresses.clear();
    values.clear();
    first.assign(1, 0);
    max_value = 0;
    std::uint64_t border = shape.channels;  // address at which the next position begins
    for_each(train, t, [&](std::uint64_t address, std::uint8_t value) {
      for (; address >= border; border += shape.channels) {
        first.push_back(static_cast<std::uint32_t>(addresses.size()));
      }
      addresses.push_back(static_cast<std::uint32_t>(address));
      values.push_back(value);
      max_value = std::max(max_value, value);
    });
    first.resize(shape.positions() + 1, static_cast<std::uint32_t>(addresses.size()));
  }
};

}  // namespace nj
