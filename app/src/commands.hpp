#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "neurojoule/core/error.hpp"
#include "neurojoule/hardware/sanafe_simulate.hpp"
#include "neurojoule/models/nir_model.hpp"

namespace nj {

// The subcommands; each prints its result on standard output. Errors about what the user gave are
// thrown as InputError, so that the exit code tells them from failures of the run.

/// `neurojoule run`: one scenario or a batch.
struct RunCommand {
  std::filesystem::path scenario;
  std::filesystem::path out;  ///< empty: runs/<name>
  std::vector<std::string> overrides;
  unsigned threads = 0;
  bool trace = false;
  bool quiet = false;
  int execute() const;
};

/// `neurojoule search`: the formats of a network's weights, by loss and cost.
struct SearchCommand {
  std::filesystem::path scenario;
  std::filesystem::path out;  ///< empty: runs/<name>
  std::vector<std::string> overrides;
  unsigned threads = 0;
  bool quiet = false;
  int execute() const;
};

/// `neurojoule check`: reads and validates any of our YAML files, scenarios as far as their samples
/// are there.
struct CheckCommand {
  std::filesystem::path file;
  std::vector<std::string> overrides;  ///< of a scenario or a search
  int execute() const;
};

/// `neurojoule info`: describes the network of a scenario or a search, of a file with a `model:`
/// block alone, of a list of layers or of a model file; a checkpoint, a chip or an event file.
struct InfoCommand {
  std::filesystem::path file;
  int execute() const;
};

/// `neurojoule import`: writes a model file of what import_model reads.
struct ImportCommand {
  std::filesystem::path source;
  std::filesystem::path out;
  NirImportOptions nir;
  bool has_nir_options = false;
  int execute() const;
};

/// `neurojoule export`: writes a model file in another form.
struct ExportCommand {
  std::filesystem::path file;
  std::filesystem::path out;
  std::optional<double> dt;  ///< seconds; of a NIR graph
  int execute() const;
};

/// `neurojoule frames`: writes the input frames of a scenario's dataset, e.g. for training.
struct FramesCommand {
  std::filesystem::path scenario;
  std::filesystem::path out;
  std::vector<std::string> overrides;
  unsigned threads = 0;
  bool quiet = false;
  int execute() const;
};

/// `neurojoule price`: what a finished run costs at other prices.
struct PriceCommand {
  std::filesystem::path run;
  std::vector<std::string> tables;  ///< shipped names or paths; empty: the run's own
  bool scale = false;
  std::string node;     ///< e.g. `28 nm`; empty: the chip's
  std::string voltage;  ///< e.g. `0.8 V`
  double clock = 1;
  std::filesystem::path out;  ///< ledger of the last table, as CSV; empty: none
  int execute() const;
};

/// `neurojoule explain`: how each number of a finished run's energy comes about.
struct ExplainCommand {
  std::filesystem::path run;
  std::string layer;  ///< empty: all
  int execute() const;
};

/// `neurojoule compare`: finished runs side by side.
struct CompareCommand {
  std::vector<std::filesystem::path> runs;
  int execute() const;
};

/// `neurojoule sanafe`: runs a chip and a network file of SANA-FE.
struct SanafeCommand {
  std::filesystem::path architecture;
  std::filesystem::path network;
  std::filesystem::path out;  ///< empty: runs/<name of the network file>
  std::uint64_t steps = 0;
  sanafe::Timing timing = sanafe::Timing::simple;
  int execute() const;
};

inline constexpr int exit_done = 0;
inline constexpr int exit_failed = 1;     ///< the run failed (disk full, lost file, our own bug)
inline constexpr int exit_bad_input = 2;  ///< what was given is wrong; nothing was written
inline constexpr int exit_interrupted = 130;
inline constexpr std::string_view exit_codes =
    "Exit codes: 0 done, 1 failed run, 2 bad input, 130 interrupted.\n";
inline constexpr std::string_view search_summary =
    "which format of each layer's weights costs least for the accuracy that is left";

/// An nj::Error found before any work was done: exit code 2.
class InputError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// `read()` with every nj::Error turned into an InputError.
template <class Read>
auto checked_input(Read&& read) {
  try {
    return read();
  } catch (const Error& error) {
    throw InputError(error.what());
  }
}

}  // namespace nj
