#include <fmt/format.h>

#include "neurojoule/app/run.hpp"
#include "neurojoule/datasets/frame_export.hpp"

#include "commands.hpp"
#include "output_file.hpp"
#include "progress.hpp"

namespace nj {

int FramesCommand::execute() const {
  ProgressDisplay display(quiet);
  catch_interrupts();
  const Batch batch = checked_input([&] {
    require_extension(out, "an HDF5 file", ".h5");
    Batch read = read_batch(scenario, overrides);
    if (read.is_batch) {
      throw Error(ErrorKind::config, "frames are written of a single scenario, not of a batch",
                  {.file = scenario.string()});
    }
    const auto& samples = read.points.front().scenario.dataset.path;
    std::error_code code;
    if (std::filesystem::is_regular_file(samples, code)) require_apart(out, samples);
    return read;
  });
  const Scenario& chosen = batch.points.front().scenario;
  const auto dataset = checked_input(
      [&] { return open_samples(chosen.dataset, chosen.seed, chosen.dataset_location); });
  const FrameExport written =
      export_frames(*dataset, out, threads, [&](std::uint64_t done, std::uint64_t total) {
        display.report("framing samples", done, total);
      });
  fmt::print("{}: {} samples, {} events, {} of them beyond the largest frame value\n", out.string(),
             written.samples, written.events, written.saturated_events);
  return exit_done;
}

}  // namespace nj
