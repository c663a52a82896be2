#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "neurojoule/app/data_files.hpp"

#include "commands.hpp"
#include "progress.hpp"

namespace {

/// Parses the command line and runs the chosen command; returns its exit code.
int run_command_line(int argc, char** argv) {
  CLI::App app{"neurojoule: what a spiking transformer costs on a neuromorphic chip"};
  app.set_version_flag("--version", std::string(nj::version()));
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 done, 1 failed run, 2 bad input, 130 interrupted.\n"
      "docs/scenario.md describes the files.");

  nj::RunCommand run;
  CLI::App* run_app = app.add_subcommand("run", "run a scenario, a sweep or a list of scenarios");
  run_app->add_option("SCENARIO", run.scenario, "scenario file (YAML)")->required();
  run_app->add_option("--out", run.out, "folder for the results (default runs/<name>)");
  run_app->add_option("--set", run.overrides, "key=value, replaces a value of the scenario")
      ->allow_extra_args(false);
  run_app->add_option("--jobs", run.threads, "threads (default: all)")->check(CLI::Range(1, 1024));
  run_app->add_flag("--quiet", run.quiet, "no progress");

  nj::CheckCommand check;
  CLI::App* check_app =
      app.add_subcommand("check", "validate a scenario, chip or price table without running it");
  check_app->add_option("FILE", check.file, "YAML file")->required();

  nj::InfoCommand info;
  CLI::App* info_app = app.add_subcommand(
      "info", "describe a scenario's network, a checkpoint, a chip, a price table or events");
  info_app->add_option("FILE", info.file, ".yaml, .safetensors, .h5 or .bin file")->required();

  nj::FramesCommand frames;
  CLI::App* frames_app =
      app.add_subcommand("frames", "write the input frames of a scenario's dataset as HDF5");
  frames_app->add_option("SCENARIO", frames.scenario, "scenario file (YAML)")->required();
  frames_app->add_option("--out", frames.out, "HDF5 file to write")->required();
  frames_app->add_option("--set", frames.overrides, "key=value, e.g. dataset.split=train")
      ->allow_extra_args(false);
  frames_app->add_option("--jobs", frames.threads, "threads (default: all)")
      ->check(CLI::Range(1, 1024));
  frames_app->add_flag("--quiet", frames.quiet, "no progress");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? nj::exit_done : nj::exit_bad_input;
  }
  if (*run_app) return run.execute();
  if (*check_app) return check.execute();
  if (*info_app) return info.execute();
  return frames.execute();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run_command_line(argc, argv);
  } catch (const nj::InputError& error) {
    fmt::print(stderr, "{}\n", error.what());
    return nj::exit_bad_input;
  } catch (const nj::Interrupted&) {
    fmt::print(stderr, "interrupted; nothing half-written\n");
    return nj::exit_interrupted;
  } catch (const std::exception& error) {
    fmt::print(stderr, "failed: {}\n", error.what());
    return nj::exit_failed;
  }
}
