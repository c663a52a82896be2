#include <string>

#include <CLI/CLI.hpp>

#include "guarded_main.hpp"
#include "option_checks.hpp"

// `neurojoule search` is a program of its own, beside the other, because it alone needs pagmo: that
// library and what it depends on take more memory than most of what the other commands do.

namespace {

int run_command_line(int argc, char** argv) {
  nj::SearchCommand command;
  CLI::App app{std::string(nj::search_summary), "neurojoule search"};
  app.footer(std::string(nj::exit_codes) + "docs/search.md describes the files.");
  app.add_option("SCENARIO", command.scenario, "scenario file with a `search:` block (YAML)")
      ->required();
  app.add_option("--out", command.out,
                 "folder for the results; a search that was stopped goes on (default runs/<name>)")
      ->check(nj::not_empty());
  app.add_option("--set", command.overrides, "key=value, e.g. search.budget=500; once for each")
      ->allow_extra_args(false);
  app.add_option("--jobs", command.threads, "threads (default: all)")->check(CLI::Range(1, 1024));
  app.add_flag("--quiet", command.quiet, "no progress");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? nj::exit_done : nj::exit_bad_input;
  }
  return command.execute();
}

}  // namespace

int main(int argc, char** argv) {
  return nj::guarded_main([&] { return run_command_line(argc, argv); });
}
