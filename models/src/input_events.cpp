#include <algorithm>
#include <limits>

#include <fmt/core.h>

#include "neurojoule/core/error.hpp"

#include "convolution.hpp"

namespace nj {

InputEvents::InputEvents(const SpikeTrain& train, std::uint32_t groups)
    : timesteps_(timesteps_of(train)),
      groups_(groups),
      height_(shape_of(train).height),
      width_(shape_of(train).width),
      group_channels_(shape_of(train).channels / groups),
      graded_(std::holds_alternative<GradedTensor>(train)) {
  constexpr std::uint64_t limit = std::numeric_limits<std::uint32_t>::max();
  if (std::uint64_t{width_} * group_channels_ > limit / line_bytes) {
    throw Error(ErrorKind::capacity,
                fmt::format("a map row of {} positions of {} channels is too long to be executed",
                            width_, group_channels_));
  }
  const std::uint64_t events = nj::count(train);
  if (events > limit) {
    throw Error(ErrorKind::capacity, fmt::format("{} events of one layer are too many", events));
  }
  offsets_.resize(events + copy_piece);
  if (graded_) values_.resize(events + copy_piece);
  if (!graded_) max_value_ = 1;
  groups == 1 ? fill_in_order(train) : fill_by_group(train);
}

void InputEvents::note(std::int16_t value) {
  min_value_ = std::min<std::int32_t>(min_value_, value);
  max_value_ = std::max<std::int32_t>(max_value_, value);
}

void InputEvents::fill_in_order(const SpikeTrain& train) {
  const FeatureShape& shape = shape_of(train);
  first_.reserve(timesteps_ * shape.positions() + 1);
  std::uint32_t* offset = offsets_.data();
  std::uint32_t next = 0;
  for (std::uint32_t t = 0; t < timesteps_; ++t) {
    std::uint64_t border = 0;     // address at which the next position begins
    std::uint64_t row_start = 0;  // address at which the map row begins
    std::uint64_t row_end = std::uint64_t{width_} * shape.channels;
    for_each(train, t, [&](std::uint64_t address, auto value) {
      for (; address >= border; border += shape.channels) first_.push_back(next);
      for (; address >= row_end; row_end += std::uint64_t{width_} * shape.channels) {
        row_start = row_end;
      }
      offset[next] = static_cast<std::uint32_t>(address - row_start) * line_bytes;
      if (graded_) {
        values_[next] = value;
        note(value);
      }
      ++next;
    });
    first_.resize((t + 1) * shape.positions(), next);
  }
  first_.push_back(next);
}

void InputEvents::fill_by_group(const SpikeTrain& train) {
  const FeatureShape& shape = shape_of(train);
  const std::uint64_t positions = shape.positions();
  const auto cell = [&](std::uint32_t t, std::uint64_t address) {
    const std::uint64_t group = address % shape.channels / group_channels_;
    return (std::uint64_t{t} * groups_ + group) * positions + address / shape.channels;
  };
  first_.assign(timesteps_ * groups_ * positions + 1, 0);
  for (std::uint32_t t = 0; t < timesteps_; ++t) {
    for_each(train, t, [&](std::uint64_t address, auto) { ++first_[cell(t, address) + 1]; });
  }
  for (std::size_t i = 1; i < first_.size(); ++i) first_[i] += first_[i - 1];
  std::vector<std::uint32_t> next(first_.begin(), first_.end() - 1);
  for (std::uint32_t t = 0; t < timesteps_; ++t) {
    for_each(train, t, [&](std::uint64_t address, auto value) {
      const std::uint32_t place = next[cell(t, address)]++;
      const std::uint64_t x = address / shape.channels % width_;
      const std::uint64_t channel = address % shape.channels % group_channels_;
      offsets_[place] = static_cast<std::uint32_t>(x * group_channels_ + channel) * line_bytes;
      if (graded_) {
        values_[place] = value;
        note(value);
      }
    });
  }
}

}  // namespace nj
