#include "run_beside.hpp"

#include <cerrno>
#include <filesystem>
#include <system_error>

#include <unistd.h>

#include "neurojoule/core/error.hpp"

namespace nj {

int run_beside(const std::string& program, const std::vector<std::string>& arguments) {
  const std::string path =
      (std::filesystem::read_symlink("/proc/self/exe").parent_path() / program).string();
  std::vector<std::string> words{path};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  ::execv(path.c_str(), pointers.data());
  throw Error(ErrorKind::io, "cannot be started: " + std::generic_category().message(errno),
              {.file = path});
}

}  // namespace nj
