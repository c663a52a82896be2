#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "neurojoule/core/error.hpp"

namespace nj {

// The subcommands; each prints its result on standard output. Errors about what the user gave are
// thrown as InputError, so that the exit code tells them from failures of the run.

/// `neurojoule run`: one scenario or a batch.
struct RunCommand {
  std::filesystem::path scenario;
  std::filesystem::path out;  ///< empty: runs/<name>
  std::vector<std::string> overrides;
  unsigned threads = 0;
  bool quiet = false;
  int execute() const;
};

/// `neurojoule check`: reads and validates any of our YAML files.
struct CheckCommand {
  std::filesystem::path file;
  int execute() const;
};

/// `neurojoule info`: describes the network of a scenario or of a file with a `model:` block alone,
/// a checkpoint, a chip or an event file.
struct InfoCommand {
  std::filesystem::path file;
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

inline constexpr int exit_done = 0;
inline constexpr int exit_failed = 1;     ///< the run failed (disk full, lost file, our own bug)
inline constexpr int exit_bad_input = 2;  ///< what was given is wrong; nothing was written
inline constexpr int exit_interrupted = 130;

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
