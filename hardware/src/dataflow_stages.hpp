#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "neurojoule/hardware/critical_path.hpp"

#include "packet.hpp"
#include "plan.hpp"

namespace nj {

/// What works in phases, one per time step: an input at the I/O port, or a slice.
struct DataflowStage {
  std::uint32_t population = 0;
  std::optional<std::uint32_t> slice;  ///< none: an input
  CoreId core;                         ///< number of cores: the I/O port
  std::uint32_t source = 0;            ///< its place among what sends at one time
  std::uint32_t tile = 0;
  std::vector<std::uint32_t> producers;  ///< stages that send to it
  std::vector<std::uint32_t> consumers;  ///< stages that it sends to
  std::vector<Picoseconds> transits;     ///< to each of them, when nothing else is on its way
  std::uint32_t next = 0;                ///< time step of the phase that starts next
  bool due = false;                      ///< it is known when
  bool waits = false;                    ///< for its last packets and nothing else
  Picoseconds floor;                     ///< if so: it starts no sooner, whenever they are served
};

/// The stages of a plan, inputs first, and which of them is a slice's.
struct Stages {
  explicit Stages(const Plan& plan);
  std::vector<DataflowStage> all;
  std::uint32_t inputs = 0;
  [[nodiscard]] std::uint32_t of_slice(std::uint32_t slice) const { return inputs + slice; }
};

/// A phase of a stage.
struct Turn {
  std::uint32_t stage = 0;
  std::uint32_t t = 0;
};

/// What something waited for last, up to `end`.
struct Cause {
  enum class Kind : std::uint8_t {
    nothing,
    phase,  ///< that `turn` is done
    packet  ///< that a synapse unit, busy since `begin` with a packet of `turn`, has served
  };
  Kind kind = Kind::nothing;
  Turn turn;
  Picoseconds end;
  Picoseconds begin;
  Picoseconds injected;        ///< of the packet that came at `begin`
  std::uint32_t receiver = 0;  ///< of that packet
  Picoseconds handshake;       ///< that followed
};

/// What is known of a phase of a stage.
struct Phase {
  Picoseconds start;
  Picoseconds end;
  std::uint64_t sent = 0;  ///< packets
  FrameTimes before;
  Cause cause;                     ///< of its start
  std::uint32_t starts_left = 0;   ///< phases that it waits for and that have not started
  std::uint64_t packets_left = 0;  ///< sent to it and not served yet
  Picoseconds served;              ///< not all of them are, before that
  Cause inputs;                    ///< the last of its inputs so far
  Picoseconds noted;               ///< when that phase started, or packet arrived
};

/// The chain from the end of a sample back to its start, first things first.
std::vector<StepPath> path_to(const Plan& plan, const Stages& stages,
                              const std::vector<std::vector<Phase>>& phases, Turn last);

}  // namespace nj
