#include "streamed/stream_attention.hpp"

#include <variant>

namespace nj {
namespace {

constexpr std::size_t query = 0;
constexpr std::size_t key = 1;
constexpr std::size_t value = 2;
constexpr std::size_t output = 3;

void set_bit(std::span<std::uint64_t> row, std::uint64_t bit) {
  row[bit / 64] |= std::uint64_t{1} << (bit % 64);
}

}  // namespace

StreamAttention::StreamAttention(const StreamPlan& plan, const LayerPlan& layer,
                                 const SpikeTrace& trace, LayerTally& tally)
    : plan_(plan),
      layer_(layer),
      trace_(trace),
      tally_(tally),
      head_channels_(layer.needs.channel_unit),
      tokens_(layer.needs.shape.positions()),
      token_words_((tokens_ + 63) / 64) {}

void StreamAttention::read_trains(std::uint32_t t) {
  if (read_ == t) return;
  read_ = t;
  trains_.clear();
  for (const OperandNeeds& operand : layer_.needs.operands) {  // query, key, value
    trains_.emplace_back(*trace_[operand.source.index], t, head_channels_);
  }
  const LayerId lif = *plan_.populations[layer_.population].lif;
  trains_.emplace_back(*trace_[lif.index], t, head_channels_);
}

std::uint64_t StreamAttention::compute(Range channels, Range rows, Range columns, std::uint32_t t,
                                       bool first) {
  read_trains(t);
  std::vector<std::uint64_t> tokens;
  for (std::uint32_t y = rows.begin; y < rows.end; ++y) {
    for (std::uint32_t x = columns.begin; x < columns.end; ++x) {
      tokens.push_back(std::uint64_t{y} * layer_.needs.shape.width + x);
    }
  }
  const bool scores_first = plan_.array.attention == ProductOrder::scores_first;
  std::uint64_t cycles = 0;
  for (std::uint32_t head = channels.begin / head_channels_; head < channels.end / head_channels_;
       ++head) {
    if (!scores_first && first) cycles += key_values(head);
    for (std::size_t i = 0; i < tokens.size(); i += plan_.array.rows) {
      const auto block =
          std::span(tokens).subspan(i, std::min<std::size_t>(plan_.array.rows, tokens.size() - i));
      find_scores(head, block);
      cycles += scores_first ? scores(head, block) : query_values(head, block);
      count_updates(head, block);
    }
  }
  return cycles;
}

void StreamAttention::find_scores(std::uint32_t head, std::span<const std::uint64_t> tokens) {
  const std::size_t row_words = trains_[value].row_words();
  has_score_.assign(tokens.size() * token_words_, 0);
  reached_.assign(tokens.size() * row_words, 0);
  coincidences_ = 0;
  score_additions_ = 0;
  for (std::size_t r = 0; r < tokens.size(); ++r) {
    const auto q = trains_[query].row(tokens[r], head);
    if (count_bits(q) == 0) continue;
    for (std::uint64_t m = 0; m < tokens_; ++m) {
      const std::uint64_t score = count_common(q, trains_[key].row(m, head));
      if (score == 0) continue;
      const auto v = trains_[value].row(m, head);
      coincidences_ += score;
      score_additions_ += count_bits(v);
      set_bit(std::span(has_score_).subspan(r * token_words_, token_words_), m);
      add_bits(v, std::span(reached_).subspan(r * row_words, row_words));
    }
  }
}

std::uint64_t StreamAttention::united_queries(std::uint32_t head,
                                              std::span<const std::uint64_t> tokens) const {
  if (!plan_.array.skips_zero) return head_channels_;
  std::vector<std::uint64_t> united(trains_[query].row_words(), 0);
  for (const std::uint64_t n : tokens) add_bits(trains_[query].row(n, head), united);
  return count_bits(united);
}

std::uint64_t StreamAttention::scores(std::uint32_t head, std::span<const std::uint64_t> tokens) {
  const auto rows = static_cast<std::uint32_t>(tokens.size());
  Product products;
  products.steps = united_queries(head, tokens);
  products.input_words = rows * plan_.words(ArrayBuffer::input_buffer, head_channels_);
  std::uint64_t cycles = blocks(products, rows, tokens_);

  Product sums;
  std::vector<std::uint64_t> united(token_words_, 0);
  for (std::size_t r = 0; r < rows; ++r) {
    add_bits(std::span(has_score_).subspan(r * token_words_, token_words_), united);
  }
  sums.steps = plan_.array.skips_zero ? count_bits(united) : tokens_;
  sums.score_words = rows * plan_.words(ArrayBuffer::accumulator_buffer,
                                        tokens_ * layer_.needs.lead.accumulator_bits);
  cycles += blocks(sums, rows, head_channels_);

  tally_.operations += coincidences_ + score_additions_;
  for (const std::uint64_t n : tokens) {
    tally_.and_bits += tokens_ * count_bits(trains_[query].row(n, head));
  }
  return cycles;
}

std::uint64_t StreamAttention::key_values(std::uint32_t head) {
  std::uint64_t cycles = 0;
  for (std::uint32_t i = 0; i < head_channels_; i += plan_.array.rows) {
    const std::uint32_t rows = std::min(plan_.array.rows, head_channels_ - i);
    Product product;
    product.row_bits = rows;
    product.steps = tokens_;
    if (plan_.array.skips_zero) {
      product.steps = 0;
      for (std::uint64_t m = 0; m < tokens_; ++m) {
        if (count_run(trains_[key].row(m, head), i, rows) != 0) ++product.steps;
      }
    }
    cycles += blocks(product, rows, head_channels_);
  }
  for (std::uint64_t m = 0; m < tokens_; ++m) {
    const std::uint64_t keys = count_bits(trains_[key].row(m, head));
    tally_.operations += keys * count_bits(trains_[value].row(m, head));
    tally_.and_bits += keys * head_channels_;
  }
  return cycles;
}

std::uint64_t StreamAttention::query_values(std::uint32_t head,
                                            std::span<const std::uint64_t> tokens) {
  const auto rows = static_cast<std::uint32_t>(tokens.size());
  Product product;
  product.steps = united_queries(head, tokens);
  product.input_words = rows * plan_.words(ArrayBuffer::input_buffer, head_channels_);
  product.columns_are_sums = true;
  for (const std::uint64_t n : tokens) {
    tally_.operations += count_bits(trains_[query].row(n, head)) * head_channels_;
  }
  return blocks(product, rows, head_channels_);
}

std::uint64_t StreamAttention::blocks(const Product& product, std::uint32_t rows,
                                      std::uint64_t columns) {
  std::uint64_t cycles = 0;
  for (std::uint64_t c = 0; c < columns; c += plan_.array.columns) {
    cycles +=
        block_cycles(product, rows, std::min<std::uint64_t>(plan_.array.columns, columns - c));
  }
  return cycles;
}

std::uint64_t StreamAttention::block_cycles(const Product& product, std::uint32_t rows,
                                            std::uint64_t columns) {
  const std::uint64_t sums =
      plan_.words(ArrayBuffer::accumulator_buffer, columns * layer_.needs.lead.accumulator_bits);
  std::uint64_t weight_words = 0;
  std::uint64_t sums_read = product.score_words;
  if (product.columns_are_sums) {
    sums_read += product.steps * sums;
  } else {
    weight_words = product.steps * plan_.words(ArrayBuffer::weight_buffer, columns);
  }
  if (product.row_bits != 0) {
    weight_words += product.steps * plan_.words(ArrayBuffer::weight_buffer, product.row_bits);
  }
  MemoryTally& lead = tally_.lead;
  lead.read(ArrayBuffer::input_buffer, product.input_words);
  lead.read(ArrayBuffer::weight_buffer, weight_words);
  lead.read(ArrayBuffer::accumulator_buffer, sums_read);
  lead.write(ArrayBuffer::accumulator_buffer, rows * sums);
  Cycles cycles(plan_);
  cycles.units(product.steps);
  cycles.words(ArrayBuffer::input_buffer, product.input_words);
  cycles.words(ArrayBuffer::weight_buffer, weight_words);
  cycles.words(ArrayBuffer::accumulator_buffer, sums_read + rows * sums);
  return cycles.count();
}

void StreamAttention::count_updates(std::uint32_t head, std::span<const std::uint64_t> tokens) {
  const std::size_t row_words = trains_[output].row_words();
  for (std::size_t r = 0; r < tokens.size(); ++r) {
    const auto fired = trains_[output].row(tokens[r], head);
    const auto row = std::span(reached_).subspan(r * row_words, row_words);
    add_bits(fired, row);
    const std::uint64_t active = count_bits(row);
    tally_.active += active;
    tally_.inactive += head_channels_ - active;
    const auto width = layer_.needs.shape.width;
    count_pooling(layer_.needs,
                  {static_cast<std::uint32_t>(tokens[r] / width),
                   static_cast<std::uint32_t>(tokens[r] % width)},
                  count_bits(fired), tally_);
  }
}

}  // namespace nj
