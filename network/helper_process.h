// HelperOutput, StartHelper: a program that works for a container's network as long as that runs. Its
// standard input is empty; what it says is kept for errors, as far as it fits into a pipe, and it never waits
// for a reader.
#pragma once

#include <string>

#include "engine/base/process.h"

namespace wolffia {

struct Helper {
  std::string name;
  Child process;
  Fd output;  // of its standard output and error

  // What it has said, for an error, and the last line of it; empty if nothing. Each word is given once.
  std::string Words() const;
  std::string LastWords() const;
};

// Of a request, everything but the standard streams is the caller's. kUnsupported names the package if the
// program is missing.
Result<Helper> StartHelper(SpawnRequest request, const std::string& package);

// Waits until `fd` is readable, the helper ends, or `deadline_ms` have passed. The error is a sentence about
// the helper with its last words.
Result<> AwaitHelper(const Helper& helper, int fd, int deadline_ms);

}  // namespace wolffia
