// wolffia volume create.
#include <sys/stat.h>

#include "cmd/dispatch.h"
#include "cmd/run_flags.h"
#include "cmd/volume_removal.h"
#include "engine/runtime/run_request.h"
#include "engine/runtime/text_fields.h"
#include "storage/volume_store.h"

namespace wolffia {
namespace {

using Pairs = std::map<std::string, std::string>;

std::string Value(const Pairs& pairs, const char* key) {
  auto it = pairs.find(key);
  return it == pairs.end() ? "" : it->second;
}

// A directory of the host in place of the volume's own.
Result<> CheckBind(const std::string& device, const std::string& words) {
  bool bind = false;
  for (std::string_view word : SplitFields(words, ',')) {
    bind = bind || word == "bind" || word == "rbind";
    if (!word.empty() && word != "bind" && word != "rbind" && word != "ro" && word != "rw")
      return Fail(Code::kUnsupported, "--opt o=" + words + ": a directory takes bind, rbind, ro and rw");
  }
  if (!bind || !device.starts_with('/'))
    return Fail(Code::kUnsupported,
                "--opt device=" + device +
                    ": only the administrator can mount a device; there are type=tmpfs, and "
                    "o=bind with device=/DIRECTORY");
  struct stat st;
  if (stat(device.c_str(), &st) < 0) return FailErrno("--opt device=" + device);
  if (!S_ISDIR(st.st_mode)) return FailErrno("--opt device=" + device, ENOTDIR);
  return {};
}

// What an ordinary user can mount: memory, and directories that are there.
Result<> CheckOptions(const Pairs& options) {
  for (const auto& [key, value] : options)
    if (key != "type" && key != "device" && key != "o")
      return Fail(Code::kUnsupported,
                  "invalid mount option " + key + " for driver 'local': there are type, device and o");
  const std::string type = Value(options, "type"), device = Value(options, "device"),
                    words = Value(options, "o");
  if (options.empty()) return {};
  if (type == "tmpfs") {
    auto tmpfs = ParseTmpfsFlag("/volume:" + words);
    if (!tmpfs) return std::unexpected(std::move(tmpfs.error()).With("--opt o=" + words));
    return {};
  }
  if (!type.empty() && type != "none" && type != "bind")
    return Fail(Code::kUnsupported,
                "--opt type=" + type +
                    ": only the administrator can mount it; there are type=tmpfs, and o=bind with "
                    "device=/DIRECTORY");
  return CheckBind(device, words);
}

}  // namespace

Result<int> VolumeCreateVerb(const Command& command) {
  const OptionValues& options = command.options();
  if (const std::string driver = options.String("driver"); driver != "local")
    return Fail(Code::kUnsupported, "--driver " + driver + ": there are no drivers but local");
  VolumeRecord record{.created_ns = command.context.now()};
  record.labels = TRY(ReadPairs(options.List("label"), "--label"));
  record.options = TRY(ReadPairs(options.List("opt"), "--opt"));
  TRY(CheckOptions(record.options));
  if (!command.line.arguments.empty()) {
    record.name = command.line.arguments[0];
    TRY(CheckVolumeName(record.name));
  }
  Session session = TRY(OpenSession(command, Registries::kSkip));
  auto made = VolumeStore(session.store).Create(record);
  if (made) {
    WriteVolumeEvent(command.context, session.store, "create", made->name);
    record.name = made->name;
  } else if (made.error().code != Code::kExists || !options.Bool("ignore")) {
    return std::unexpected(std::move(made.error()));
  }
  PrintLine(record.name);
  return 0;
}

}  // namespace wolffia
