#include "frame_phase.hpp"

#include <algorithm>

namespace nj {
namespace {

/// The words of one row after another that have a value that is not zero.
class RowWords {
 public:
  explicit RowWords(const SlicePlan& slice) : slice_(slice), frame_(*slice.frame) {}

  /// Takes the next value that is not zero, in address order.
  void add(std::uint64_t row, std::uint64_t place) {
    if (row != row_) finish_row();
    row_ = row;
    const std::uint64_t word = slice_.kind->memory(MemoryUnit::frame_buffer)->word_bits;
    const std::uint64_t first = std::max(next_, place * frame_.bits / word);
    const std::uint64_t end = ((place + 1) * frame_.bits - 1) / word + 1;
    if (end <= first) return;
    row_words_ += end - first;
    next_ = end;
  }
  /// Ends the row in work; each row of outputs reads it again.
  void finish_row() {
    const std::uint64_t reads = row_words_ == 0 ? 0 : frame_.reach.rows[row_].size();
    words += reads * row_words_;
    rounds += reads * nj::rounds(*slice_.kind, MemoryUnit::frame_buffer, row_words_);
    row_words_ = 0;
    next_ = 0;
  }

  std::uint64_t words = 0;
  std::uint64_t rounds = 0;

 private:
  const SlicePlan& slice_;
  const FramePlan& frame_;
  std::uint64_t row_ = 0;
  std::uint64_t row_words_ = 0;
  std::uint64_t next_ = 0;  ///< words of the row before this one are done
};

}  // namespace

FrameTimes FramePhase::run(std::uint32_t slice, std::uint32_t step, Picoseconds start,
                           std::span<std::uint8_t> reached, Picoseconds& port) {
  const SlicePlan& plan = plan_.slices[slice];
  const FramePlan& frame = *plan.frame;
  const CoreKindSpec& kind = *plan.kind;
  const Work work = look(plan, step, reached);
  SliceTally& tally = tally_.slices[slice];
  ++tally.frames;
  tally.frame_words += work.words;
  tally.frame_positions += work.positions;
  port =
      std::max(port, start) +
      std::max(times(plan_.chip.spec().off_chip.word_time, frame.off_chip_words),
               times(kind.times.frame_word, rounds(kind, MemoryUnit::frame_buffer, frame.words)));
  const std::uint64_t lanes = kind.encoder_unit->lanes;
  const std::uint64_t operations = work.positions * plan.position.fan;
  const Picoseconds encode =
      times(kind.times.synapse_word, rounds(kind, MemoryUnit::synapse_memory, frame.weight_words)) +
      times(kind.times.frame_word, work.rounds) +
      times(kind.times.multiply_accumulate, (operations + lanes - 1) / lanes) +
      times(kind.times.accumulator_word,
            plan.positions() *
                rounds(kind, MemoryUnit::accumulator_memory, 2 * plan.position.accumulator_words));
  return {port - start, encode};
}

/// Marks what values that are not zero reach, and counts the values that cost something.
FramePhase::Work FramePhase::look(const SlicePlan& slice, std::uint32_t step,
                                  std::span<std::uint8_t> reached) const {
  const FramePlan& frame = *slice.frame;
  const std::uint64_t channels = frame.reach.channels.end;
  RowWords words(slice);
  std::uint64_t positions = 0;
  for_each(*trace_[frame.input.index], step % timesteps_,
           [&](std::uint64_t address, std::int16_t /*value*/) {
             const std::uint64_t position = address / channels;
             const std::uint64_t row = position / frame.reach.columns.size();
             const auto x = static_cast<std::uint32_t>(position % frame.reach.columns.size());
             if (!frame.columns.contains(x)) return;
             const std::uint64_t place = (x - frame.columns.begin) * channels + address % channels;
             const Range rows = frame.reach.rows[row];
             const Range columns = frame.reach.columns[x];
             positions += std::uint64_t{rows.size()} * columns.size();
             words.add(row, place);
             reach(reached, slice, rows, columns);
           });
  words.finish_row();
  if (slice.kind->encoder_unit->skips_zero) return {words.words, words.rounds, positions};
  return {frame.dense_words, frame.dense_rounds, frame.dense_positions};
}

}  // namespace nj
