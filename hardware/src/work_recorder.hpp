#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <vector>

#include "neurojoule/hardware/work_record.hpp"

namespace nj {

/// Collects work records up to a limit; what a unit does without a pause becomes one.
class WorkRecorder {
 public:
  WorkRecorder(std::vector<WorkRecord>& records, std::optional<Picoseconds>& until,
               std::size_t limit)
      : records_(records), until_(until), limit_(limit) {}

  /// Whether more is to be recorded.
  [[nodiscard]] bool on() const { return limit_ != 0 && !until_; }

  void add(const WorkRecord& record) {
    if (!on()) return;
    std::optional<std::size_t>& last = last_[static_cast<std::size_t>(record.unit)];
    if (last && goes_on(records_[*last], record)) {
      records_[*last].end = record.end;
      records_[*last].count += record.count;
      return;
    }
    if (records_.size() == limit_) {
      until_ = record.start;
      return;
    }
    last = records_.size();
    records_.push_back(record);
  }

  /// Ends a global step; one that did not fit is dropped whole.
  void end_step(Picoseconds start) {
    if (until_ && records_.size() > whole_) {
      records_.resize(whole_);
      until_ = start;
    }
    whole_ = records_.size();
  }

 private:
  static bool goes_on(const WorkRecord& before, const WorkRecord& next) {
    return before.end == next.start && before.core == next.core && before.link == next.link &&
           before.layer == next.layer && before.step == next.step && before.stores == next.stores;
  }

  std::vector<WorkRecord>& records_;
  std::optional<Picoseconds>& until_;
  std::size_t limit_;
  std::size_t whole_ = 0;                                      ///< records of whole steps
  std::array<std::optional<std::size_t>, work_units> last_{};  ///< by unit: its last record
};

}  // namespace nj
