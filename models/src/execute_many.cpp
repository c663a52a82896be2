#include <algorithm>
#include <mutex>
#include <utility>

#include "neurojoule/core/parallel.hpp"
#include "neurojoule/models/execute.hpp"

namespace nj {
namespace {

/// What a thread keeps from sample to sample.
struct Worker {
  ExecutionContext context;
  Activity activity;
};

/// As many workers as samples run at once. Counts are integers, so that their sum does not depend
/// on which worker had which sample.
class Workers {
 public:
  explicit Workers(const QuantizedNetwork& network) : network_(network) {}

  Worker take() {
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        Worker worker = std::move(free_.back());
        free_.pop_back();
        return worker;
      }
    }
    return {ExecutionContext(network_), blank()};
  }
  void give_back(Worker worker) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(worker));
  }
  [[nodiscard]] Activity total() const {
    Activity sum = blank();
    for (const Worker& worker : free_) sum += worker.activity;
    return sum;
  }

 private:
  [[nodiscard]] Activity blank() const { return {network_.network().size(), network_.timesteps()}; }

  const QuantizedNetwork& network_;
  std::mutex mutex_;
  std::vector<Worker> free_;
};

}  // namespace

BatchExecution execute_many(const QuantizedNetwork& network, std::size_t count,
                            const std::function<GradedTensor(std::size_t)>& load,
                            const BatchOptions& options) {
  const unsigned threads = options.threads == 0 ? hardware_threads() : options.threads;
  const std::size_t traced = std::min(options.trace_samples, count);
  BatchExecution result;
  result.predictions.resize(count);
  result.logits.resize(count);
  result.traces.resize(traced);
  result.traced_activities.resize(traced);
  result.head_inputs.resize(traced);
  Workers workers(network);
  std::mutex mutex;
  std::size_t done = 0;
  const auto run = [&](std::size_t i, unsigned sample_threads) {
    Worker worker = workers.take();
    Execution sample = execute(
        network, load(i), {.keep_trace = i < traced, .threads = sample_threads}, worker.context);
    result.predictions[i] = sample.prediction;
    result.logits[i] = std::move(sample.logits);
    worker.activity += sample.activity;
    if (sample.trace) {
      result.traces[i] = std::move(*sample.trace);
      result.traced_activities[i] = std::move(sample.activity);
      result.head_inputs[i] = std::move(sample.head_inputs);
    }
    workers.give_back(std::move(worker));
    if (options.progress) {
      const std::lock_guard lock(mutex);
      options.progress(++done);
    }
  };
  // A sample per thread; of the last ones, too few for all threads, each is shared by all.
  const std::size_t whole = count - count % threads;
  parallel_for(whole, 1, threads, [&](std::size_t i, std::size_t) { run(i, 1); });
  for (std::size_t i = whole; i < count; ++i) run(i, threads);
  result.activity = workers.total();
  return result;
}

}  // namespace nj
