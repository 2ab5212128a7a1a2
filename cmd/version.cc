#include "cmd/version.h"

#include <nlohmann/json.hpp>

#include "cmd/report.h"
#include "cmd/verbs.h"

namespace wolffia {

Value VersionValue() {
  std::string platform = Platform::Host().str();
  return {{"Version", WOLFFIA_VERSION}, {"OsArch", platform}, {"Os", "linux"}};
}

Result<int> VersionVerb(const Command& command) {
  std::string format = command.options().String("format");
  if (format.empty()) {
    PrintLine("Client:       Wolffia Engine");
    PrintLine("Version:      " WOLFFIA_VERSION);
    PrintLine("OS/Arch:      " + Platform::Host().str());
    return 0;
  }
  Value value = {{"Client", VersionValue()}};
  Print(TRY(RenderValue(value, format)));
  return 0;
}

}  // namespace wolffia
