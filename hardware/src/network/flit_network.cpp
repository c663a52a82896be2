#include "flit_network.hpp"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <string>
#include <utility>

#include "neurojoule/core/error.hpp"

namespace nj {
namespace {

std::uint64_t ceil_div(std::uint64_t a, std::uint64_t b) { return (a + b - 1) / b; }

/// Takes an unused position of a pool, or a new one.
template <class Value>
std::uint32_t keep(std::vector<Value>& pool, std::vector<std::uint32_t>& unused,
                   const Value& value) {
  if (unused.empty()) {
    pool.push_back(value);
    return static_cast<std::uint32_t>(pool.size() - 1);
  }
  const std::uint32_t position = unused.back();
  unused.pop_back();
  pool[position] = value;
  return position;
}

}  // namespace

FlitNetwork::FlitNetwork(const Topology& topology, const TopologySpec& spec,
                         const PacketRoutes& routes)
    : topology_(topology),
      trees_(routes.trees),
      sizes_(routes.sizes),
      flit_bits_(spec.flit_bits),
      bounded_(spec.buffer_flits.has_value()),
      depth_(spec.buffer_flits.value_or(0)),
      within_tile_(spec.within_tile),
      links_(routes.timings),
      outputs_(links_.links()),
      channels_(links_.links() * topology.virtual_channels()),
      inputs_(topology.routers()) {
  std::int64_t tick = 0;
  for (const Link& link : topology.links()) tick = std::gcd(tick, link.spec.cycle.value());
  tick_ = Picoseconds{std::max<std::int64_t>(tick, 1)};
  for (const Link& link : topology.links()) {
    const auto ticks = [&](Picoseconds time) {
      return ceil_div(static_cast<Tick>(time.value()), static_cast<Tick>(tick_.value()));
    };
    words_.push_back(
        {link.spec.width_bits, link.from, ticks(link.spec.cycle), ticks(link.spec.latency)});
    for (std::uint32_t v = 0; v < topology.virtual_channels(); ++v) {
      const auto number = static_cast<std::uint32_t>(queues_.size());
      queues_.push_back({.worms = {}, .input = inputs_[link.to]++, .port = link_of(number)});
    }
  }
  std::uint64_t pairs = 0;
  for (Channel& channel : channels_) channel.credits = depth_;
  for (std::uint32_t c = 0; c < channels(); ++c) pairs += inputs_[words_[link_of(c)].from];
  if (pairs > max_pairs) {
    throw Error(ErrorKind::capacity, "timing 'flit' takes networks whose routers have at most " +
                                         std::to_string(max_pairs) +
                                         " pairs of an input and an output, this one has " +
                                         std::to_string(pairs));
  }
}

FlitNetwork::Tick FlitNetwork::tick_of(Picoseconds time) const {
  const auto ticks =
      ceil_div(static_cast<std::uint64_t>(time.value()), static_cast<std::uint64_t>(tick_.value()));
  return static_cast<Tick>(static_cast<std::int64_t>(ticks) - origin_);
}

Picoseconds FlitNetwork::now() const {
  return tick_ * (origin_ + static_cast<std::int64_t>(wheel_.now()));
}

void FlitNetwork::run(const StepTraffic& traffic) {
  if (traffic.packets.empty()) return;
  prepare(traffic);
  for (std::uint32_t s = 0; s < traffic.sources.size(); ++s) plan_injection(traffic, s);
  wheel_.run([&](const Event& event) { handle(traffic, event); }, [&] { allocate(traffic); });
  assert(unused_worms_.size() == worms_.size() && unused_parts_.size() == parts_.size());
  assert(std::all_of(channels_.begin(), channels_.end(), [&](const Channel& channel) {
    return channel.holder == none && channel.waiting == 0 && channel.credits == depth_;
  }));
}

/// Every turn starts anew; of the step before only links that are still kept are left.
void FlitNetwork::prepare(const StepTraffic& traffic) {
  queues_.resize(channels());
  next_.clear();
  const std::int64_t before = std::exchange(origin_, 0);
  Tick first = ~Tick{0};
  std::vector<std::uint32_t> inputs = inputs_;
  for (std::uint32_t s = 0; s < traffic.sources.size(); ++s) {
    const PacketSource& source = traffic.sources[s];
    next_.push_back(source.first);
    queues_.push_back({.worms = {},
                       .input = inputs[source.tile]++,
                       .port = static_cast<std::uint32_t>(links_.links()) + s});
    if (source.first == source.last) continue;
    first = std::min(first, tick_of(traffic.packets[source.first].injected));
  }
  origin_ = static_cast<std::int64_t>(first) - 1;
  turns_.assign(links_.links() + traffic.sources.size(), 0);
  std::size_t lines = 0;
  for (std::uint32_t c = 0; c < channels(); ++c) {
    channels_[c].turn = 0;
    channels_[c].inputs = inputs[words_[link_of(c)].from];
    channels_[c].lines = lines;
    lines += channels_[c].inputs;
  }
  lines_.assign(lines, {});
  for (Output& output : outputs_) {
    const std::int64_t free = before + static_cast<std::int64_t>(output.free) - origin_;
    output.free = static_cast<Tick>(std::max<std::int64_t>(free, 0));
    output.wake = output.asked = 0;
    output.turn = 0;
  }
}

void FlitNetwork::handle(const StepTraffic& traffic, const Event& event) {
  switch (event.what) {
    case Event::What::inject:
      return inject(traffic, event.at);
    case Event::What::word:
      return word_comes(traffic, event.at);
    case Event::What::front:
      return route(traffic, queues_[event.at].worms.front);
    case Event::What::ask:
      return ask(event.at);
    case Event::What::credit:
      channels_[event.at].credits += event.count;
      return want(link_of(event.at));
    case Event::What::wake:
      return want(event.at);
  }
}

/// A source brings one packet per tick, and with bounded buffers none before the last one has left.
void FlitNetwork::plan_injection(const StepTraffic& traffic, std::uint32_t source) {
  const std::uint32_t packet = next_[source];
  if (packet == traffic.sources[source].last) return;
  const Tick when = std::max(wheel_.now() + 1, tick_of(traffic.packets[packet].injected));
  wheel_.add(when - wheel_.now(), {.what = Event::What::inject, .at = source});
}

void FlitNetwork::inject(const StepTraffic& traffic, std::uint32_t source) {
  const std::uint32_t packet = next_[source]++;
  const Packet& sent = traffic.packets[packet];
  const RouteTrees::Tree& tree = trees_.tree(sent.route);
  const std::uint32_t worm = keep(worms_, unused_worms_,
                                  {.node = tree.start,
                                   .first = sent.first_target + traffic.sources[source].moved,
                                   .core = traffic.sources[source].core.index,
                                   .queue = channels() + source,
                                   .size = tree.size,
                                   .bits = sizes_[tree.size],
                                   .head = wheel_.now()});
  Queue& queue = queues_[channels() + source];
  queue.worms = {worm, worm};
  ++queue.held;
  if (!bounded_) plan_injection(traffic, source);
  route(traffic, worm);
}

void FlitNetwork::word_comes(const StepTraffic& traffic, std::uint32_t id) {
  Worm& worm = worms_[id];
  const bool first = worm.bits == 0;
  worm.bits = std::min(sizes_[worm.size], worm.bits + words_[link_of(worm.queue)].width);
  if (first) {
    worm.head = wheel_.now();
    if (!bounded_ || enqueue(id)) route(traffic, id);
    return;
  }
  if (!worm.routed) return;
  for (std::uint32_t part = worm.part; part != none; part = parts_[part].other) {
    if (channels_[parts_[part].channel].holder == part) want(link_of(parts_[part].channel));
  }
  if (!worm.delivered && worm.bits == sizes_[worm.size]) deliver_here(traffic, worm);
  free_flits(traffic, id);
}

/// Returns whether the worm is the first of its queue.
bool FlitNetwork::enqueue(std::uint32_t id) {
  Line& line = queues_[worms_[id].queue].worms;
  const bool first = line.front == none;
  if (first) {
    line.front = id;
  } else {
    worms_[line.back].next = id;
  }
  line.back = id;
  return first;
}

void FlitNetwork::route(const StepTraffic& traffic, std::uint32_t id) {
  Worm& worm = worms_[id];
  worm.routed = true;
  const RouteTrees::Node& node = trees_.node(worm.node);
  worm.delivered = node.here_first == node.here_last;
  for (std::uint32_t i = 0; i < node.child_count; ++i) add_part(id, node.children + i);
  if (!worm.delivered && worm.bits == sizes_[worm.size]) deliver_here(traffic, worm);
  free_flits(traffic, id);
}

void FlitNetwork::add_part(std::uint32_t id, std::uint32_t node) {
  Worm& worm = worms_[id];
  const bool passes = worm.queue < channels();
  const std::uint32_t link = trees_.node(node).link;
  const std::uint32_t channel = topology_.channel_after(passes ? worm.queue : no_channel, link);
  const std::uint32_t part = keep(
      parts_, unused_parts_, {.worm = id, .channel = channel, .node = node, .other = worm.part});
  worm.part = part;
  ++worm.parts;
  const Tick ready = passes
                         ? worm.head + wait_for_words(link_of(worm.queue), link, sizes_[worm.size])
                         : wheel_.now();
  if (ready <= wheel_.now()) return ask(part);
  wheel_.add(ready - wheel_.now(), {.what = Event::What::ask, .at = part});
}

/// Ticks from the first word of a packet coming over one link to when the first can enter another
/// so that no gap follows: its words there need those here.
FlitNetwork::Tick FlitNetwork::wait_for_words(std::uint32_t from, std::uint32_t to,
                                              std::uint32_t packet_bits) const {
  const LinkWords& in = words_[from];
  const LinkWords& out = words_[to];
  const std::uint64_t words = ceil_div(packet_bits, out.width);
  Tick wait = 0;
  for (std::uint64_t word = 0; word < words; ++word) {
    const std::uint64_t bits = std::min<std::uint64_t>(packet_bits, (word + 1) * out.width);
    const Tick here = (ceil_div(bits, in.width) - 1) * in.cycle;
    if (here > word * out.cycle) wait = std::max(wait, here - word * out.cycle);
  }
  return wait;
}

void FlitNetwork::ask(std::uint32_t part) {
  const std::uint32_t channel = parts_[part].channel;
  const std::uint32_t input = queues_[worms_[parts_[part].worm].queue].input;
  Line& line = lines_[channels_[channel].lines + input];
  if (line.front == none) {
    line.front = part;
  } else {
    parts_[line.back].behind = part;
  }
  line.back = part;
  ++channels_[channel].waiting;
  want(link_of(channel));
}

void FlitNetwork::deliver_here(const StepTraffic& traffic, Worm& worm) {
  worm.delivered = true;
  const Picoseconds there = worm.queue < channels() ? now() : now() + within_tile_;
  const RouteTrees::Node& node = trees_.node(worm.node);
  const std::uint32_t base = worm.first - node.first;
  traffic.deliver(there, base + node.here_first, base + node.here_last);
}

/// Gives the credits of what has left on all ways back, and the whole place after the last word.
void FlitNetwork::free_flits(const StepTraffic& traffic, std::uint32_t id) {
  Worm& worm = worms_[id];
  const std::uint32_t all = sizes_[worm.size];
  std::uint32_t bits = worm.delivered ? all : worm.bits;
  for (std::uint32_t part = worm.part; part != none; part = parts_[part].other) {
    bits = std::min(bits, parts_[part].bits);
  }
  const std::uint32_t flits = bits == all ? links_.flits(worm.size) : bits / flit_bits_;
  if (bounded_ && worm.queue < channels() && flits != worm.flits) {
    wheel_.add(words_[link_of(worm.queue)].latency,
               {.what = Event::What::credit, .at = worm.queue, .count = flits - worm.flits});
  }
  worm.flits = flits;
  if (worm.parts == 0 && worm.delivered) finish(traffic, id);
}

void FlitNetwork::finish(const StepTraffic& traffic, std::uint32_t id) {
  const Worm& worm = worms_[id];
  for (std::uint32_t part = worm.part; part != none; part = parts_[part].other) {
    unused_parts_.push_back(part);
  }
  unused_worms_.push_back(id);
  Queue& queue = queues_[worm.queue];
  --queue.held;
  if (!bounded_) return;
  queue.worms.front = worm.next;
  if (worm.queue >= channels()) {
    plan_injection(traffic, worm.queue - channels());
  } else if (worm.next != none) {
    wheel_.add(1, {.what = Event::What::front, .at = worm.queue});
  }
}

void FlitNetwork::want(std::uint32_t link) {
  if (outputs_[link].asked == wheel_.now()) return;
  outputs_[link].asked = wheel_.now();
  asked_.push_back(link);
}

void FlitNetwork::wake(std::uint32_t link, Tick when) {
  if (outputs_[link].wake == when) return;
  outputs_[link].wake = when;
  wheel_.add(when - wheel_.now(), {.what = Event::What::wake, .at = link});
}

void FlitNetwork::allocate(const StepTraffic& traffic) {
  grants_.clear();
  for (const std::uint32_t link : asked_) grant(link);
  asked_.clear();
  std::sort(grants_.begin(), grants_.end(), [](const Grant& a, const Grant& b) {
    return std::pair(a.port, a.link) < std::pair(b.port, b.link);
  });
  for (std::size_t begin = 0; begin < grants_.size();) {
    std::size_t end = begin + 1;
    while (end < grants_.size() && grants_[end].port == grants_[begin].port) ++end;
    accept(traffic, begin, end);
    begin = end;
  }
}

void FlitNetwork::grant(std::uint32_t link) {
  Output& output = outputs_[link];
  if (output.free > wheel_.now()) return wake(link, output.free);
  const std::uint32_t count = topology_.virtual_channels();
  for (std::uint32_t v = 0; v < count; ++v) hold(link * count + v);
  bool stalls = false;
  for (std::uint32_t v = 0; v < count; ++v) {
    const std::uint32_t channel = link * count + (output.turn + v) % count;
    if (!has_word(channel)) continue;
    if (!has_room(channel)) {
      stalls = true;
      continue;
    }
    const Part& part = parts_[channels_[channel].holder];
    grants_.push_back({queues_[worms_[part.worm].queue].port, link, channel});
    stalls = false;
    break;
  }
  if (stalls == (output.stalled_since != 0)) return;
  if (!stalls) output.stalled += wheel_.now() - output.stalled_since;
  output.stalled_since = stalls ? wheel_.now() : 0;
}

/// Gives a free channel to an input that waits for it.
void FlitNetwork::hold(std::uint32_t id) {
  Channel& channel = channels_[id];
  if (channel.holder != none || channel.waiting == 0) return;
  std::uint32_t input = channel.turn;
  while (lines_[channel.lines + input].front == none) input = (input + 1) % channel.inputs;
  Line& line = lines_[channel.lines + input];
  channel.holder = line.front;
  line.front = parts_[line.front].behind;
  --channel.waiting;
  channel.turn = (input + 1) % channel.inputs;
}

/// The packet that keeps the channel has its next word.
bool FlitNetwork::has_word(std::uint32_t id) const {
  const Channel& channel = channels_[id];
  if (channel.holder == none) return false;
  const Part& part = parts_[channel.holder];
  return worms_[part.worm].bits >= bits_after_next(part, link_of(id));
}

/// Bits sent of a packet once its next word has entered the link.
std::uint32_t FlitNetwork::bits_after_next(const Part& part, std::uint32_t link) const {
  return std::min(sizes_[worms_[part.worm].size], part.bits + words_[link].width);
}

/// There are credits for that word.
bool FlitNetwork::has_room(std::uint32_t id) const {
  if (!bounded_) return true;
  const Channel& channel = channels_[id];
  const Part& part = parts_[channel.holder];
  const std::uint32_t bits = bits_after_next(part, link_of(id));
  return ceil_div(bits, flit_bits_) - ceil_div(part.bits, flit_bits_) <= channel.credits;
}

/// One input takes one of the grants [begin, end) that it has, and those for copies of that word.
void FlitNetwork::accept(const StepTraffic& traffic, std::size_t begin, std::size_t end) {
  std::uint32_t& turn = turns_[grants_[begin].port];
  std::size_t chosen = begin;
  while (chosen < end && grants_[chosen].link < turn) ++chosen;
  if (chosen == end) chosen = begin;
  turn = grants_[chosen].link + 1;
  const Part word = parts_[channels_[grants_[chosen].channel].holder];
  for (std::size_t i = begin; i < end; ++i) {
    const Part& part = parts_[channels_[grants_[i].channel].holder];
    if (part.worm == word.worm && part.bits == word.bits) {
      send(traffic, grants_[i]);
    } else {
      wake(grants_[i].link, wheel_.now() + 1);
    }
  }
}

void FlitNetwork::send(const StepTraffic& traffic, const Grant& grant) {
  const LinkWords& words = words_[grant.link];
  Channel& channel = channels_[grant.channel];
  Output& output = outputs_[grant.link];
  const std::uint32_t id = channel.holder;
  if (parts_[id].bits == 0) start_copy(id, grant.link);
  Part& part = parts_[id];
  const std::uint32_t all = sizes_[worms_[part.worm].size];
  const std::uint32_t bits = bits_after_next(part, grant.link);
  if (bounded_) {
    channel.credits -=
        static_cast<std::uint32_t>(ceil_div(bits, flit_bits_) - ceil_div(part.bits, flit_bits_));
  }
  part.bits = bits;
  wheel_.add(words.latency, {.what = Event::What::word, .at = part.copy});
  const std::uint32_t count = topology_.virtual_channels();
  output.free = wheel_.now() + words.cycle;
  output.turn = (grant.channel + 1) % count;
  if (bits == all) {
    channel.holder = none;
    --worms_[part.worm].parts;
  }
  for (std::uint32_t v = 0; v < count; ++v) {
    const Channel& goes_on = channels_[grant.link * count + v];
    if (goes_on.holder != none || goes_on.waiting != 0) wake(grant.link, output.free);
  }
  free_flits(traffic, part.worm);
}

/// The first word of a copy enters its link.
void FlitNetwork::start_copy(std::uint32_t id, std::uint32_t link) {
  Part& part = parts_[id];
  const Worm& worm = worms_[part.worm];
  const std::uint32_t size = worm.size;
  part.copy =
      keep(worms_, unused_worms_,
           {.node = part.node,
            .first = worm.first - trees_.node(worm.node).first + trees_.node(part.node).first,
            .core = worm.core,
            .queue = part.channel,
            .size = size});
  outputs_[link].flits += links_.flits(size);
  outputs_[link].busy += links_.of(link, size).service;
  Queue& goal = queues_[part.channel];
  goal.most = std::max(goal.most, ++goal.held);
}

std::vector<LinkLoad> FlitNetwork::loads() const {
  std::vector<LinkLoad> loads;
  loads.reserve(links_.links());
  for (std::uint32_t i = 0; i < links_.links(); ++i) {
    std::uint64_t most = 0;
    for (std::uint32_t v = 0; v < topology_.virtual_channels(); ++v) {
      most = std::max<std::uint64_t>(most, queues_[i * topology_.virtual_channels() + v].most);
    }
    loads.push_back({outputs_[i].flits, outputs_[i].busy, most,
                     tick_ * static_cast<std::int64_t>(outputs_[i].stalled)});
  }
  return loads;
}

void FlitNetwork::clear_loads() {
  for (Output& output : outputs_) {
    output.flits = output.stalled = 0;
    output.busy = Picoseconds{0};
  }
  for (Queue& queue : queues_) queue.most = queue.held;
}

}  // namespace nj
