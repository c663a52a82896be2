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
  injection_.resize(cores * subnets);
  ejection_.resize(cores * subnets);
  std::vector<std::uint32_t> first(1, 0);  // [routers + 1]: port in the first subnet
  for (std::uint32_t r = 0; r < routers(); ++r) first.push_back(first[r] + own(r) + sides);
  for (std::uint32_t subnet = 0; subnet < subnets; ++subnet) {
    add_ports(subnet, first);
    connect_routers(subnet, first);
  }
  eject_ = static_cast<std::uint32_t>(queues_.size());
  for (std::uint32_t core = 0; core < cores; ++core) {
    for (std::uint32_t subnet = 0; subnet < subnets; ++subnet) {
      const std::uint32_t queue = add_queue({.capacity = shape_.ejected, .core = core});
      ejection_[core * subnets + subnet] = queue;
      connect(injection_[core * subnets + subnet], queue);
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

std::uint32_t Noc::add_queue(Queue queue) {
  queue.first_slot = static_cast<std::uint32_t>(slots_.size());
  slots_.resize(slots_.size() + queue.capacity);
  queues_.push_back(queue);
  return static_cast<std::uint32_t>(queues_.size() - 1);
}

/// Inputs and outputs, which have the same numbers.
void Noc::add_ports(std::uint32_t subnet, const std::vector<std::uint32_t>& first) {
  for (std::uint32_t r = 0; r < routers(); ++r) {
    const std::uint32_t base = subnet * first.back() + first[r];
    for (std::uint32_t p = 0; p < own(r) + sides; ++p) {
      const std::uint32_t core = shape_.first_core[r] + p;
      const std::uint32_t port =
          add_queue({.capacity = shape_.buffer,
                     .input = p,
                     .core = p < own(r) ? core : none,
                     .first_output = base,
                     .routes = r * static_cast<std::uint32_t>(cores_.size())});
      if (p < own(r)) injection_[core * subnets + subnet] = port;
      outputs_.push_back({.first_input = base});
    }
  }
}

void Noc::connect(std::uint32_t output, std::uint32_t queue) {
  outputs_[output].queue = queue;
  queues_[queue].feeder = output;
}

void Noc::connect_routers(std::uint32_t subnet, const std::vector<std::uint32_t>& first) {
  for (std::uint32_t r = 0; r < routers(); ++r) {
    const auto port = [&](std::uint32_t router, Side side) {
      return subnet * first.back() + first[router] + own(router) + side;
    };
    const std::uint32_t x = r / shape_.height;
    const std::uint32_t y = r % shape_.height;
    const std::uint32_t h = shape_.height;
    if (x + 1 < shape_.width) connect(port(r, east), port(r + h, west));
    if (x > 0) connect(port(r, west), port(r - h, east));
    if (y + 1 < shape_.height) connect(port(r, north), port(r + 1, south));
    if (y > 0) connect(port(r, south), port(r - 1, north));
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
      std::all_of(queues_.begin(), queues_.end(), [](const Queue& q) { return q.reserved == 0; }));
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
      const Flit flit = slots_[queue.first_slot + queue.head];
      const std::uint32_t output = queue.first_output + routes_[queue.routes + flit.to];
      outputs_[output].held = false;
      serve(output);
      leave(event.at);
      return;
    }
    case Event::Kind::credit:
      --queues_[event.at].reserved;
      return refill(queues_[event.at]);
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
  const std::uint32_t id = injection_[core * subnets + sender.subnet];
  Queue& queue = queues_[id];
  sender.blocked = queue.reserved == queue.capacity;
  if (sender.blocked) return;
  ++queue.reserved;
  sent_at_[core] = wheel_.now();
  last_injection_ = wheel_.now();
  sender.subnet = (sender.subnet + 1) % subnets;
  const Message& message = traffic_->messages[sender.next++];
  generate_next(core);
  arrive(id, {message.to, message.processing});
}

void Noc::arrive(std::uint32_t id, Flit flit) {
  Queue& queue = queues_[id];
  std::uint32_t slot = std::uint32_t{queue.head} + queue.present;
  if (slot >= queue.capacity) slot -= queue.capacity;
  slots_[queue.first_slot + slot] = flit;
  ++queue.present;
  if (id >= eject_) return process(queue.core);
  if (queue.present == 1) want(queue);
}

/// The first flit of a queue asks for its output.
void Noc::want(const Queue& queue) {
  const Flit flit = slots_[queue.first_slot + queue.head];
  const std::uint32_t output = queue.first_output + routes_[queue.routes + flit.to];
  outputs_[output].wanting |= std::uint64_t{1} << queue.input;
  serve(output);
}

void Noc::serve(std::uint32_t id) {
  Output& output = outputs_[id];
  if (shape_.stages) {
    if (!output.asked) asked_.push_back(id);
    output.asked = true;
    return;
  }
  if (output.wakes) return;
  Queue& end = queues_[output.queue];
  if (end.reserved == end.capacity) return;
  if (wheel_.now() < output.free_at) {
    output.wakes = true;
    wheel_.add(output.free_at - wheel_.now(), {.kind = Event::Kind::output_free, .at = id});
    return;
  }
  ++end.reserved;
  take_turn(output);
  output.free_at = wheel_.now() + shape_.allocation;
  const Flit flit = leave(output.first_input + output.last);
  wheel_.add(shape_.passage, {.kind = Event::Kind::arrived, .at = output.queue, .flit = flit});
  if (output.wanting != 0) serve(id);
}

/// The next of the inputs that want the output no longer wants it, but has it.
void Noc::take_turn(Output& output) {
  const std::uint64_t after = output.wanting & (~std::uint64_t{1} << output.last);
  const auto input =
      static_cast<std::uint32_t>(std::countr_zero(after != 0 ? after : output.wanting));
  output.last = input;
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
  Queue& end = queues_[output.queue];
  if (!output.wants_switch || end.reserved == end.capacity) return;
  output.wants_switch = false;
  ++end.reserved;
  const std::uint32_t from = output.first_input + output.last;
  const Queue& queue = queues_[from];
  wheel_.add(stages.crossbar, {.kind = Event::Kind::left, .at = from});
  wheel_.add(stages.crossbar + stages.traversal, {.kind = Event::Kind::arrived,
                                                  .at = output.queue,
                                                  .flit = slots_[queue.first_slot + queue.head]});
}

/// Takes the first flit out of a queue; who waits for its place may go on, or later by a credit.
Noc::Flit Noc::leave(std::uint32_t id) {
  Queue& queue = queues_[id];
  const Flit flit = slots_[queue.first_slot + queue.head];
  if (++queue.head == queue.capacity) queue.head = 0;
  --queue.present;
  const bool at_once = !shape_.stages || id >= eject_;
  if (at_once) --queue.reserved;
  if (id < eject_ && queue.present != 0) want(queue);
  if (at_once) {
    refill(queue);
  } else {
    wheel_.add(shape_.stages->credit, {.kind = Event::Kind::credit, .at = id});
  }
  return flit;
}

/// There is a place.
void Noc::refill(const Queue& queue) {
  if (queue.feeder != none) {
    const Output& feeder = outputs_[queue.feeder];
    if (feeder.wanting != 0 || feeder.wants_switch) serve(queue.feeder);
  } else if (cores_[queue.core].blocked) {
    inject(queue.core);
  }
}

/// An idle core takes what has come.
void Noc::process(std::uint32_t core) {
  Core& receiver = cores_[core];
  if (receiver.busy) return;
  std::uint64_t time = 0;
  for (std::uint32_t subnet = 0; subnet < subnets; ++subnet) {
    const std::uint32_t queue = ejection_[core * subnets + subnet];
    if (queues_[queue].present == 0) continue;
    receiver.busy = true;
    time += std::max<std::uint32_t>(leave(queue).processing, 1);
  }
  if (!receiver.busy) return;
  drained_ = std::max(drained_, wheel_.now() + time);
  wheel_.add(time, {.kind = Event::Kind::core_idle, .at = core});
}

}  // namespace nj::sanafe
