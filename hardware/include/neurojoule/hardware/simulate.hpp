#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "neurojoule/core/action_counts.hpp"
#include "neurojoule/core/activity.hpp"
#include "neurojoule/core/network.hpp"
#include "neurojoule/hardware/carry.hpp"
#include "neurojoule/hardware/chip.hpp"
#include "neurojoule/hardware/critical_path.hpp"
#include "neurojoule/hardware/mapping.hpp"
#include "neurojoule/hardware/streamed.hpp"
#include "neurojoule/hardware/timing_level.hpp"
#include "neurojoule/hardware/work_record.hpp"

// What the simulated chip does, and how it is counted; docs/energy-model.md quotes this text. A
// chip with an array does something else: streamed.hpp.
//
// Schedule. Weights are resident. A population at depth d handles its time step t in global step
// g = t + d; a sample takes T + levels - 1 global steps. In a global step every core runs its
// neuron unit over its neurons (in address order) while its synapse unit serves the packets that
// arrive; accumulators are double-buffered, and packets for deeper consumers wait in further slots.
// The step ends with a barrier once every unit is idle, and no sooner than a tick after its start.
//
// Frames. Where encoders read frames themselves (chip.hpp), a layer with weights that sees an input
// gets no packets of it. In a global step, each of its cores first fetches the rows of the frame
// that reach its slice into its frame buffer, whole rows, each once (of a slice with some columns
// the parts of rows under these); then its encoder unit adds up everything that they contribute;
// then its neuron unit runs. Such an input takes no global step. Reuse is that of a sliding window:
// weights are read once per slice and step and stay in registers, each row of outputs reads the
// rows under its kernels from the buffer once, and a sum is in a register until it is complete. A
// row in the buffer starts with a new word; values are packed.
//
// Packets. One packet per (spike, destination slice): unicast copies; where the chip has multicast,
// one per spike, copied at the routers where the routes to its slices part. A pooled position is
// sent once per step and slice, when the first spike of its window is found; when two slices send
// the same pooled position, the receiver drops the second from its axon bitmap (a delivery without
// synaptic work). Neurons without fan-out send nothing. How packets pass links and buffers is told
// in topology_spec.hpp: first come first served; equal times are ordered by (phase, source core,
// sequence). Axon-in and axon-out queues are unbounded.
//
// Without barriers. Where the chip has a handshake, there are no global steps. A slice starts its
// neuron phase of time step t, the handshake after all slices of the layers that it reads have
// finished theirs, also those that send it nothing, and its synapse unit has served the last
// packet; not before its own phase t - 1 is done; and not before all slices of the layers that read
// it have emptied the accumulator slot that packets of t will use, by their phase t - (1 + the
// longest wait of their operands). Inputs wait for the latter only. That a phase is over costs no
// packets. All else is as above; all phases and packets have one order of time, and buffers are
// unbounded. `Timeline::steps` are then the times at which all slices have done a time step.
//
// Counts, by component `<core kind>.<unit>` (C) and layer (L):
//
// * delivery, L = sender for `packet_deliver` [packet] at C = axon_in, else the receiving lead
// layer:
//   axon_table, where there is one, read_word 1 per packet;
//   spike_buffer write_word 1 and read_word 1 per packet on a neuron core; write_word 1 per operand
//   bit written on an attention core.
// * synaptic work of a spike on a slice with n channels that reaches P positions (P true to the map
//   border; a head has P = 1; an add has P = n = 1 and no synapse memory):
//   synapse_memory read_word P * ceil(n * weight bits / word); accumulator_memory read_word and
//   write_word P * ceil(n * accumulator bits / word) each; at synapse_unit: accumulate P * n
//   [accumulator bits]; synaptic_operation P * n [weight bits; 1 for adds and attention]; for
//   graded inputs multiply P * n [weight integer bits x bits of the value]; power-of-two weights
//   instead shift P * n [accumulator bits], for binary inputs too (decode).
// * frame phase of a slice with n channels at P positions, L = lead; r(y) is the number of its rows
//   that input row y reaches, true to the border:
//   off_chip.memory read_bit [1], L = input, rows with r(y) > 0 * row bits; frame_buffer
//   write_word, per such row ceil(row bits / word), and read_word r(y) times those of its words
//   that hold a part of a value that is not zero, or where zeros are not skipped all;
//   synapse_memory read_word input channels * kernel positions * ceil(n * weight bits / word);
//   accumulator_memory read_word and write_word P * ceil(n * accumulator bits / word) each; at
//   encoder_unit as at synapse_unit for a spike, for values that are not zero, or where zeros are
//   not skipped for all.
// * neuron phase, every slice and step, L = Lif: membrane_memory read_word and write_word
//   ceil(neurons * membrane bits / word) each; accumulator_memory read_word and write_word (clear)
//   ceil(neurons * accumulator bits / word) each; at neuron_unit, per neuron: accumulate 3 (bias,
//   difference, leak sum), shift 1, compare 1, and neuron_update_active or _inactive 1 [membrane
//   bits]. Active: an input that is not zero reached the neuron's accumulator for this step, or it
//   fires. Adds (L = add) have accumulator words and neuron updates [accumulator bits] only; heads
//   (L = head) have, in the last step only, accumulator words, and per class one accumulate (bias)
//   and one neuron_update_active [accumulator bits].
// * pooling, L = pool: or_bit 1 [1] at neuron_unit per spike and window that it falls into.
// * attention, L = attention, product order (Q K^T) V; d = channels / heads; row = ceil(d / word)
//   words: per head and query token of the slice read one q row; when it has a spike, per token m
//   read one k row, and_bit d at attention_unit; per non-zero score read one v row (all
//   spike_buffer read_word); accumulate [accumulator bits] and synaptic_operation [1] at
//   attention_unit, one per coincidence and one per score addition. A row of sums stays in
//   registers until its neuron phase words.
//   Product order Q (K^T V), where the core kind has `attention: values_first`: K^T V of a head has
//   d x d elements of s = bits of the number of tokens, row' = ceil(d s / word of score_memory)
//   words. Per head and key token of the whole map, before the first query token: read one k row;
//   when it has a spike, one v row (spike_buffer read_word); when that has spikes too, per spike of
//   k score_memory write_word row', and read_word row' but for the first time in a step, and
//   accumulate [s] per spike of v. Then per head and query token read one q row; per spike whose
//   row of K^T V is not all 0 score_memory read_word row', and accumulate [accumulator bits] per
//   element that is not 0. synaptic_operation [1] per accumulate; no and_bit.
// * network, L = sender: packet_inject [packet] at C = axon_out (`io.axon_out` for inputs);
//   at `network.router` [packet]: spike_within_tile per receiver in the sender's tile;
//   hop_east_west, hop_north_south (mesh, torus; hop_east, hop_west, hop_north, hop_south of an
//   axis whose two ways differ), hop (other links) or hop_chip (between chips) per packet and link
//   passed, so with multicast once per branch.
// * input, L = input: read_bit [1] at `off_chip.memory`: neurons * output bits per step (frames are
//   stored dense); not of an input that only encoders read.
// * chip, L = chip_overhead: barrier [0] 1 per global step at `chip.synchronisation`; leak_cycle
//   [capacity in bits] at `<core kind>.<memory>`: latency in ps * cores of that
//   kind, used or not.
//
// Times. Words of a memory take ceil(words / (banks * ports)) accesses. Neuron unit: per position
// on an attention core coincidence_word per access to a q or k row, score_word per access to a v
// row or a row of K^T V and synaptic_operation per operation (all of K^T V before the first
// position); then per neuron accumulator_word and membrane_word per
// access (words are read and written back when their first neuron comes), neuron_update_active or
// _inactive, and axon_out per packet, which leaves at the end of it. Synapse unit, per packet:
// axon_in, and per position reached synapse_word per access to its weights, accumulator_word per
// access to its sums (read and written) and synaptic_operation per operation. The I/O port reads
// the frame word by word and sends a value once its last word is there. After that it gives frames
// to the cores that read them, to one after another in the order of slices: ceil(bits / off-chip
// word) words, or as long as the frame buffer needs to write its words at frame_word per access,
// whichever is longer. Encoder unit, once its core has all rows: synapse_word per access to the
// weights, frame_word per access to the buffer (row by row), multiply_accumulate per `lanes`
// products, and accumulator_word per access to the sums of each position. Then the neuron unit
// starts. Fetching, encoding and neurons of a core do not overlap. Without barriers the port serves
// whoever starts first.
//
// Slices that share a core take turns at its encoder and neuron unit: in every global step in the
// order of the mapping; without barriers in the order in which they wait for nothing else, those of
// one time in the order of the mapping. Its synapse unit serves the packets of all as they come. A
// spike for two slices of a core comes in two packets, with multicast in one that is taken in and
// served for each.
//
// Stalled. In a global step a unit is stalled while it waits for what it still has to do in that
// step: a synapse unit, before the last packet that it serves, whenever it serves none; an encoder
// unit until its core has all rows; the neuron unit of such a core until the rows are encoded. All
// other neuron units, and the I/O port, work from the start of the step until they are done. Then a
// unit is idle up to the end of the barrier, and so is one without work in that step. Without
// barriers a unit is stalled whenever it does nothing, from the start of the sample to the last
// thing that it does.

namespace nj {

/// How to simulate, and what to keep beside the counts.
struct SimulationOptions {
  TimingLevel timing = TimingLevel::event;
  bool record_packets = false;  ///< keep one PacketRecord per packet
  /// Keep at most so many work records: global steps from the first on, as long as they fit whole;
  /// on an array, all until there are too many.
  std::size_t work_records = 0;
  /// Keep one StepRecord per global step, or without barriers one PhaseRecord per phase; an array
  /// has neither.
  bool step_records = false;
  /// So many times the sample comes without a pause between; >= 1. An array takes one.
  std::uint32_t in_a_row = 1;
  /// Called before each global step, without barriers as often at least, and before an array
  /// starts; by the thread that runs. May throw to stop the run. May be empty.
  std::function<void()> check{};
};

/// The journey of one packet.
struct PacketRecord {
  std::uint32_t step = 0;  ///< global step; without barriers the sender's time step
  LayerId layer;           ///< the layer that sent it
  std::uint64_t address = 0;
  std::int16_t value = 1;
  CoreId source;  ///< `Chip::cores().size()` for the I/O port
  CoreId destination;
  Picoseconds injected;  ///< leaves axon-out
  Picoseconds arrived;   ///< is at the destination's axon-in queue
  Picoseconds served;    ///< its synaptic work is done
  friend bool operator==(const PacketRecord&, const PacketRecord&) = default;
};

/// Start, and end including the barrier, of one global step; without barriers, from when all slices
/// have done a time step to when they have done the next; on an array, from the last store of one
/// turn to that of the next.
struct StepInterval {
  Picoseconds start;
  Picoseconds end;
  friend bool operator==(const StepInterval&, const StepInterval&) = default;
};

struct Timeline {
  std::vector<StepInterval> steps;
  [[nodiscard]] Picoseconds latency() const {
    return steps.empty() ? Picoseconds{} : steps.back().end;
  }
  friend bool operator==(const Timeline&, const Timeline&) = default;
};

/// A time of each unit of one core.
struct UnitTimes {
  Picoseconds neuron_unit;
  Picoseconds synapse_unit;
  Picoseconds encoder_unit{};
  UnitTimes& operator+=(const UnitTimes& other) {
    neuron_unit += other.neuron_unit;
    synapse_unit += other.synapse_unit;
    encoder_unit += other.encoder_unit;
    return *this;
  }
  friend bool operator==(const UnitTimes&, const UnitTimes&) = default;
};

/// What the chip did in one global step, barrier included.
struct StepRecord {
  ActionCounts actions;
  std::uint64_t packets = 0;
  std::uint64_t hops = 0;
  std::vector<UnitTimes> busy;              ///< per core: its units worked
  std::vector<UnitTimes> stalled;           ///< per core
  std::vector<std::uint32_t> most_waiting;  ///< per core, as of the whole sample
  std::vector<LinkLoad> links;  ///< per link of the topology; `max_queue` within the step
  Picoseconds io_port;          ///< the I/O port worked
  friend bool operator==(const StepRecord&, const StepRecord&) = default;
};

/// A time step of a slice, or of an input at the I/O port, without barriers.
struct PhaseRecord {
  LayerId layer;              ///< the input, or what leads the slice's population
  CoreId core;                ///< `Chip::cores().size()` for the I/O port
  std::uint32_t step = 0;     ///< time step
  Picoseconds start;          ///< its inputs, room at its consumers, and its unit are there
  Picoseconds end;            ///< its unit is done
  std::uint64_t packets = 0;  ///< sent
  friend bool operator==(const PhaseRecord&, const PhaseRecord&) = default;
};

/// What one sample did to the chip.
struct SimulationResult {
  ActionCounts actions;
  Timeline timeline;
  std::uint64_t packets = 0;    ///< sent; all are delivered, with multicast to several cores
  std::uint64_t merged = 0;     ///< of those, pooled positions that another slice had sent already
  std::uint64_t hops = 0;       ///< links passed, all packets
  std::vector<UnitTimes> busy;  ///< per core: its units worked
  std::vector<UnitTimes> stalled;  ///< per core
  std::vector<UnitTimes> slices;   ///< per slice: of `busy`, what its core worked for it
  /// Per core: the most packets at once at its axon-in whose service had not begun; at the level
  /// `analytic`, which knows no order, 0.
  std::vector<std::uint32_t> most_waiting;
  std::vector<LinkLoad> links;              ///< per link of the topology
  Picoseconds io_port{};                    ///< the I/O port worked; of an array none
  std::vector<PacketRecord> records;        ///< in order of service, when asked for
  std::vector<StepPath> path;               ///< per global step or phase; of an array none
  std::vector<ArrayStep> array;             ///< of an array: by turn, then step
  std::vector<StepRecord> steps;            ///< when asked for; they add up to the above
  std::vector<PhaseRecord> phases;          ///< likewise; inputs, then slices, by time step
  std::vector<WorkRecord> work;             ///< per unit in order of time, when asked for
  std::optional<Picoseconds> work_until{};  ///< where `work` ends, as more was not to be kept
  friend bool operator==(const SimulationResult&, const SimulationResult&) = default;
};

struct Plan;

/// A mapped chip that runs samples, event by event in integer time. It refers to what it was made
/// of, which must live as long.
class Simulator {
 public:
  /// Throws: Error(capacity) with the first violation when the mapping is not feasible
  /// (check_mapping), Error(config) for widths out of range.
  Simulator(const Network& network, std::span<const Population> populations,
            std::span<const LayerWidths> widths, const Chip& chip, const Mapping& mapping);
  Simulator(Simulator&&) noexcept;
  Simulator& operator=(Simulator&&) = delete;
  ~Simulator();

  /// Runs the spike trains of one sample.
  ///
  /// Thread-safe; equal arguments give equal results. Throws: Error(shape) when trains are missing
  /// or do not fit the network or each other; for the level `flit` as `carry`; Error(unsupported)
  /// for an array or a chip without barriers at another level than `event`, and for packets that
  /// are to be recorded at the level `analytic`; what `check` throws.
  [[nodiscard]] SimulationResult run(const SpikeTrace& trace,
                                     const SimulationOptions& options = {}) const;

  /// Time from the end of one inference to that of the next where equal ones follow each other
  /// without a pause: the chip's throughput is one over it. With barriers it is that of T global
  /// steps in which all populations work; without, between the ends of the last two of as many
  /// inferences as are under way at once, and one more. An array works on one at a time. `check`:
  /// SimulationOptions. Throws: as `run`.
  [[nodiscard]] Picoseconds interval(const SpikeTrace& trace, TimingLevel timing,
                                     const std::function<void()>& check = {}) const;

 private:
  const Network& network_;
  std::span<const Population> populations_;
  std::span<const LayerWidths> widths_;
  const Chip& chip_;
  const Mapping& mapping_;
  std::unique_ptr<const Plan> plan_;  ///< null for an array
};

/// A Simulator's run of one sample.
SimulationResult simulate(const Network& network, std::span<const Population> populations,
                          std::span<const LayerWidths> widths, const SpikeTrace& trace,
                          const Chip& chip, const Mapping& mapping,
                          const SimulationOptions& options = {});

}  // namespace nj
