#include "buffered_network.hpp"

#include <algorithm>
#include <cassert>
#include <tuple>

namespace nj {

BufferedNetwork::BufferedNetwork(const Topology& topology, const TopologySpec& spec,
                                 const PacketSizes& sizes, const RouteTrees& routes)
    : topology_(topology),
      routes_(routes),
      depth_(*spec.buffer_flits),
      within_tile_(spec.within_tile),
      links_(topology, spec, sizes),
      states_(links_.links()),
      queues_(channels()) {}

void BufferedNetwork::run(const StepTraffic& traffic) {
  queues_.resize(channels() + traffic.sources.size());
  next_.clear();
  for (std::uint32_t s = 0; s < traffic.sources.size(); ++s) {
    queues_[channels() + s] = Queue{};
    next_.push_back(traffic.sources[s].first);
    inject(traffic, Picoseconds{-1}, s);
  }
  while (!events_.empty()) {
    const auto [key, event] = events_.pop();
    handle(traffic, key.time, event);
  }
  assert(std::all_of(queues_.begin(), queues_.end(),
                     [](const Queue& queue) { return queue.front == none; }));
}

/// Keys are unique: a copy comes or asks once per place, and a queue has one front.
void BufferedNetwork::push(Picoseconds time, Event event, std::uint32_t core,
                           std::uint32_t sequence) {
  events_.push({time, static_cast<std::uint32_t>(event.what), core, sequence}, event);
}

void BufferedNetwork::handle(const StepTraffic& traffic, Picoseconds now, const Event& event) {
  switch (event.what) {
    case What::inject:
      inject(traffic, now, event.place);
      break;
    case What::arrive:
      append(traffic, now, event.place, event.ask.copy);
      break;
    case What::ask:
      states_[link_of(event.ask.channel)].asks.push_back(event.ask);
      plan_choice(now, link_of(event.ask.channel));
      break;
    case What::leave:
      leave(traffic, now, event.place);
      break;
    case What::choose:
      choose(traffic, now, event.place);
  }
}

/// Puts the next packet of a source into its queue when its time has come; one is there at a time.
void BufferedNetwork::inject(const StepTraffic& traffic, Picoseconds now, std::uint32_t source) {
  const PacketSource& from = traffic.sources[source];
  const std::uint32_t packet = next_[source];
  if (packet == from.last) return;
  const Packet& sent = traffic.packets[packet];
  if (sent.injected > now) {
    push(sent.injected, {What::inject, source, {}}, from.core.index, packet);
    return;
  }
  ++next_[source];
  const RouteTrees::Tree& tree = routes_.tree(sent.route);
  append(traffic, now, channels() + source,
         keep({sent.injected, tree.start, sent.first_target + from.moved, from.core.index,
               tree.size}));
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

void BufferedNetwork::append(const StepTraffic& traffic, Picoseconds now, std::uint32_t queue,
                             std::uint32_t copy) {
  Queue& line = queues_[queue];
  if (line.front == none) {
    line.front = line.back = copy;
    come_to_front(traffic, now, queue);
  } else {
    copies_[line.back].next = copy;
    line.back = copy;
  }
}

/// The front packet of a queue is delivered here, or asks for its links, or both.
void BufferedNetwork::come_to_front(const StepTraffic& traffic, Picoseconds now,
                                    std::uint32_t queue) {
  queues_[queue].asking = 0;
  queues_[queue].leaves = now;
  const Copy front = copies_[queues_[queue].front];
  const RouteTrees::Node& node = routes_.node(front.node);
  if (node.here_first != node.here_last) deliver(traffic, now, queue, front);
  for (std::uint32_t i = 0; i < node.child_count; ++i) {
    Copy part = front;
    part.node = node.children + i;
    part.first = front.first - node.first + routes_.node(part.node).first;
    part.next = none;
    ask(now, queue, part);
  }
  leave_when_done(now, queue);
}

/// To the targets that are at this router.
void BufferedNetwork::deliver(const StepTraffic& traffic, Picoseconds now, std::uint32_t queue,
                              const Copy& copy) {
  Picoseconds there = now + within_tile_;
  if (queue < channels()) {
    there = std::max(now, copy.head + links_.of(link_of(queue), copy.size).tail);
    queues_[queue].leaves = there;
  }
  const RouteTrees::Node& node = routes_.node(copy.node);
  const std::uint32_t base = copy.first - node.first;
  nj::deliver(traffic, there, base + node.here_first, base + node.here_last);
}

void BufferedNetwork::ask(Picoseconds now, std::uint32_t queue, const Copy& part) {
  const std::uint32_t link = routes_.node(part.node).link;
  const std::uint32_t channel =
      topology_.channel_after(queue < channels() ? queue : no_channel, link);
  ++queues_[queue].asking;
  const Ask request{keep(part), queue, channel};
  const Picoseconds ready =
      queue < channels()
          ? part.head + gap(links_.of(link_of(queue), part.size), links_.of(link, part.size))
          : now;
  if (ready > now) {
    push(ready, {What::ask, 0, request}, part.core, part.first);
    return;
  }
  states_[link].asks.push_back(request);
  plan_choice(now, link);
}

void BufferedNetwork::leave_when_done(Picoseconds now, std::uint32_t queue) {
  const Queue& line = queues_[queue];
  if (line.asking == 0) push(std::max(now, line.leaves), {What::leave, queue, {}}, queue, 0);
}

/// The front packet has gone: its place is free, and the next one comes to the front.
void BufferedNetwork::leave(const StepTraffic& traffic, Picoseconds now, std::uint32_t queue) {
  Queue& line = queues_[queue];
  const std::uint32_t gone = line.front;
  line.front = copies_[gone].next;
  unused_.push_back(gone);
  if (queue >= channels()) {
    inject(traffic, now, queue - channels());
    return;
  }
  line.flits -= links_.flits(copies_[gone].size);
  --line.held;
  if (!states_[link_of(queue)].asks.empty()) plan_choice(now, link_of(queue));
  if (line.front != none) come_to_front(traffic, now, queue);
}

void BufferedNetwork::plan_choice(Picoseconds now, std::uint32_t link) {
  LinkState& state = states_[link];
  const Picoseconds when = std::max(now, state.free);
  if (state.planned == when) return;
  state.planned = when;
  push(when, {What::choose, link, {}}, link, 0);
}

bool BufferedNetwork::earlier(const Ask& a, const Ask& b) const {
  const Copy& x = copies_[a.copy];
  const Copy& y = copies_[b.copy];
  const bool x_passes = a.queue < channels();
  const bool y_passes = b.queue < channels();
  return std::tie(x.head, x_passes, x.core, x.first) < std::tie(y.head, y_passes, y.core, y.first);
}

void BufferedNetwork::choose(const StepTraffic& traffic, Picoseconds now, std::uint32_t link) {
  LinkState& state = states_[link];
  state.planned = Picoseconds{-1};
  auto best = state.asks.end();
  for (auto ask = state.asks.begin(); ask != state.asks.end(); ++ask) {
    if (queues_[ask->channel].flits + links_.flits(copies_[ask->copy].size) > depth_) continue;
    if (best == state.asks.end() || earlier(*ask, *best)) best = ask;
  }
  if (best == state.asks.end()) {
    if (state.stalled_since < Picoseconds{0}) state.stalled_since = now;
    return;
  }
  const Ask chosen = *best;
  *best = state.asks.back();
  state.asks.pop_back();
  send(traffic, now, link, chosen);
  if (!state.asks.empty()) plan_choice(now, link);
}

void BufferedNetwork::send(const StepTraffic& traffic, Picoseconds now, std::uint32_t link,
                           const Ask& ask) {
  Copy& copy = copies_[ask.copy];
  const LinkTiming& timing = links_.of(link, copy.size);
  LinkState& state = states_[link];
  state.free = now + timing.service;
  if (state.stalled_since >= Picoseconds{0}) {
    state.stalled += now - state.stalled_since;
    state.stalled_since = Picoseconds{-1};
  }
  state.flits += links_.flits(copy.size);
  state.busy += timing.service;
  Queue& goal = queues_[ask.channel];
  goal.flits += links_.flits(copy.size);
  goal.most = std::max(goal.most, ++goal.held);
  if (traffic.passes != nullptr) traffic.passes->push_back({link, now, copy.first});
  copy.head = now + timing.latency;
  push(copy.head, {What::arrive, ask.channel, {ask.copy, 0, 0}}, copy.core, copy.first);
  Queue& from = queues_[ask.queue];
  --from.asking;
  from.leaves = std::max(from.leaves, now + timing.tail);
  leave_when_done(now, ask.queue);
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
