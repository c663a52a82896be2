#pragma once

#include <cstdint>

#include "neurojoule/core/ids.hpp"
#include "neurojoule/core/quantity.hpp"

namespace nj {

/// One copy of a spike on its way to one receiver.
struct Packet {
  Picoseconds injected;
  std::uint32_t receiver = 0;
  std::uint32_t channel = 0;
  std::uint32_t y = 0;
  std::uint32_t x = 0;
  std::int16_t value = 1;
};

/// The packets that one core (or the I/O port) sends in one step: [first, last) of the step's list,
/// in order of injection.
struct PacketSource {
  CoreId core;  ///< number of cores: the I/O port
  std::uint32_t tile = 0;
  std::uint32_t first = 0;
  std::uint32_t last = 0;
};

}  // namespace nj
