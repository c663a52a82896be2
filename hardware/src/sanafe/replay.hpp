#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace nj::sanafe {

/// A message as its sender makes it; times in cycles of the network.
struct Message {
  std::uint32_t to = 0;          ///< core
  std::uint32_t generation = 0;  ///< from the sender's message before, once that has left
  std::uint32_t processing = 0;  ///< receiving it, and its synaptic events
};

/// What the cores of a chip send in one step.
struct StepTraffic {
  std::vector<Message> messages;     ///< by sender, those of one in the order of their sending
  std::vector<std::uint32_t> first;  ///< [cores + 1]: of each sender in `messages`
  std::vector<std::uint64_t> rest;   ///< [cores]: of the neurons after the last message
};

/// Stages of a router and its credits, in cycles.
struct RouterStages {
  std::uint32_t channel = 1;    ///< allocation of the output's channel
  std::uint32_t crossbar = 1;   ///< allocation of the switch; then the flit leaves its buffer
  std::uint32_t traversal = 2;  ///< of the switch, one, and of the link, one
  std::uint32_t credit = 2;     ///< from leaving a buffer to the sender's use of the place
};

/// Where the routers are and how long they take, in cycles.
struct NocShape {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::vector<std::uint32_t> first_core;  ///< [tiles + 1]: cores of each router
  std::vector<std::uint32_t> tile_of;     ///< [core]

  std::uint8_t buffer = 8;       ///< flits of each input of a router
  std::uint8_t ejected = 4;      ///< flits that a core takes before it has processed them
  std::uint32_t allocation = 2;  ///< cycles in which an output allocates its channel and its switch
  std::uint32_t passage = 4;     ///< from being first in one router to being in the next
  std::optional<RouterStages> stages{};  ///< in place of the last two: stage by stage
};

}  // namespace nj::sanafe
