// Any bytes as a seccomp profile: parsed, and compiled where they are one.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/runtime/seccomp.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto profile = wolffia::ParseSeccompProfile(text, {"CAP_KILL"});
  if (!profile) return 0;
  auto program = wolffia::CompileSeccomp(*profile, "");
  if (program && (program->empty() || program->size() > BPF_MAXINSNS)) abort();
  return 0;
}
