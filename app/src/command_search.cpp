#include <chrono>

#include <fmt/format.h>

#include "neurojoule/app/search.hpp"
#include "neurojoule/core/atomic_file.hpp"

#include "commands.hpp"
#include "output_folder.hpp"
#include "progress.hpp"

namespace nj {

int SearchCommand::execute() const {
  ProgressDisplay display(quiet);
  catch_interrupts();
  const SearchScenario wanted = checked_input([&] { return read_search(scenario, overrides); });
  PreparedSearch prepared = checked_input([&] { return PreparedSearch(wanted, threads); });
  const OutputFolder taken = checked_input([&] {
    return OutputFolder(out.empty() ? std::filesystem::path("runs") / wanted.scenario.name : out);
  });
  const std::filesystem::path& folder = taken.path();
  const auto start = std::chrono::steady_clock::now();
  const Progress progress = [&](std::string_view stage, std::size_t done, std::size_t total) {
    display.report(stage, done, total);
  };
  const SearchResult result = prepared.run(folder, progress);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  write_search_results(wanted, result, folder);
  display.say(fmt::format("{:.1f} s", elapsed.count()));
  fmt::print("{}\nresults    {}\n", search_table(result, wanted), folder.string());
  return exit_done;
}

}  // namespace nj
