#include "streamed/pipeline.hpp"

#include <optional>

#include "neurojoule/core/event_queue.hpp"

namespace nj {
namespace {

/// Who had what done.
enum class Stage : std::uint32_t { store, load, compute };

/// Loads or stores, whose transfers pass the ports one after the other.
struct TransferQueue {
  std::uint64_t job = 0;  ///< the one in work
  std::size_t next = 0;   ///< its next transfer
  bool asking = false;    ///< the transfer waits for its port, or passes it
  bool served = false;    ///< the transfer passes its port
  Picoseconds asked;
};

class Pipeline {
 public:
  Pipeline(std::span<const StreamJob> jobs, std::size_t parts, const WorkSeen& seen)
      : jobs_(jobs), times_(parts), seen_(seen) {}

  std::vector<PartTimes> run() {
    advance();
    while (!events_.empty()) {
      wait_until(events_.top().key.time);
      while (!events_.empty() && events_.top().key.time == now_) finish(events_.pop().payload);
      advance();
    }
    return std::move(times_);
  }

 private:
  /// Nothing begins before.
  void wait_until(Picoseconds time) {
    if (!loads_.asking && loads_.job < jobs_.size()) {
      const StreamJob& job = jobs_[loads_.job];
      const auto port = static_cast<std::size_t>(job.loads[loads_.next].transfer.port);
      if (!port_busy_[port]) times_[job.part].port_stalled[port] += time - now_;
    }
    now_ = time;
  }

  /// Lets everything begin that can.
  void advance() {
    bool moved = true;
    while (moved) {
      moved = ask_to_load();
      moved = ask_to_store() || moved;
      moved = begin_compute() || moved;
    }
    for (std::size_t port = 0; port < stream_ports; ++port) serve(static_cast<StreamPort>(port));
  }

  bool ask_to_load() {
    if (loads_.asking || loads_.job == jobs_.size()) return false;
    const StreamJob& job = jobs_[loads_.job];
    if (loads_.next == job.loads.size()) {
      ++loads_.job;
      loads_.next = 0;
      return true;
    }
    const StreamLoad& load = job.loads[loads_.next];
    if (load.computed > computed_ || load.stored > stores_.job) return false;
    loads_.asking = true;
    loads_.asked = now_;
    return true;
  }

  bool ask_to_store() {
    if (stores_.asking || stores_.job == computed_) return false;
    const StreamJob& job = jobs_[stores_.job];
    if (stores_.next == job.stores.size()) {
      times_[job.part].ended = now_;
      ++stores_.job;
      stores_.next = 0;
      return true;
    }
    stores_.asking = true;
    stores_.asked = now_;
    return true;
  }

  bool begin_compute() {
    if (computing_ || computed_ == jobs_.size() || loads_.job <= computed_) return false;
    if (!ready_since_) ready_since_ = now_;
    if (stores_.job + 1 < computed_) return false;
    const StreamJob& job = jobs_[computed_];
    PartTimes& times = times_[job.part];
    times.waiting_for_loads += *ready_since_ - free_since_;
    times.waiting_for_stores += now_ - *ready_since_;
    ready_since_.reset();
    times.computing += job.compute;
    computing_ = true;
    tell(job.part, WorkUnit::array, false, job.compute);
    push(job.compute, Stage::compute);
    return true;
  }

  [[nodiscard]] const StreamTransfer& transfer(const TransferQueue& queue) const {
    const StreamJob& job = jobs_[queue.job];
    return &queue == &stores_ ? job.stores[queue.next] : job.loads[queue.next].transfer;
  }

  void serve(StreamPort port) {
    if (port_busy_[static_cast<std::size_t>(port)]) return;
    TransferQueue* first = nullptr;
    for (TransferQueue* queue : {&stores_, &loads_}) {
      if (!queue->asking || queue->served || transfer(*queue).port != port) continue;
      if (first == nullptr || queue->asked < first->asked) first = queue;
    }
    if (first == nullptr) return;
    const Picoseconds time = transfer(*first).time;
    times_[jobs_[first->job].part].port_busy[static_cast<std::size_t>(port)] += time;
    port_busy_[static_cast<std::size_t>(port)] = true;
    first->served = true;
    tell(jobs_[first->job].part,
         port == StreamPort::off_chip ? WorkUnit::off_chip_port : WorkUnit::spike_buffer_port,
         first == &stores_, time);
    push(time, first == &stores_ ? Stage::store : Stage::load);
  }

  void finish(Stage stage) {
    if (stage == Stage::compute) {
      computing_ = false;
      free_since_ = now_;
      ++computed_;
      return;
    }
    TransferQueue& queue = stage == Stage::store ? stores_ : loads_;
    port_busy_[static_cast<std::size_t>(transfer(queue).port)] = false;
    queue.asking = false;
    queue.served = false;
    ++queue.next;
  }

  void tell(std::uint32_t part, WorkUnit unit, bool stores, Picoseconds time) const {
    if (!seen_) return;
    seen_(part, {.unit = unit,
                 .stores = stores,
                 .core = {},
                 .layer = {},
                 .count = 1,
                 .start = now_,
                 .end = now_ + time});
  }

  void push(Picoseconds after, Stage stage) {
    events_.push({now_ + after, 0, static_cast<std::uint32_t>(stage), sequence_++}, stage);
  }

  std::span<const StreamJob> jobs_;
  std::vector<PartTimes> times_;
  const WorkSeen& seen_;
  EventQueue<Stage> events_;
  Picoseconds now_;
  std::uint64_t sequence_ = 0;
  TransferQueue loads_;         ///< `job`: all before are loaded
  TransferQueue stores_;        ///< `job`: all before are stored
  std::uint64_t computed_ = 0;  ///< jobs
  bool computing_ = false;
  std::array<bool, stream_ports> port_busy_{};
  Picoseconds free_since_;                  ///< the array
  std::optional<Picoseconds> ready_since_;  ///< the array is free and its next job is loaded
};

}  // namespace

std::vector<PartTimes> run_pipeline(std::span<const StreamJob> jobs, std::size_t parts,
                                    const WorkSeen& seen) {
  return Pipeline(jobs, parts, seen).run();
}

}  // namespace nj
