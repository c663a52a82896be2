#include <chrono>
#include <memory>
#include <optional>
#include <variant>

#include <fmt/format.h>

#include "neurojoule/app/report.hpp"
#include "neurojoule/app/run.hpp"
#include "neurojoule/core/atomic_file.hpp"

#include "commands.hpp"
#include "output_folder.hpp"
#include "progress.hpp"

namespace nj {
namespace {

namespace fs = std::filesystem;

/// Runs one scenario and writes its results into a folder.
RunResult run_point(const PreparedRun& prepared, const OutputFolder& out, const RunCommand& command,
                    ProgressDisplay& display) {
  const fs::path& folder = out.path();
  const auto start = std::chrono::steady_clock::now();
  RunOptions options{
      .threads = command.threads, .progress = {}, .check = check_interrupt, .trace = command.trace};
  options.progress = [&](std::string_view stage, std::size_t done, std::size_t total) {
    display.report(stage, done, total);
  };
  std::optional<SeriesFile> series;
  if (prepared.scenario.outputs.series) {
    series.emplace(prepared, folder / "series.h5");
    options.simulated = [&](const SimulationResult& sample, const Activity& activity) {
      series->add(sample, activity);
    };
  }
  RunResult result = run(prepared, options);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  display.say(fmt::format(
      "{:.1f} s for {} samples{}", elapsed.count(), result.samples,
      result.chip ? fmt::format(", {} of them on the chip", result.chip->samples) : ""));
  write_results(prepared, result, folder, series ? &*series : nullptr);
  return result;
}

OutputFolder take_folder(const Batch& batch, const RunCommand& command) {
  return checked_input([&] {
    return OutputFolder(command.out.empty() ? fs::path("runs") / batch.name : command.out);
  });
}

int run_single(const Batch& batch, const RunCommand& command, ProgressDisplay& display) {
  const Scenario& scenario = batch.points.front().scenario;
  const PreparedRun prepared = checked_input([&] { return prepare(scenario); });
  const OutputFolder out = take_folder(batch, command);
  const RunResult result = run_point(prepared, out, command, display);
  fmt::print("{}\nresults    {}\n", terminal_table(prepared, result), out.path().string());
  return exit_done;
}

/// Ready to run, or, where the scenario skips misfits, why it does not fit.
std::variant<PreparedRun, BatchRow> prepare_point(const BatchPoint& point) {
  try {
    return prepare(point.scenario);
  } catch (const MisfitError& error) {
    if (!point.scenario.chip->mapping.skips_misfits) throw;
    return batch_row(point, error);
  }
}

int run_batch(const Batch& batch, const RunCommand& command, ProgressDisplay& display) {
  // Every point is prepared once before the first one runs, so that bad input costs no work.
  checked_input([&] {
    for (const BatchPoint& point : batch.points) {
      try {
        (void)prepare_point(point);
      } catch (const Error& error) {
        throw InputError(
            fmt::format("{}\n  in {} ({})", error.what(), point.label, point.description));
      }
    }
  });
  const OutputFolder taken = take_folder(batch, command);
  const fs::path& out = taken.path();
  std::vector<BatchRow> rows;
  for (const BatchPoint& point : batch.points) {
    display.say(
        fmt::format("point {} of {}: {}", rows.size() + 1, batch.points.size(), point.description));
    const auto prepared = prepare_point(point);
    if (const auto* misfit = std::get_if<BatchRow>(&prepared)) {
      rows.push_back(*misfit);
    } else {
      const auto& ready = std::get<PreparedRun>(prepared);
      const RunResult result = run_point(ready, OutputFolder(out / point.label), command, display);
      rows.push_back(batch_row(point, ready, result));
    }
    write_file_atomically(out / "batch.csv", batch_csv(rows));
    write_file_atomically(out / "batch_layers.csv", batch_layers_csv(rows));
    write_file_atomically(out / "batch.svg", batch_svg(batch.name, rows));
  }
  fmt::print("{}\nresults    {}\n", batch_table(rows), out.string());
  return exit_done;
}

}  // namespace

int RunCommand::execute() const {
  ProgressDisplay display(quiet);
  catch_interrupts();
  const Batch batch = checked_input([&] {
    Batch read = read_batch(scenario, overrides);
    for (const BatchPoint& point : read.points) {
      if (trace && !point.scenario.chip) {
        throw Error(ErrorKind::config, "--trace needs a chip",
                    {.file = point.scenario.file.string(), .key = "chip"});
      }
    }
    return read;
  });
  return batch.is_batch ? run_batch(batch, *this, display) : run_single(batch, *this, display);
}

}  // namespace nj
