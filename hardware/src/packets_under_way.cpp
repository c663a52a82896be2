#include "packets_under_way.hpp"

#include <algorithm>

#include "neurojoule/core/error.hpp"

namespace nj {
PacketsUnderWay::PacketsUnderWay(const Plan& plan, const Stages& stages, std::vector<Pass>* passes)
    : plan_(plan),
      stages_(stages),
      passes_(passes),
      links_(plan.chip.topology(), plan.chip.spec().topology, plan.sizes, plan.routes,
             SharedLists(plan.chip.cores().size())),
      stage_box_{0},
      sent_(stages.all.size()) {
  for (const DataflowStage& stage : stages.all) {
    std::uint32_t slots = 1;  // no consumer takes longer to empty them
    for (const std::uint32_t c : stage.consumers) {
      slots = std::max(slots, plan.slices[*stages.all[c].slice].slots);
    }
    stage_box_.push_back(stage_box_.back() + slots);
    first_box_.resize(std::max<std::size_t>(first_box_.size(), stage.source + 1));
  }
  boxes_.resize(stage_box_.back());
  for (std::size_t s = 0; s < stages.all.size(); ++s) {
    first_box_[stages.all[s].source] = &boxes_[stage_box_[s]];
  }
}

PacketsUnderWay::Box& PacketsUnderWay::box_of(Turn turn) {
  const std::uint32_t first = stage_box_[turn.stage];
  return boxes_[first + turn.t % (stage_box_[turn.stage + 1] - first)];
}

Outbox& PacketsUnderWay::open(Turn turn) {
  Box& box = box_of(turn);
  box.outbox.clear();
  box.targets = 0;
  return box.outbox;
}

void PacketsUnderWay::send(Turn turn) {
  Box& box = box_of(turn);
  box.turn = turn;
  box.begin = sent_[turn.stage];
  box.targets = box.outbox.targets.size();
  box.next = 0;
  sent_[turn.stage] += box.targets;
  if (sent_[turn.stage] >= positions) {
    throw Error(ErrorKind::capacity, "a source sends to more than 2^39 receivers in a sample");
  }
  if (!box.outbox.packets.empty()) leaving_.push_back(&box);
}

void PacketsUnderWay::run(Picoseconds horizon) {
  std::erase_if(leaving_, [&](Box* box) {
    const DataflowStage& stage = stages_.all[box->turn.stage];
    const std::uint64_t order = std::uint64_t{stage.source} << position_bits | box->begin;
    const auto end = static_cast<std::uint32_t>(box->outbox.packets.size());
    box->next = links_.inject(box->outbox.packets, order, box->next, end, horizon);
    return box->next == end;
  });
  links_.run(horizon, [&](const Links::Ask& ask, std::uint32_t link, Picoseconds enters) {
    if (passes_ != nullptr) passes_->push_back({ask.key(), box_of(ask.order).turn, link, enters});
  });
}

}  // namespace nj
