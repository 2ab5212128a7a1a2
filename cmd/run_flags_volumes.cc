// The flags of `run` about volumes and secrets, but for --volume, --mount and --tmpfs (run_flags.cc).
#include "cmd/run_flags.h"
#include "engine/oci/quote.h"
#include "engine/runtime/text_fields.h"

namespace wolffia {
namespace {

std::unexpected<Error> WrongSecret(const std::string& why) {
  return Fail(Code::kInvalid, why + ": error parsing secret");
}

Result<uint32_t> ReadId(std::string_view key, std::string_view value) {
  auto id = ParseDecimal<uint32_t>(value);
  if (!id) return WrongSecret(std::string(key) + " " + std::string(value) + " invalid");
  return *id;
}

Result<uint32_t> ReadMode(std::string_view value) {
  uint32_t mode = 0;
  bool good = !value.empty() && value.size() <= 5;
  for (char c : value) {
    good = good && c >= '0' && c <= '7';
    mode = mode * 8 + static_cast<uint32_t>(c - '0');
  }
  if (!good || mode > 07777) return WrongSecret("mode " + std::string(value) + " invalid");
  return mode;
}

struct SecretParts {
  SecretUse use;
  std::string type;
  bool of_mount = false;  // an option that only a file has
};

Result<> TakeSecretOption(std::string_view option, SecretParts& parts) {
  size_t equals = option.find('=');
  if (equals == std::string_view::npos)
    return WrongSecret("option " + std::string(option) + " must be in form option=value");
  const std::string_view key = option.substr(0, equals), value = option.substr(equals + 1);
  if (key == "source") {
    parts.use.name = value;
  } else if (key == "type") {
    if (!parts.type.empty()) return WrongSecret("cannot set more than one secret type");
    if (value != "mount" && value != "env") return WrongSecret("type " + std::string(value) + " is invalid");
    parts.type = value;
  } else if (key == "target") {
    parts.use.target = value;
  } else if (key == "mode") {
    parts.use.mode = TRY(ReadMode(value));
    parts.of_mount = true;
  } else if (key == "uid" || key == "UID") {
    parts.use.uid = TRY(ReadId(key, value));
    parts.of_mount = true;
  } else if (key == "gid" || key == "GID") {
    parts.use.gid = TRY(ReadId(key, value));
    parts.of_mount = true;
  } else {
    return WrongSecret("option " + std::string(option) + " is invalid");
  }
  return {};
}

Result<> CheckTarget(const SecretUse& use) {
  const std::string& target = use.target;
  if (use.as_env) {
    if (target.find_first_of(std::string_view("=\0", 2)) != std::string::npos || !IsUtf8Text(target))
      return WrongSecret("target " + Quote(target) + " is not the name of a variable");
    return {};
  }
  // Of a file: below /run/secrets, or any place by its absolute path.
  std::string path = CleanMountPoint(target.starts_with('/') ? target : "/run/secrets/" + target);
  bool outside = !target.starts_with('/') && !path.starts_with("/run/secrets/");
  if (path == "/" || path == "/run/secrets" || outside || target.ends_with('/'))
    return WrongSecret("target " + Quote(target) + " is not the name of a file");
  return {};
}

// NAME[,type=mount|env][,target=T][,uid=U][,gid=G][,mode=M]
Result<SecretUse> ParseSecretFlag(std::string_view text) {
  SecretParts parts;
  std::vector<std::string_view> fields = SplitFields(text, ',');
  size_t first = 0;
  if (fields[0].find('=') == std::string_view::npos) parts.use.name = fields[first++];
  for (; first < fields.size(); first++) TRY(TakeSecretOption(fields[first], parts));
  if (parts.use.name.empty()) return WrongSecret("no source found " + std::string(text));
  parts.use.as_env = parts.type == "env";
  if (parts.use.as_env && parts.of_mount)
    return WrongSecret("UID, GID, Mode options cannot be set with secret type env");
  if (parts.use.target.empty()) parts.use.target = parts.use.name;
  TRY(CheckTarget(parts.use));
  return std::move(parts.use);
}

}  // namespace

Result<> ReadVolumeFlags(const OptionValues& options, RunRequest& request) {
  VolumeFlags& flags = request.volumes;
  for (const std::string& text : options.List("secret")) {
    flags.secrets.push_back(TRY_WITH(ParseSecretFlag(text), "--secret"));
    for (size_t i = 0; i + 1 < flags.secrets.size(); i++)
      if (flags.secrets[i].as_env == flags.secrets.back().as_env &&
          flags.secrets[i].target == flags.secrets.back().target)
        return Fail(Code::kInvalid,
                    "--secret " + text + ": another secret has the target " + flags.secrets[i].target);
  }
  flags.from = options.List("volumes-from");
  if (!options.Has("image-volume")) return {};
  const std::string mode = options.String("image-volume");
  if (mode != "anonymous" && mode != "bind" && mode != "tmpfs" && mode != "ignore")
    return Fail(Code::kInvalid, "invalid image-volume type \"" + mode +
                                    "\". Pick one of anonymous (or bind), tmpfs and ignore");
  flags.image_volumes = mode == "bind" ? "anonymous" : mode;
  return {};
}

Result<> FillVolumes(const RunRequest& request, const ImageConfig&, ContainerRecord& record) {
  record.secrets = request.volumes.secrets;
  return {};
}

}  // namespace wolffia
