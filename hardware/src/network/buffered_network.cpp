#include "buffered_network.hpp"

#include <algorithm>
#include <cassert>
#include <tuple>
#include <utility>

namespace nj {

BufferedNetwork::BufferedNetwork(const Topology& topology, const TopologySpec& spec,
                                 const PacketRoutes& routes)
    : topology_(topology),
      trees_(routes.trees),
      depth_(*spec.buffer_flits),
      within_tile_(spec.within_tile),
      links_(routes.timings),
      states_(links_.links()),
      queues_(channels()) {}

void BufferedNetwork::run(const StepTraffic& traffic) {
  now_ = Picoseconds{-1};
  queues_.resize(channels() + traffic.sources.size());
  next_.clear();
  for (std::uint32_t s = 0; s < traffic.sources.size(); ++s) {
    queues_[channels() + s] = Queue{};
    next_.push_back(traffic.sources[s].first);
    inject(traffic, s);
  }
  while (!events_.empty()) {
    now_ = events_.top().key.time;
    while (!events_.empty() && events_.top().key.time == now_) handle(traffic, events_.pop().key);
    // A choice sets off nothing at the same time but what it does itself, and other choices.
    while (!choosing_.empty()) {
      const std::uint32_t link = choosing_.top();
      choosing_.pop();
      choose(traffic, link);
    }
  }
  assert(std::all_of(queues_.begin(), queues_.end(),
                     [](const Queue& queue) { return queue.front == none; }));
}

void BufferedNetwork::handle(const StepTraffic& traffic, const Event& event) {
  switch (event.what) {
    case What::inject:
      inject(traffic, event.place);
      break;
    case What::arrive:
      append(traffic, copies_[event.place].channel, event.place);
      break;
    case What::ask:
      ask_link(event.place);
      break;
    case What::leave:
      go_on(traffic, event.place);
      break;
    case What::choose:
      choosing_.push(event.place);
  }
}

/// Puts the next packet of a source into its queue, which is empty, when its time has come. What
/// stays in its tile meets no other packet, and is delivered ahead of its time.
void BufferedNetwork::inject(const StepTraffic& traffic, std::uint32_t source) {
  const PacketSource& from = traffic.sources[source];
  for (std::uint32_t& packet = next_[source]; packet != from.last; ++packet) {
    const Packet& sent = traffic.packets[packet];
    const RouteTrees::Tree& tree = trees_.tree(sent.route);
    const RouteTrees::Node& start = trees_.node(tree.start);
    const std::uint32_t first = sent.first_target + from.moved;
    if (start.child_count == 0) {
      traffic.deliver(std::max(now_, sent.injected) + within_tile_,
                      first + start.here_first - start.first,
                      first + start.here_last - start.first);
      continue;
    }
    if (sent.injected > now_) {
      push(sent.injected, What::inject, source);
      return;
    }
    ++packet;
    append(traffic, channels() + source,
           keep({sent.injected, tree.start, first, from.core.index, tree.size}));
    return;
  }
}

std::uint32_t BufferedNetwork::keep(const Copy& copy) {
  if (unused_.empty()) {
    copies_.push_back(copy);
    return static_cast<std::uint32_t>(copies_.size() - 1);
  }
  const std::uint32_t position = unused_.back();
  unused_.pop_back();
  copies_[position] = copy;
  return position;
}

void BufferedNetwork::append(const StepTraffic& traffic, std::uint32_t queue, std::uint32_t copy) {
  Queue& line = queues_[queue];
  copies_[copy].next = none;
  if (line.front == none) {
    line.front = line.back = copy;
    come_to_front(traffic, queue);
    go_on(traffic, queue);
  } else {
    copies_[line.back].next = copy;
    line.back = copy;
  }
}

/// The front packet of a queue is delivered here, or asks for its links, or both.
void BufferedNetwork::come_to_front(const StepTraffic& traffic, std::uint32_t queue) {
  Queue& line = queues_[queue];
  line.asking = 0;
  line.leaves = now_;
  const Copy front = copies_[line.front];
  const RouteTrees::Node& node = trees_.node(front.node);
  if (node.here_first != node.here_last) deliver(traffic, queue, front);
  for (std::uint32_t i = 0; i < node.child_count; ++i) {
    Copy part = front;
    part.node = node.children + i;
    part.first = front.first - node.first + trees_.node(part.node).first;
    ask(queue, part);
  }
}

/// Lets the front packet go when it has nothing more to send, and those that come to the front.
void BufferedNetwork::go_on(const StepTraffic& traffic, std::uint32_t queue) {
  const Queue& line = queues_[queue];
  while (line.front != none && line.asking == 0) {
    if (line.leaves > now_) {
      push(line.leaves, What::leave, queue);
      return;
    }
    drop_front(queue);
    if (queue >= channels()) {
      inject(traffic, queue - channels());
      return;
    }
    if (line.front != none) come_to_front(traffic, queue);
  }
}

/// The place of the front packet is free.
void BufferedNetwork::drop_front(std::uint32_t queue) {
  Queue& line = queues_[queue];
  const std::uint32_t gone = line.front;
  line.front = copies_[gone].next;
  unused_.push_back(gone);
  if (queue >= channels()) return;
  line.flits -= links_.flits(copies_[gone].size);
  --line.held;
  if (!states_[link_of(queue)].asks.empty()) plan_choice(link_of(queue));
}

/// To the targets that are at this router.
void BufferedNetwork::deliver(const StepTraffic& traffic, std::uint32_t queue, const Copy& copy) {
  Picoseconds there = now_ + within_tile_;
  if (queue < channels()) {
    there = std::max(now_, copy.head + links_.of(link_of(queue), copy.size).tail);
    queues_[queue].leaves = there;
  }
  const RouteTrees::Node& node = trees_.node(copy.node);
  const std::uint32_t base = copy.first - node.first;
  traffic.deliver(there, base + node.here_first, base + node.here_last);
}

void BufferedNetwork::ask(std::uint32_t queue, Copy part) {
  const std::uint32_t link = trees_.node(part.node).link;
  part.queue = queue;
  part.channel = topology_.channel_after(queue < channels() ? queue : no_channel, link);
  ++queues_[queue].asking;
  const Picoseconds ready =
      queue < channels()
          ? part.head + gap(links_.of(link_of(queue), part.size), links_.of(link, part.size))
          : now_;
  const std::uint32_t copy = keep(part);
  if (ready > now_) {
    push(ready, What::ask, copy);
  } else {
    ask_link(copy);
  }
}

void BufferedNetwork::ask_link(std::uint32_t copy) {
  const std::uint32_t link = link_of(copies_[copy].channel);
  states_[link].asks.push_back(copy);
  plan_choice(link);
}

/// The link chooses as soon as it is free.
void BufferedNetwork::plan_choice(std::uint32_t link) {
  LinkState& state = states_[link];
  if (std::exchange(state.planned, true)) return;
  if (state.free > now_) {
    push(state.free, What::choose, link);
  } else {
    choosing_.push(link);
  }
}

bool BufferedNetwork::earlier(const Copy& a, const Copy& b) const {
  const bool a_passes = a.queue < channels();
  const bool b_passes = b.queue < channels();
  return std::tie(a.head, a_passes, a.core, a.first) < std::tie(b.head, b_passes, b.core, b.first);
}

void BufferedNetwork::choose(const StepTraffic& traffic, std::uint32_t link) {
  LinkState& state = states_[link];
  state.planned = false;
  auto best = state.asks.end();
  for (auto ask = state.asks.begin(); ask != state.asks.end(); ++ask) {
    const Copy& copy = copies_[*ask];
    if (queues_[copy.channel].flits + links_.flits(copy.size) > depth_) continue;
    if (best == state.asks.end() || earlier(copy, copies_[*best])) best = ask;
  }
  if (best == state.asks.end()) {
    if (state.stalled_since < Picoseconds{0}) state.stalled_since = now_;
    return;
  }
  const std::uint32_t chosen = *best;
  *best = state.asks.back();
  state.asks.pop_back();
  send(traffic, link, chosen);
  if (!states_[link].asks.empty()) plan_choice(link);
}

void BufferedNetwork::send(const StepTraffic& traffic, std::uint32_t link, std::uint32_t copy) {
  Copy& part = copies_[copy];
  const std::uint32_t from = part.queue;
  const LinkTiming& timing = links_.of(link, part.size);
  LinkState& state = states_[link];
  state.free = now_ + timing.service;
  if (state.stalled_since >= Picoseconds{0}) {
    state.stalled += now_ - state.stalled_since;
    state.stalled_since = Picoseconds{-1};
  }
  state.flits += links_.flits(part.size);
  state.busy += timing.service;
  Queue& goal = queues_[part.channel];
  goal.flits += links_.flits(part.size);
  goal.most = std::max(goal.most, ++goal.held);
  if (traffic.passes != nullptr) traffic.passes->push_back({link, now_, part.first});
  part.head = now_ + timing.latency;
  push(part.head, What::arrive, copy);
  Queue& sender = queues_[from];
  --sender.asking;
  sender.leaves = std::max(sender.leaves, now_ + timing.tail);
  go_on(traffic, from);
}

std::vector<LinkLoad> BufferedNetwork::loads() const {
  std::vector<LinkLoad> loads;
  loads.reserve(links_.links());
  for (std::size_t i = 0; i < links_.links(); ++i) {
    std::uint64_t most = 0;
    for (std::uint32_t v = 0; v < topology_.virtual_channels(); ++v) {
      most = std::max<std::uint64_t>(most, queues_[i * topology_.virtual_channels() + v].most);
    }
    loads.push_back({states_[i].flits, states_[i].busy, most, states_[i].stalled});
  }
  return loads;
}

void BufferedNetwork::clear_loads() {
  for (LinkState& state : states_) {
    state.flits = 0;
    state.busy = state.stalled = Picoseconds{0};
  }
  for (Queue& queue : queues_) queue.most = queue.held;
}

}  // namespace nj
