#pragma once

#include <cstdint>
#include <vector>

#include "neurojoule/core/quantity.hpp"

// What a chip with a PE array does (`schedule: streamed`), and how it is counted; docs/streamed.md
// has the same with equations.
//
// Order. Layers take turns in the order of their populations. `per_layer`: one turn per layer, for
// all T steps; `per_step`: one per layer and step. A turn goes through channel tiles, position
// tiles (rows, then columns) and steps, the last one innermost; attention, whose keys and values
// change with the step, has steps outside of position tiles. Each (tile, step) is a job: load,
// compute, store.
//
// Dataflow: output-stationary. A block is up to `rows` positions of the tile (in row-major order) x
// up to `columns` channels; each PE keeps the sum of one neuron. All PEs of a column get the same
// weight in a step of the block, and add it where their row's input is not zero. A block has one
// step per (kernel position, input channel); with `skips_zero` only those where some row's input is
// not zero. An add has one step per operand and block; a head takes all positions of its input as
// inputs of one position: its tiles cut the input, and its sums are kept from job to job.
//
// Attention. (Q K^T) V: per head, scores in blocks of query tokens x key tokens with one step per
// channel, then sums in blocks of query tokens x channels with one step per key token; a step is
// skipped where no row has a spike, or a score, there. Q (K^T V): blocks of channels x channels
// with one step per token, once per head and time step, then as a convolution with d inputs.
//
// Places. A train stays in the spike buffer from its layer's turn to the last turn that reads it,
// when there is room beside the others that do; else it is off-chip, as frames and results always
// are. Membranes: per_layer, in the membrane buffer while the tile's steps last, but those of an
// attention of which one head's do not fit; per_step, they stay in the membrane buffer when those
// of all layers fit, else those of the smallest layers stay, as long as they fit in half of it. The
// others are spilled: loaded before each job but those of the first step, stored after each but
// those of the last.
//
// Counts; C = the array's name; words(b) = ceil(b / word); off-chip transfers count whole words:
// read_bit or write_bit, words * word bits.
// * loads, L = lead of the reader: off_chip.memory read_bit or C.spike_buffer read_word; then
//   C.input_buffer write_word (weights, k and v: C.weight_buffer). Weights: once per turn. Inputs:
//   per job the rows and columns that its windows see; or, when the layer has several tiles and all
//   of its input in this turn fits half of the input buffer, all of it once per turn.
// * blocks, L = lead: C.pe accumulate [accumulator bits] and synaptic_operation [weight bits; 1 for
//   adds and attention] per nonzero input and channel; multiply [weight integer bits x bits of the
//   value] for graded inputs, or shift [accumulator bits] for power-of-two weights; and_bit [1] per
//   query spike and key token, or with values first per key spike and channel of its head;
//   C.weight_buffer read_word per step of a block words(channels * weight bits); C.input_buffer
//   read_word per block, position and kernel position on the map words(channels seen * input bits);
//   C.accumulator_buffer write_word per block and position words(channels * accumulator bits);
//   scores and K^T V are written, and read per row or step, alike; a head reads its sums before it
//   writes them, but in its first job.
// * neurons, L = lif, add or head: C.accumulator_buffer read_word as the job wrote, scores and K^T
// V
//   apart (a head: in its last job);
//   C.membrane_buffer read_word and write_word words(tile's neurons * membrane bits) each;
//   C.neuron_unit as on other chips (simulate.hpp); C.output_buffer write_word.
// * stores, L = sender: C.output_buffer read_word, then off_chip.memory write_bit or C.spike_buffer
//   write_word; or_bit as on other chips; a pooled position that two tiles share is read back and
//   written again. A head stores its sums once per sample.
// * spills, L = lif: off_chip.memory read_bit and write_bit, C.membrane_buffer write_word and
//   read_word.
// * L = chip_overhead: leak_cycle at every buffer.
//
// Times, in cycles. Block: the greatest of its steps, and of the words at each buffer over its
// banks. Neurons of a job: the greatest of ceil(neurons / lanes), and of the words at each buffer
// over its banks. Off-chip: words * word_time; spike buffer: ceil(words / banks) cycles. Loads and
// stores are two queues; the off-chip port and that of the spike buffer serve one transfer at a
// time, first come first served, stores first among equals. Weights, inputs, outputs and spilled
// membranes are double-buffered: a load waits until the one before the last is used up, a job until
// the output before the last is stored. Inputs wait until the turn that sends them is stored.

namespace nj {

/// One layer in one time step on the array.
struct ArrayStep {
  std::uint32_t population = 0;
  std::uint32_t step = 0;
  std::uint64_t jobs = 0;
  Picoseconds computing;          ///< array and neuron lanes
  Picoseconds waiting_for_loads;  ///< the array idle before its jobs
  Picoseconds waiting_for_stores;
  Picoseconds off_chip;              ///< the off-chip port busy for its jobs
  Picoseconds off_chip_stalled;      ///< that port free, and their next load has to wait
  Picoseconds spike_buffer;          ///< as off_chip, of the spike buffer's port
  Picoseconds spike_buffer_stalled;  ///< likewise
  Picoseconds ended;                 ///< its last output is stored
  friend bool operator==(const ArrayStep&, const ArrayStep&) = default;
};

}  // namespace nj
