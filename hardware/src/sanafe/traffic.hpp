#pragma once

#include <cstdint>
#include <vector>

#include "actions.hpp"
#include "axons.hpp"
#include "layout.hpp"
#include "replay.hpp"
#include "somas.hpp"

namespace nj::sanafe {

/// When the cores of a chip make their messages.
///
/// A core visits its neurons one after the other; each takes the time of its access, of its update
/// if it is updated, and of its spike if it fires. The generation of a message is the time of the
/// neurons since the message before, its own included, and that of the message out; messages of
/// one spike follow each other with the latter only. Each time is rounded to whole cycles.
class Traffic {
 public:
  Traffic(const Architecture& chip, const Network& network, const ActionTable& actions,
          const Layout& layout, const Axons& axons, double cycle_s);

  /// Writes the messages of the step that `somas` ran last over `traffic`. Throws: Error(numeric)
  /// when a core takes more than 2^32 - 1 cycles for a message or for what follows the last.
  void write(const Somas& somas, StepTraffic& traffic) const;

 private:
  struct SomaTimes {
    double access_s = 0;
    double update_s = 0;
    double spike_s = 0;
  };
  [[nodiscard]] double visit_s(std::uint32_t begin, std::uint32_t end,
                               const std::vector<std::uint64_t>& updated) const;
  [[nodiscard]] std::uint32_t cycles(double seconds) const;
  void send(std::uint32_t neuron, double& elapsed_s, std::vector<Message>& messages) const;

  const Architecture& chip_;
  const Layout& layout_;
  const Axons& axons_;
  double cycle_s_;
  std::vector<SomaTimes> times_;           ///< [site]
  std::vector<std::uint32_t> first_rank_;  ///< [cores + 1]
  std::vector<std::uint8_t> alike_;        ///< [core]: all its neurons use one soma unit
};

}  // namespace nj::sanafe
