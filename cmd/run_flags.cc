#include "cmd/run_flags.h"

#include <charconv>

#include "engine/guarantees/ids.h"
#include "engine/oci/json.h"

namespace wolffia {
namespace {

// A JSON array of strings, or one word; "" clears the image's.
Result<std::vector<std::string>> ReadEntrypoint(const std::string& text) {
  if (!text.starts_with('['))
    return text.empty() ? std::vector<std::string>() : std::vector<std::string>{text};
  Json array = TRY_WITH(ParseJson(text), "--entrypoint");
  std::vector<std::string> words;
  for (const Json& word : array) {
    if (!word.is_string()) return Fail(Code::kInvalid, "--entrypoint " + text + ": not an array of strings");
    words.push_back(word.get<std::string>());
  }
  return words;
}

Result<> ReadSecurityOption(const std::string& text, RunRequest& request) {
  size_t separator = text.find_first_of("=:");
  std::string key = text.substr(0, separator);
  std::string value = separator == std::string::npos ? "" : text.substr(separator + 1);
  if (key == "seccomp" && !value.empty()) {
    request.seccomp = value;
    return {};
  }
  if (key == "landlock" && !value.empty()) {
    request.landlock = value;
    return {};
  }
  bool flag = value.empty() || value == "true" || value == "false";
  if (key == "no-new-privileges" && flag) {
    request.no_new_privileges = value != "false";
    return {};
  }
  if (key == "unmask" && !value.empty()) {
    for (size_t at = 0; at <= value.size();) {
      const size_t end = std::min(value.find(':', at), value.size());
      const std::string path = value.substr(at, end - at);
      if (path != "ALL" && !path.starts_with('/'))
        return Fail(Code::kInvalid, "--security-opt " + text + ": " + path + " is neither ALL nor an absolute path");
      request.unmask.push_back(path);
      at = end + 1;
    }
    return {};
  }
  return Fail(Code::kUnsupported, "--security-opt " + text +
                                      ": there are seccomp=FILE, seccomp=unconfined, landlock=FILE, landlock=default, "
                                      "no-new-privileges and unmask=PATH");
}

Result<uint64_t> ReadLimit(const std::string& key, const std::string& value) {
  uint64_t limit = 0;
  if (key == "size") {
    limit = TRY_WITH(ParseSize(value), "--storage-opt size");
  } else {
    const auto [rest, error] = std::from_chars(value.data(), value.data() + value.size(), limit);
    if (error != std::errc() || rest != value.data() + value.size())
      return Fail(Code::kInvalid, "--storage-opt inodes=" + value + ": not a number");
  }
  if (limit == 0) return Fail(Code::kInvalid, "--storage-opt " + key + "=" + value + ": nothing would fit");
  return limit;
}

Result<StorageRequest> ReadStorageOptions(const OptionValues& options) {
  StorageRequest storage;
  for (const std::string& text : options.List("storage-opt")) {
    size_t equals = text.find('=');
    std::string key = text.substr(0, equals);
    std::string value = equals == std::string::npos ? "" : text.substr(equals + 1);
    if (key == "size")
      storage.size = TRY(ReadLimit(key, value));
    else if (key == "inodes")
      storage.inodes = TRY(ReadLimit(key, value));
    else if (key == "upper" && value == "memory")
      storage.memory = true;
    else if (key == "upper" && (value == "kernel" || value == "fuse" || value == "auto"))
      storage.upper = value;
    else
      return Fail(Code::kUnsupported, "--storage-opt " + text +
                                          ": there are size=SIZE, inodes=N, upper=kernel, upper=fuse, "
                                          "upper=auto and upper=memory");
  }
  bool any = storage.memory || !storage.upper.empty() || storage.size != 0 || storage.inodes != 0;
  if (any && options.Bool("rootfs"))
    return Fail(Code::kInvalid,
                "--storage-opt with --rootfs: that directory is the root file system itself, and takes the "
                "changes");
  return storage;
}

// Kept as an annotation, as the peers keep what an OCI specification has no field for.
Result<> ReadRequired(const OptionValues& options, RunRequest& request) {
  std::string joined;
  for (const std::string& id : options.List("require")) joined += (joined.empty() ? "" : ",") + id;
  if (options.Has("require")) request.annotations[kRequireAnnotation] = joined;
  TRY_WITH(CheckGuaranteeIds(RequiredGuarantees(request.annotations)), "--require");
  return {};
}

Result<> ReadMounts(const OptionValues& options, const std::string& directory, RunRequest& request) {
  for (const std::string& text : options.List("volume"))
    request.mounts.push_back(TRY(ParseVolumeFlag(text, directory)));
  for (const std::string& text : options.List("mount"))
    request.mounts.push_back(TRY(ParseMountFlag(text, directory)));
  for (const std::string& text : options.List("tmpfs")) request.mounts.push_back(TRY(ParseTmpfsFlag(text)));
  return {};
}

}  // namespace

Result<std::map<std::string, std::string>> ReadPairs(const std::vector<std::string>& list, const char* flag) {
  std::map<std::string, std::string> pairs;
  for (const std::string& text : list) {
    size_t equals = text.find('=');
    if (equals == 0 || text.empty())
      return Fail(Code::kInvalid, std::string(flag) + " " + text + ": the key is empty");
    pairs[text.substr(0, equals)] = equals == std::string::npos ? "" : text.substr(equals + 1);
  }
  return pairs;
}

Result<RunRequest> ReadRunFlags(const OptionValues& options, const Settings& settings,
                                std::vector<std::string> command, const std::string& working_directory) {
  RunRequest request;
  request.name = options.String("name");
  request.hostname = options.String("hostname");
  request.working_dir = options.String("workdir");
  request.user = options.String("user");
  request.command = std::move(command);
  if (options.Has("entrypoint")) request.entrypoint = TRY(ReadEntrypoint(options.String("entrypoint")));
  request.env = options.List("env");
  request.env_files = options.List("env-file");
  TRY(ReadMounts(options, working_directory, request));
  request.read_only = options.Bool("read-only");
  request.interactive = options.Bool("interactive");
  request.auto_remove = options.Bool("rm");
  request.init = options.Bool("init");
  TRY(ReadNetworkFlags(options, settings, request));
  TRY(ReadPortFlags(options, request));
  request.userns = {options.String("userns"), options.List("uidmap"), options.List("gidmap")};
  request.cap_add = options.List("cap-add");
  request.cap_drop = options.List("cap-drop");
  for (const std::string& text : options.List("security-opt")) TRY(ReadSecurityOption(text, request));
  request.ulimits = options.List("ulimit");
  if (options.Has("shm-size"))
    request.shm_size = TRY_WITH(ParseSize(options.String("shm-size")), "--shm-size");
  request.labels = TRY(ReadPairs(options.List("label"), "--label"));
  request.storage = TRY(ReadStorageOptions(options));
  request.annotations = TRY(ReadPairs(options.List("annotation"), "--annotation"));
  TRY(ReadRequired(options, request));
  TRY(ReadLifecycleFlags(options, request));
  TRY(ReadTerminalFlags(options, request));
  TRY(ReadLogFlags(options, request));
  TRY(ReadHealthFlags(options, request));
  TRY(ReadNamespaceFlags(options, request));
  TRY(ReadProcessFlags(options, request));
  request.seccomp_record = options.String("seccomp-record");
  // The monitor writes them, from another directory.
  for (std::string* path :
       {&request.process.pid_file, &request.process.monitor_pid_file, &request.seccomp_record})
    if (!path->empty() && !path->starts_with('/')) *path = working_directory + "/" + *path;
  TRY(ReadVolumeFlags(options, request));
  TRY(ReadResourceFlags(options, settings, request));
  return request;
}

}  // namespace wolffia
