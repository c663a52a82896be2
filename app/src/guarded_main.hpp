#pragma once

#include <csignal>
#include <cstdio>
#include <exception>
#include <functional>
#include <stdexcept>

#include <fmt/format.h>

#include "commands.hpp"
#include "progress.hpp"

namespace nj {

/// Runs a command line; what it throws, and text that found no room, becomes a line of text and an
/// exit code.
inline int guarded_main(const std::function<int()>& run_command_line) {
  std::signal(SIGXFSZ, SIG_IGN);  // what is too large for a limit then fails as on a full disk
  try {
    const int code = run_command_line();
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
      throw std::runtime_error("standard output: cannot be written");
    }
    return code;
  } catch (const InputError& error) {
    fmt::print(stderr, "{}\n", error.what());
    return exit_bad_input;
  } catch (const Interrupted&) {
    fmt::print(stderr, "interrupted; nothing half-written\n");
    return exit_interrupted;
  } catch (const std::exception& error) {
    fmt::print(stderr, "failed: {}\n", error.what());
    return exit_failed;
  }
}

}  // namespace nj
