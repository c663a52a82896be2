#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "neurojoule/core/quantity.hpp"
#include "neurojoule/hardware/work_record.hpp"

namespace nj {

/// What serves one transfer at a time.
enum class StreamPort : std::uint8_t { off_chip, spike_buffer };
inline constexpr std::size_t stream_ports = 2;

/// One burst from or to memory.
struct StreamTransfer {
  StreamPort port{};
  Picoseconds time;
};

/// A transfer into a buffer, and what it waits for.
struct StreamLoad {
  StreamTransfer transfer;
  std::uint64_t computed = 0;  ///< jobs that must have computed before
  std::uint64_t stored = 0;    ///< jobs whose output must be stored before
};

/// One tile in one time step.
struct StreamJob {
  std::uint32_t part = 0;  ///< what its times are added to
  std::vector<StreamLoad> loads;
  Picoseconds compute;
  std::vector<StreamTransfer> stores;
};

/// Times of all jobs of one part.
struct PartTimes {
  Picoseconds computing;
  Picoseconds waiting_for_loads;
  Picoseconds waiting_for_stores;
  std::array<Picoseconds, stream_ports> port_busy;
  /// A port is free, and the next load through it waits for room or for its data.
  std::array<Picoseconds, stream_ports> port_stalled;
  Picoseconds ended;  ///< its last output is stored
};

/// Told of every computation and transfer as it begins, with its part; layer and step are not
/// filled in.
using WorkSeen = std::function<void(std::uint32_t part, WorkRecord record)>;

/// Runs jobs in their order through loading, computing and storing, each stage one at a time.
///
/// A job computes when it is loaded, the one before has computed and the output of the one before
/// that is stored. Loads are in order, and so are stores; at a port the one that asked first is
/// served, a store before a load that asked at the same time. Returns the times of each part.
/// `seen` may be empty.
std::vector<PartTimes> run_pipeline(std::span<const StreamJob> jobs, std::size_t parts,
                                    const WorkSeen& seen = {});

}  // namespace nj
