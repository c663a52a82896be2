#include "packets_under_way.hpp"

#include <algorithm>

#include "neurojoule/core/error.hpp"

namespace nj {
PacketsUnderWay::PacketsUnderWay(const Plan& plan, const Stages& stages, std::vector<Pass>* passes)
    : plan_(plan),
      stages_(stages),
      passes_(passes),
      links_(plan.routes),
      stage_boxes_(stages.all.size()) {
  std::vector<std::vector<std::uint32_t>> stages_of;  // by source
  for (std::uint32_t s = 0; s < stages.all.size(); ++s) {
    const std::uint32_t source = stages.all[s].source;
    stages_of.resize(std::max<std::size_t>(stages_of.size(), source + std::size_t{1}));
    stages_of[source].push_back(s);
  }
  std::vector<std::uint32_t> first_box;
  std::uint32_t boxes = 0;
  for (const std::vector<std::uint32_t>& of_one : stages_of) {
    first_box.push_back(boxes);
    for (const std::uint32_t s : of_one) {
      std::uint32_t slots = 1;  // no consumer takes longer to empty them
      for (const std::uint32_t c : stages.all[s].consumers) {
        slots = std::max(slots, plan.slices[*stages.all[c].slice].slots);
      }
      stage_boxes_[s] = {boxes, boxes + slots};
      boxes += slots;
    }
  }
  boxes_.resize(boxes);
  for (const std::uint32_t first : first_box) first_box_.push_back(boxes_.data() + first);
  sent_.resize(stages_of.size());
}

PacketsUnderWay::Box& PacketsUnderWay::box_of(Turn turn) {
  const Range boxes = stage_boxes_[turn.stage];
  return boxes_[boxes.begin + turn.t % boxes.size()];
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
  std::uint64_t& sent = sent_[stages_.all[turn.stage].source];
  box.begin = sent;
  box.targets = box.outbox.targets.size();
  box.next = 0;
  sent += box.targets;
  if (sent >= positions) {
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
