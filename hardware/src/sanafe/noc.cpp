#include "noc.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <string>
#include <utility>

#include "neurojoule/core/error.hpp"

namespace nj::sanafe {

namespace {

/// Ports to neighbours come after those of the router's cores.
enum Side : std::uint32_t { east, west, north, south, sides };

}  // namespace

Noc::Noc(NocShape shape) : shape_(std::move(shape)) {
  fill_columns();
  check_size();
  const auto cores = static_cast<std::uint32_t>(shape_.tile_of.size());
  cores_.resize(cores);
  sent_at_.resize(cores);
  std::vector<std::uint32_t> first(1, 0);  // [routers + 1]: port in the first subnet
  for (std::uint32_t r = 0; r < routers(); ++r) first.push_back(first[r] + own(r) + sides);
  for (std::uint32_t subnet = 0; subnet < subnets; ++subnet) {
    add_ports(subnet, first);
    connect_routers(subnet, first);
  }
  eject_ = static_cast<std::uint32_t>(queues_.size());
  senders_ = static_cast<std::uint32_t>(outputs_.size());
  for (std::uint32_t core = 0; core < cores; ++core) {
    const std::uint32_t tile = shape_.tile_of[core];
    for (std::uint32_t subnet = 0; subnet < subnets; ++subnet) {
      connect_core(core, subnet * first.back() + first[tile] + core - shape_.first_core[tile]);
    }
  }
  make_routes();
}

/// Tiles fill the mesh column by column. Routes may pass the routers of the last one that have no
/// tile, but none goes to columns without any.
void Noc::fill_columns() {
  const std::uint32_t columns = (routers() + shape_.height - 1) / shape_.height;
  shape_.width = columns;
  shape_.first_core.resize(std::size_t{columns} * shape_.height + 1, shape_.first_core.back());
}

/// An output remembers in 64 bits which inputs want it, and routes take a byte per router and core.
void Noc::check_size() const {
  for (std::uint32_t r = 0; r < routers(); ++r) {
    if (own(r) > max_tile_cores) {
      throw Error(ErrorKind::unsupported, "a simulated network has routers for at most " +
                                              std::to_string(max_tile_cores) + " cores; tile " +
                                              std::to_string(r) + " has " + std::to_string(own(r)));
    }
  }
  if (std::uint64_t{routers()} * shape_.tile_of.size() > max_routes) {
    throw Error(ErrorKind::capacity,
                "a simulated network takes chips of at most 2^28 tiles x cores, this one has " +
                    std::to_string(routers()) + " x " + std::to_string(shape_.tile_of.size()));
  }
}

std::uint32_t Noc::routers() const {
  return static_cast<std::uint32_t>(shape_.first_core.size() - 1);
}
std::uint32_t Noc::own(std::uint32_t router) const {
  return shape_.first_core[router + 1] - shape_.first_core[router];
}

std::uint32_t Noc::add_queue(Queue queue, std::uint8_t capacity) {
  const std::uint32_t slots = std::bit_ceil(std::uint32_t{capacity});
  queue.first_slot = static_cast<std::uint32_t>(slots_.size());
  queue.mask = static_cast<std::uint8_t>(slots - 1);
  slots_.resize(slots_.size() + slots);
  queues_.push_back(queue);
  return static_cast<std::uint32_t>(queues_.size() - 1);
}

/// Inputs and outputs, which have the same numbers.
void Noc::add_ports(std::uint32_t subnet, const std::vector<std::uint32_t>& first) {
  for (std::uint32_t r = 0; r < routers(); ++r) {
    const std::uint32_t base = subnet * first.back() + first[r];
    for (std::uint32_t p = 0; p < own(r) + sides; ++p) {
      add_queue({.first_output = base,
                 .routes = r * static_cast<std::uint32_t>(cores_.size()),
                 .input = static_cast<std::uint8_t>(p)},
                shape_.buffer);
      outputs_.push_back({.first_input = base});
    }
  }
}

void Noc::connect(std::uint32_t output, std::uint32_t queue, std::uint8_t capacity) {
  outputs_[output].queue = queue;
  outputs_[output].room = capacity;
  queues_[queue].feeder = output;
}

/// What leaves by the port waits at the core, what the core sends comes in by it.
void Noc::connect_core(std::uint32_t core, std::uint32_t port) {
  connect(port, add_queue({.core = core}, shape_.ejected), shape_.ejected);
  outputs_.emplace_back();
  connect(static_cast<std::uint32_t>(outputs_.size() - 1), port, shape_.buffer);
}

void Noc::connect_routers(std::uint32_t subnet, const std::vector<std::uint32_t>& first) {
  for (std::uint32_t r = 0; r < routers(); ++r) {
    const auto port = [&](std::uint32_t router, Side side) {
      return subnet * first.back() + first[router] + own(router) + side;
    };
    const std::uint32_t x = r / shape_.height;
    const std::uint32_t y = r % shape_.height;
    const std::uint32_t h = shape_.height;
    const auto link = [&](Side side, std::uint32_t to, Side at) {
      connect(port(r, side), port(to, at), shape_.buffer);
    };
    if (x + 1 < shape_.width) link(east, r + h, west);
    if (x > 0) link(west, r - h, east);
    if (y + 1 < shape_.height) link(north, r + 1, south);
    if (y > 0) link(south, r - 1, north);
  }
}

/// Along x, then along y, then to the core.
void Noc::make_routes() {
  for (std::uint32_t r = 0; r < routers(); ++r) {
    for (std::uint32_t core = 0; core < cores_.size(); ++core) {
      const std::uint32_t to = shape_.tile_of[core];
      const std::uint32_t x = r / shape_.height;
      const std::uint32_t to_x = to / shape_.height;
      std::uint32_t port = own(r);
      if (to == r) {
        port = core - shape_.first_core[r];
      } else if (x != to_x) {
        port += to_x > x ? east : west;
      } else {
        port += to > r ? north : south;
      }
      routes_.push_back(static_cast<std::uint8_t>(port));
    }
  }
}

std::uint64_t Noc::run(const StepTraffic& traffic) {
  traffic_ = &traffic;
  last_injection_ = 0;
  drained_ = 0;
  std::fill(sent_at_.begin(), sent_at_.end(), 0);
  for (Output& output : outputs_) {
    output.free_at = 0;
    output.last = 0;
  }
  for (std::uint32_t core = 0; core < cores_.size(); ++core) {
    cores_[core] = {.next = traffic.first[core], .end = traffic.first[core + 1]};
    generate_next(core);
  }
  wheel_.run([&](const Event& event) { handle(event); }, [&] { allocate(); });
  assert(
      std::all_of(queues_.begin(), queues_.end(), [](const Queue& q) { return q.present == 0; }));
  assert(std::all_of(cores_.begin(), cores_.end(), [](const Core& c) { return c.next == c.end; }));
  std::uint64_t longest = last_injection_;
  for (std::uint32_t core = 0; core < cores_.size(); ++core) {
    longest = std::max(longest, sent_at_[core] + traffic.rest[core]);
  }
  return std::max(drained_, last_injection_) + longest - last_injection_;
}

void Noc::handle(const Event& event) {
  switch (event.kind) {
    case Event::Kind::generated:
      return inject(event.at);
    case Event::Kind::arrived:
      return arrive(event.at, event.flit);
    case Event::Kind::output_free:
      outputs_[event.at].wakes = false;
      return serve(event.at);
    case Event::Kind::core_idle:
      cores_[event.at].busy = false;
      return process(event.at);
    case Event::Kind::channel_held:
      outputs_[event.at].wants_switch = true;
      return serve(event.at);
    case Event::Kind::left: {
      const Queue& queue = queues_[event.at];
      const std::uint32_t output = wanted(queue, first(queue));
      outputs_[output].held = false;
      serve(output);
      leave(event.at);
      return;
    }
    case Event::Kind::credit:
      ++outputs_[event.at].room;
      return refill(event.at);
  }
}

void Noc::generate_next(std::uint32_t core) {
  const Core& sender = cores_[core];
  if (sender.next == sender.end) return;
  const std::uint32_t wait = std::max<std::uint32_t>(traffic_->messages[sender.next].generation, 1);
  wheel_.add(wait, {.kind = Event::Kind::generated, .at = core});
}

void Noc::inject(std::uint32_t core) {
  Core& sender = cores_[core];
  Output& way = outputs_[senders_ + core * subnets + sender.subnet];
  way.wanting = way.room == 0 ? 1 : 0;
  if (way.room == 0) return;
  --way.room;
  sent_at_[core] = wheel_.now();
  last_injection_ = wheel_.now();
  sender.subnet = (sender.subnet + 1) % subnets;
  const Message& message = traffic_->messages[sender.next++];
  generate_next(core);
  arrive(way.queue, {message.to, message.processing});
}

Noc::Flit Noc::first(const Queue& queue) const { return slots_[queue.first_slot + queue.head]; }
void Noc::push(Queue& queue, Flit flit) {
  slots_[queue.first_slot + ((queue.head + queue.present) & queue.mask)] = flit;
  ++queue.present;
}

/// The output of the router that a flit goes to.
std::uint32_t Noc::wanted(const Queue& queue, Flit flit) const {
  return queue.first_output + routes_[queue.routes + flit.to];
}

void Noc::arrive(std::uint32_t id, Flit flit) {
  Queue& queue = queues_[id];
  if (id >= eject_) {
    push(queue, flit);
    return process(queue.core);
  }
  if (queue.present != 0) return push(queue, flit);
  const std::uint32_t to = wanted(queue, flit);
  Output& output = outputs_[to];
  const bool waits = output.wakes || output.room == 0 || wheel_.now() < output.free_at;
  if (shape_.stages || waits) {
    push(queue, flit);
    output.wanting |= std::uint64_t{1} << queue.input;
    return serve(to);
  }
  // What serve() would do, without the way into the queue and out of it. Nobody waits for an output
  // that may be taken, nor for a place in an empty queue.
  assert(output.wanting == 0);
  assert(outputs_[queue.feeder].room != 0);
  output.last = queue.input;
  take(output);
  ++outputs_[queue.feeder].room;
  send(output, flit);
}

void Noc::serve(std::uint32_t id) {
  Output& output = outputs_[id];
  if (shape_.stages) {
    if (!output.asked) asked_.push_back(id);
    output.asked = true;
    return;
  }
  if (output.wakes || output.room == 0) return;
  if (wheel_.now() < output.free_at) {
    output.wakes = true;
    wheel_.add(output.free_at - wheel_.now(), {.kind = Event::Kind::output_free, .at = id});
    return;
  }
  take_turn(output);
  take(output);
  send(output, leave(output.first_input + output.last));
  if (output.wanting != 0) serve(id);
}

/// A flit has the output, and a place at its end.
void Noc::take(Output& output) {
  --output.room;
  output.free_at = wheel_.now() + shape_.allocation;
}

void Noc::send(const Output& output, Flit flit) {
  wheel_.add(shape_.passage, {.kind = Event::Kind::arrived, .at = output.queue, .flit = flit});
}

/// The next of the inputs that want the output no longer wants it, but has it.
void Noc::take_turn(Output& output) {
  const std::uint64_t after = output.wanting & (~std::uint64_t{1} << output.last);
  const auto input =
      static_cast<std::uint32_t>(std::countr_zero(after != 0 ? after : output.wanting));
  output.last = static_cast<std::uint8_t>(input);
  output.wanting &= ~(std::uint64_t{1} << input);
}

/// The end of a cycle, when all that happens in it is known.
void Noc::allocate() {
  for (const std::uint32_t id : asked_) advance(id);
  asked_.clear();
}

void Noc::advance(std::uint32_t id) {
  Output& output = outputs_[id];
  output.asked = false;
  const RouterStages& stages = *shape_.stages;
  if (!output.held && output.wanting != 0) {
    take_turn(output);
    output.held = true;
    wheel_.add(stages.channel, {.kind = Event::Kind::channel_held, .at = id});
  }
  if (!output.wants_switch || output.room == 0) return;
  output.wants_switch = false;
  --output.room;
  const std::uint32_t from = output.first_input + output.last;
  wheel_.add(stages.crossbar, {.kind = Event::Kind::left, .at = from});
  wheel_.add(stages.crossbar + stages.traversal,
             {.kind = Event::Kind::arrived, .at = output.queue, .flit = first(queues_[from])});
}

/// Takes the first flit out of a queue; who waits for its place may go on, or later by a credit.
Noc::Flit Noc::leave(std::uint32_t id) {
  Queue& queue = queues_[id];
  const Flit flit = first(queue);
  queue.head = (queue.head + 1) & queue.mask;
  --queue.present;
  const bool at_once = !shape_.stages || id >= eject_;
  if (at_once) ++outputs_[queue.feeder].room;
  if (id < eject_ && queue.present != 0) {
    const std::uint32_t next = wanted(queue, first(queue));
    outputs_[next].wanting |= std::uint64_t{1} << queue.input;
    serve(next);
  }
  if (at_once) {
    refill(queue.feeder);
  } else {
    wheel_.add(shape_.stages->credit, {.kind = Event::Kind::credit, .at = queue.feeder});
  }
  return flit;
}

/// There is a place at the end of an output.
void Noc::refill(std::uint32_t id) {
  const Output& output = outputs_[id];
  if (output.wanting == 0 && !output.wants_switch) return;
  if (id < senders_) {
    serve(id);
  } else {
    inject((id - senders_) / subnets);
  }
}

/// An idle core takes what has come.
void Noc::process(std::uint32_t core) {
  Core& receiver = cores_[core];
  if (receiver.busy) return;
  std::uint64_t time = 0;
  for (std::uint32_t subnet = 0; subnet < subnets; ++subnet) {
    const std::uint32_t queue = eject_ + core * subnets + subnet;
    if (queues_[queue].present == 0) continue;
    receiver.busy = true;
    time += std::max<std::uint32_t>(leave(queue).processing, 1);
  }
  if (!receiver.busy) return;
  drained_ = std::max(drained_, wheel_.now() + time);
  wheel_.add(time, {.kind = Event::Kind::core_idle, .at = core});
}

}  // namespace nj::sanafe
