// Lines of a log, as an image's process or a user's editor may have left them, in the format that the first
// byte chooses: what is read as a record is the same when it is written and read again.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "engine/runtime/control_protocol.h"
#include "engine/runtime/log_format.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace wolffia;
  if (size == 0) return 0;
  const LogFormat format = data[0] == 'j' ? LogFormat::kJson : LogFormat::kK8s;
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  while (!rest.empty()) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    std::string scratch, again_scratch, bytes;
    auto record = ParseLogRecord(format, line, scratch);
    if (!record) continue;
    if (record->stream != kStdout && record->stream != kStderr) abort();
    if (record->text.find('\n') != std::string_view::npos) continue;  // no writer of ours makes such a line
    LogHeader(record->stream, record->time_ns).AppendJson(record->text, record->partial, bytes);
    auto again =
        ParseLogRecord(LogFormat::kJson, std::string_view(bytes).substr(0, bytes.size() - 1), again_scratch);
    if (!again || again->text != record->text || again->partial != record->partial) abort();
  }
  return 0;
}
