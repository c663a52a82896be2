#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>

#include "neurojoule/app/data_files.hpp"
#include "neurojoule/app/sanafe_report.hpp"

#include "commands.hpp"
#include "guarded_main.hpp"
#include "option_checks.hpp"
#include "run_beside.hpp"

namespace {

/// A subcommand, and what it does once its options are parsed.
struct Command {
  CLI::App* app;
  std::function<int()> execute;
};

Command add_run(CLI::App& app) {
  auto run = std::make_shared<nj::RunCommand>();
  CLI::App* sub = app.add_subcommand("run", "run a scenario, a sweep or a list of scenarios");
  sub->add_option("SCENARIO", run->scenario, "scenario file (YAML)")->required();
  sub->add_option("--out", run->out, "folder for the results (default runs/<name>)")
      ->check(nj::not_empty());
  sub->add_option("--set", run->overrides,
                  "key=value, replaces a value of the scenario; once for each")
      ->allow_extra_args(false);
  sub->add_option("--jobs", run->threads, "threads (default: all)")->check(CLI::Range(1, 1024));
  sub->add_flag("--trace", run->trace,
                "write trace.json: what every unit of the chip did in the first sample");
  sub->add_flag("--quiet", run->quiet, "no progress");
  return {sub, [run] { return run->execute(); }};
}

Command add_check(CLI::App& app) {
  auto check = std::make_shared<nj::CheckCommand>();
  CLI::App* sub = app.add_subcommand(
      "check",
      "validate a scenario, search, list of layers, chip or price table without running it");
  sub->add_option("FILE", check->file, "YAML file")->required();
  sub->add_option("--set", check->overrides,
                  "key=value, replaces a value of a scenario or a search; once for each")
      ->allow_extra_args(false);
  return {sub, [check] { return check->execute(); }};
}

Command add_info(CLI::App& app) {
  auto info = std::make_shared<nj::InfoCommand>();
  CLI::App* sub = app.add_subcommand(
      "info", "describe a scenario, a network, a checkpoint, a chip, a price table or events");
  sub->add_option("FILE", info->file, ".yaml, .h5, .safetensors or .bin file")->required();
  return {sub, [info] { return info->execute(); }};
}

Command add_import(CLI::App& app) {
  auto import = std::make_shared<nj::ImportCommand>();
  CLI::App* sub = app.add_subcommand("import", "make a model file of a trained network");
  sub->add_option("SOURCE", import->source,
                  "scenario that names a checkpoint, list of layers (.yaml), or NIR graph (.nir)")
      ->required();
  sub->add_option("--out", import->out, "model file to write (.h5)")
      ->check(nj::not_empty())
      ->required();
  CLI::Option_group* nir = sub->add_option_group("NIR", "what a NIR graph does not say");
  nj::NirImportOptions& options = import->nir;
  nir->add_option("--timesteps", options.timesteps, "time steps of a sample (1..1024)");
  nir->add_option("--dt", options.dt, "seconds of a time step");
  nir->add_option("--min-input", options.min_input, "least input value (default 0)");
  nir->add_option("--max-input", options.max_input, "largest input value (default 1)");
  nir->add_option("--input-scale", options.input_scale, "what an input of 1 is (default 1)");
  nir->add_option_function<std::string>(
         "--step",
         [&options](const std::string& word) {
           options.step = word == "euler" ? nj::NirStep::euler : nj::NirStep::exponential;
         },
         "how neurons step: euler (default) or exponential")
      ->check(CLI::IsMember({"euler", "exponential"}));
  nir->add_option_function<std::string>(
         "--reset",
         [&options](const std::string& word) {
           options.reset = word == "zero" ? nj::NirReset::to_value : nj::NirReset::subtract;
         },
         "what a spike does to the membrane: zero (default) or subtract")
      ->check(CLI::IsMember({"zero", "subtract"}));
  return {sub, [import, nir] {
            import->has_nir_options = nir->count_all() > 0;
            return import->execute();
          }};
}

Command add_export(CLI::App& app) {
  auto command = std::make_shared<nj::ExportCommand>();
  CLI::App* sub = app.add_subcommand("export", "write a model file in another form");
  sub->add_option("MODEL", command->file, "model file (.h5)")->required();
  sub->add_option(
         "--out", command->out,
         "file to write: .nir, .safetensors (weights) or .yaml (layers, and weights beside)")
      ->check(nj::not_empty())
      ->required();
  sub->add_option("--dt", command->dt, "seconds of a time step of a NIR graph (default 1e-4)");
  return {sub, [command] { return command->execute(); }};
}

Command add_frames(CLI::App& app) {
  auto frames = std::make_shared<nj::FramesCommand>();
  CLI::App* sub =
      app.add_subcommand("frames", "write the input frames of a scenario's dataset as HDF5");
  sub->add_option("SCENARIO", frames->scenario, "scenario file (YAML)")->required();
  sub->add_option("--out", frames->out, "HDF5 file to write")->check(nj::not_empty())->required();
  sub->add_option("--set", frames->overrides, "key=value, e.g. dataset.split=train; once for each")
      ->allow_extra_args(false);
  sub->add_option("--jobs", frames->threads, "threads (default: all)")->check(CLI::Range(1, 1024));
  sub->add_flag("--quiet", frames->quiet, "no progress");
  return {sub, [frames] { return frames->execute(); }};
}

/// The program beside this one that searches, with all that follows.
Command add_search(CLI::App& app) {
  CLI::App* sub = app.add_subcommand("search", std::string(nj::search_summary));
  sub->prefix_command();
  sub->set_help_flag();
  return {sub, [sub] { return nj::run_beside("neurojoule-search", sub->remaining()); }};
}

Command add_price(CLI::App& app) {
  auto command = std::make_shared<nj::PriceCommand>();
  CLI::App* sub = app.add_subcommand("price", "price a finished run again, without running it");
  sub->add_option("RUN", command->run, "folder of a run on a chip")->required();
  sub->add_option("--prices,--table", command->tables,
                  "price table: a shipped name or a file; several (default: the run's)");
  sub->add_flag("--scale", command->scale, "carry prices over to the chip's process");
  sub->add_option("--node", command->node, "as if made at another node, e.g. \"28 nm\"");
  sub->add_option("--voltage", command->voltage, "as if supplied with, e.g. \"0.8 V\"");
  sub->add_option("--clock", command->clock, "as if all its times were so many times shorter")
      ->check(nj::number_between(0.001, 1000.0));
  sub->add_option("--out", command->out, "ledger at the last of these prices to write (.csv)")
      ->check(nj::not_empty());
  return {sub, [command] { return command->execute(); }};
}

Command add_explain(CLI::App& app) {
  auto command = std::make_shared<nj::ExplainCommand>();
  CLI::App* sub = app.add_subcommand(
      "explain",
      "each number of a finished run's energy: count, price, how both come about, source");
  sub->add_option("RUN", command->run, "folder of a run on a chip")->required();
  sub->add_option("LAYER", command->layer,
                  "a layer, the start of several (block.0), or chip for barriers and leakage "
                  "(default: all, added up)");
  return {sub, [command] { return command->execute(); }};
}

Command add_compare(CLI::App& app) {
  auto command = std::make_shared<nj::CompareCommand>();
  CLI::App* sub =
      app.add_subcommand("compare", "finished runs side by side, by category and layer");
  sub->add_option("RUN", command->runs, "folders of runs on chips, two or more")
      ->required()
      ->expected(2, 16);
  return {sub, [command] { return command->execute(); }};
}

Command add_sanafe(CLI::App& app) {
  auto command = std::make_shared<nj::SanafeCommand>();
  CLI::App* sub = app.add_subcommand("sanafe", "run a chip and a network file of SANA-FE");
  sub->footer(std::string(nj::exit_codes) + "docs/sanafe.md describes the files.");
  sub->add_option("ARCH", command->architecture, "architecture file (YAML)")->required();
  sub->add_option("NET", command->network, "network file with mappings (YAML or netlist)")
      ->required();
  sub->add_option("--steps", command->steps, "time steps")
      ->required()
      ->check(CLI::Range(1, 10'000'000));
  sub->add_option("--out", command->out, "folder for the results (default runs/<NET>)")
      ->check(nj::not_empty());
  sub->add_option_function<std::string>(
         "--timing",
         [command](const std::string& name) {
           using nj::sanafe::Timing;
           for (const Timing timing : {Timing::simple, Timing::event, Timing::flit}) {
             if (nj::to_string(timing) == name) command->timing = timing;
           }
         },
         "how long a step takes: simple (their formula, default), event (simulated network) or "
         "flit "
         "(routers stage by stage)")
      ->check(CLI::IsMember({"simple", "event", "flit"}));
  return {sub, [command] { return command->execute(); }};
}

/// Parses the command line and runs the chosen command; returns its exit code.
int run_command_line(int argc, char** argv) {
  CLI::App app{"neurojoule: what a spiking transformer costs on a neuromorphic chip"};
  app.set_version_flag("--version", std::string(nj::version()));
  app.require_subcommand(1);
  app.footer(std::string(nj::exit_codes) + "docs/scenario.md describes the files.");
  const Command commands[] = {add_run(app),     add_check(app),  add_info(app),  add_import(app),
                              add_export(app),  add_frames(app), add_price(app), add_explain(app),
                              add_compare(app), add_sanafe(app), add_search(app)};
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? nj::exit_done : nj::exit_bad_input;
  }
  for (const Command& command : commands) {
    if (*command.app) return command.execute();
  }
  return nj::exit_bad_input;
}

}  // namespace

int main(int argc, char** argv) {
  return nj::guarded_main([&] { return run_command_line(argc, argv); });
}
