#include <fmt/format.h>

#include "neurojoule/app/sanafe_report.hpp"
#include "neurojoule/hardware/sanafe_simulate.hpp"

#include "commands.hpp"
#include "output_folder.hpp"
#include "progress.hpp"

namespace nj {

int SanafeCommand::execute() const {
  namespace fs = std::filesystem;
  ProgressDisplay interrupts(true);  // a run takes seconds: it can be stopped, and shows no bar
  catch_interrupts();
  const sanafe::Architecture chip =
      checked_input([&] { return sanafe::load_architecture(architecture); });
  const sanafe::Network net = checked_input([&] { return sanafe::load_network(network, chip); });
  const OutputFolder taken = checked_input(
      [&] { return OutputFolder(out.empty() ? fs::path("runs") / network.stem() : out); });
  const SanafeRunInfo info{
      .architecture = architecture.string(), .network = network.string(), .timing = timing};
  const sanafe::SimulationResult result = sanafe::simulate(
      chip, net, {.steps = steps, .timing = timing, .progress = [&](std::uint64_t done) {
                    interrupts.report("steps", done, steps);
                  }});
  write_sanafe_results(info, result, taken.path());
  fmt::print("{}\nresults          {}\n", sanafe_table(info, result), taken.path().string());
  return exit_done;
}

}  // namespace nj
