#include "recurrence.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <queue>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"

namespace nj {
namespace {

using Draft = Network::Draft;

constexpr std::size_t longest_list = 8;  ///< names of a cycle that a message lists

/// The drafts that read each draft; those that read it with a delay only where asked for.
DraftSources consumers_of(const std::vector<Draft>& drafts, const DraftSources& sources,
                          bool with_delays) {
  DraftSources consumers(drafts.size());
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    for (std::size_t k = 0; k < sources[i].size(); ++k) {
      if (with_delays || drafts[i].operands[k].delay == 0) consumers[sources[i][k]].push_back(i);
    }
  }
  return consumers;
}

/// Throws: names a cycle of drafts that wait for others. Each of them waits for one that waits.
[[noreturn]] void refuse_cycle(const std::vector<Draft>& drafts, const DraftSources& sources,
                               const std::vector<std::size_t>& waiting) {
  const auto awaited = [&](std::size_t i) {
    std::size_t k = 0;
    while (drafts[i].operands[k].delay != 0 || waiting[sources[i][k]] == 0) ++k;
    return sources[i][k];
  };
  const auto stuck = std::find_if(waiting.begin(), waiting.end(), [](auto n) { return n != 0; });
  auto at = static_cast<std::size_t>(stuck - waiting.begin());
  for (std::size_t steps = 0; steps < drafts.size(); ++steps) at = awaited(at);  // into the cycle
  std::vector<std::size_t> cycle{at};
  for (std::size_t i = awaited(at); i != at; i = awaited(i)) cycle.push_back(i);
  std::reverse(cycle.begin(), cycle.end());
  std::rotate(cycle.begin(), std::min_element(cycle.begin(), cycle.end()), cycle.end());
  std::string list;
  for (std::size_t i = 0; i < std::min(cycle.size(), longest_list); ++i) {
    list += drafts[cycle[i]].name + " -> ";
  }
  if (cycle.size() > longest_list) list += fmt::format(".. ({} layers) -> ", cycle.size());
  const std::string& first = drafts[cycle.front()].name;
  throw Error(ErrorKind::config, fmt::format("lies on a cycle without delay: {}{}", list, first),
              {.key = first});
}

/// 0: unknown, 1: what it is, but not its shape, 2: all.
int known(const std::optional<LayerOutput>& output) {
  return !output ? 0 : output->shape.neurons() == 0 ? 1 : 2;
}

}  // namespace

std::vector<std::size_t> topological_order(const std::vector<Draft>& drafts,
                                           const DraftSources& sources) {
  const DraftSources consumers = consumers_of(drafts, sources, false);
  std::vector<std::size_t> waiting(drafts.size(), 0);
  for (const auto& readers : consumers) {
    for (const std::size_t reader : readers) ++waiting[reader];
  }
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    if (waiting[i] == 0) ready.push(i);
  }
  std::vector<std::size_t> order;
  while (!ready.empty()) {
    order.push_back(ready.top());
    ready.pop();
    for (const std::size_t consumer : consumers[order.back()]) {
      if (--waiting[consumer] == 0) ready.push(consumer);
    }
  }
  if (order.size() != drafts.size()) refuse_cycle(drafts, sources, waiting);
  return order;
}

std::vector<std::optional<LayerOutput>> outline_outputs(const std::vector<Draft>& drafts,
                                                        const DraftSources& sources) {
  const DraftSources consumers = consumers_of(drafts, sources, true);
  std::vector<std::optional<LayerOutput>> outputs(drafts.size());
  std::deque<std::size_t> queue;
  for (std::size_t i = 0; i < drafts.size(); ++i) queue.push_back(i);
  while (!queue.empty()) {  // a layer comes again when an operand became known: at most twice each
    const std::size_t i = queue.front();
    queue.pop_front();
    if (known(outputs[i]) == 2) continue;
    std::vector<OutlinedSource> operands;
    for (const std::size_t source : sources[i]) {
      operands.push_back({drafts[source].name, outputs[source]});
    }
    const auto output = outline_of(drafts[i].name, drafts[i].op, operands);
    if (known(output) <= known(outputs[i])) continue;
    outputs[i] = output;
    queue.insert(queue.end(), consumers[i].begin(), consumers[i].end());
  }
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    for (std::size_t k = 0; k < sources[i].size(); ++k) {
      if (drafts[i].operands[k].delay == 0 || known(outputs[sources[i][k]]) == 2) continue;
      throw Error(ErrorKind::shape,
                  fmt::format("the shape or range of '{}', which it reads with a delay, depends on "
                              "itself alone",
                              drafts[i].operands[k].layer),
                  {.key = drafts[i].name});
    }
  }
  return outputs;
}

}  // namespace nj
