#include <algorithm>
#include <mutex>
#include <utility>

#include "neurojoule/core/parallel.hpp"
#include "neurojoule/models/execute.hpp"

namespace nj {

BatchExecution execute_many(const QuantizedNetwork& network, std::size_t count,
                            const std::function<GradedTensor(std::size_t)>& load,
                            const BatchOptions& options) {
  constexpr std::size_t grain = 8;
  const unsigned threads = options.threads == 0 ? hardware_threads() : options.threads;
  // Fewer samples than chunks for every thread: the threads share each sample instead.
  const bool share = count < grain * threads;
  const std::size_t traced = std::min(options.trace_samples, count);
  BatchExecution result;
  result.activity = Activity(network.network().size(), network.timesteps());
  result.predictions.resize(count);
  result.logits.resize(count);
  result.traces.resize(traced);
  result.traced_activities.resize(traced);
  std::vector<Activity> partial((count + grain - 1) / grain);
  std::mutex mutex;
  std::size_t done = 0;
  parallel_for(count, grain, share ? 1 : threads, [&](std::size_t begin, std::size_t end) {
    ExecutionContext context(network);
    for (std::size_t i = begin; i < end; ++i) {
      Execution sample = execute(
          network, load(i), {.keep_trace = i < traced, .threads = share ? threads : 1}, context);
      result.predictions[i] = sample.prediction;
      result.logits[i] = std::move(sample.logits);
      partial[begin / grain] += sample.activity;
      if (sample.trace) {
        result.traces[i] = std::move(*sample.trace);
        result.traced_activities[i] = std::move(sample.activity);
      }
      if (options.progress) {
        const std::lock_guard lock(mutex);
        options.progress(++done);
      }
    }
  });
  for (const Activity& chunk : partial) result.activity += chunk;
  return result;
}

}  // namespace nj
