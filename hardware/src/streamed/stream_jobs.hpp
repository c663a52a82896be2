#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "streamed/block_work.hpp"
#include "streamed/layer_tally.hpp"
#include "streamed/pipeline.hpp"

namespace nj {

/// One population in one time step: what times are added to.
struct StreamPart {
  std::uint32_t population = 0;
  std::uint32_t step = 0;
  std::uint64_t jobs = 0;
};

/// All jobs of a sample in order, with everything counted.
struct StreamJobs {
  std::vector<StreamJob> jobs;
  std::vector<StreamPart> parts;    ///< by turn, then step
  std::vector<LayerTally> tallies;  ///< by population
};

StreamJobs make_stream_jobs(const StreamPlan& plan, const SpikeTrace& trace);

}  // namespace nj
