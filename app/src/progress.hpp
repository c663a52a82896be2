#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

namespace nj {

/// Ctrl-C was pressed; whatever was not written whole is not written at all.
class Interrupted : public std::runtime_error {
 public:
  Interrupted() : std::runtime_error("interrupted") {}
};

/// From now on SIGINT and SIGTERM make the next progress report or check throw Interrupted, and say
/// so; a second one ends the program at once.
void catch_interrupts();
/// By any thread. Throws: Interrupted.
void check_interrupt();

/// Shows progress on standard error: a bar on a terminal, one line per stage in a pipe, nothing
/// when quiet.
class ProgressDisplay {
 public:
  explicit ProgressDisplay(bool quiet);
  /// Throws: Interrupted.
  void report(std::string_view stage, std::size_t done, std::size_t total);
  /// One line, unless quiet.
  void say(std::string_view line) const;

 private:
  bool quiet_;
  bool terminal_;
  std::string stage_;
  std::size_t shown_ = 0;  ///< tenths of a percent
};

}  // namespace nj
