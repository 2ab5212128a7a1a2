#include "cmd/confirmation.h"

#include <strings.h>
#include <unistd.h>

#include <string>

#include "cmd/session.h"

namespace wolffia {

Result<bool> Confirm(std::string_view warning) {
  PrintLine(warning);
  Print("Are you sure you want to continue? [y/N] ");
  FlushOutput();
  std::string line;
  char c;
  // Byte by byte: what follows the line is not ours.
  while (line.size() < 256 && read(STDIN_FILENO, &c, 1) == 1 && c != '\n') line += c;
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
  return strcasecmp(line.c_str(), "y") == 0 || strcasecmp(line.c_str(), "yes") == 0;
}

}  // namespace wolffia
