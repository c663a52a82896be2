#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "neurojoule/datasets/event_stream.hpp"

namespace nj {

/// Decodes N-MNIST's 40-bit records, in file order.
///
/// A record is, from the most significant bit: x (8), y (8), polarity (1, 1 is ON), time in
/// microseconds (23). A record with y = 240 is no event: it adds 2^13 us to the times of all later
/// records. The sensor has 34 x 34 pixels.
/// Throws: Error(format) with `name` and the byte offset when the size is not a multiple of 5 or
/// a coordinate is off the sensor.
/// Source: Orchard et al., Front. Neurosci. 9:437, 2015, and the authors' `Read_Ndataset`.
std::vector<Event> decode_nmnist(std::span<const std::uint8_t> bytes, const std::string& name);

/// Reads an N-MNIST `.bin` file (at most 64 MiB) as a sorted stream of 34 x 34 pixels.
/// Throws: Error(io) when unreadable; as `decode_nmnist`.
EventStream read_nmnist(const std::filesystem::path& file);

}  // namespace nj
