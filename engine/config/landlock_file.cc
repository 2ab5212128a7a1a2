#include "engine/config/landlock_file.h"

#include <algorithm>

#include "engine/base/file.h"
#include "engine/config/toml_document.h"
#include "engine/oci/quote.h"

namespace wolffia {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;
constexpr size_t kMaxRules = 4096, kMaxPath = 4095;

class PolicyReader {
 public:
  PolicyReader(const TomlDocument& document, LandlockPolicy& policy) : document_(document), policy_(policy) {}

  Result<> Read() {
    for (const TomlMember& member : document_.root().members) TRY(ReadMember(member));
    if (policy_.RestrictsAnything()) return {};
    return Fail(Code::kInvalid, document_.file() +
                                    ": restricts nothing; there are read, write, exec, bind-tcp, connect-tcp "
                                    "and scope");
  }

 private:
  using Paths = std::optional<std::vector<std::string>>;
  using Ports = std::optional<std::vector<uint16_t>>;

  Result<> ReadMember(const TomlMember& member) {
    const std::string& key = member.key;
    if (key == "read") return ReadPaths(member, policy_.read);
    if (key == "write") return ReadPaths(member, policy_.write);
    if (key == "exec") return ReadPaths(member, policy_.exec);
    if (key == "bind-tcp") return ReadPorts(member, 0, policy_.bind_tcp);
    if (key == "connect-tcp") return ReadPorts(member, 1, policy_.connect_tcp);
    if (key == "scope") return ReadScope(member);
    if (key != "best-effort") return document_.FailAt(member.place, key, "unknown key");
    policy_.best_effort = TRY(document_.Boolean(document_.root(), key, ""));
    return {};
  }

  Result<> CheckArray(const TomlMember& member, const char* of_what) const {
    if (member.value.kind != TomlValue::Kind::kArray)
      return document_.FailAt(member.value.place, member.key, std::string("not an array of ") + of_what);
    if (member.value.items.size() > kMaxRules)
      return document_.FailAt(member.value.place, member.key, "more than 4096 entries");
    return {};
  }

  Result<> ReadPaths(const TomlMember& member, Paths& paths) const {
    TRY(CheckArray(member, "paths"));
    paths.emplace();
    for (const TomlValue& item : member.value.items) {
      const std::string_view path = std::string_view(item.text).substr(item.text.starts_with('-') ? 1 : 0);
      if (item.kind != TomlValue::Kind::kString || !path.starts_with('/'))
        return document_.FailAt(item.place, member.key,
                                Quote(item.text) + " is not an absolute path, nor one with - before it");
      if (path.size() > kMaxPath) return document_.FailAt(item.place, member.key, "a path is too long");
      paths->push_back(item.text);
    }
    return {};
  }

  Result<> ReadPorts(const TomlMember& member, int64_t lowest, Ports& ports) const {
    TRY(CheckArray(member, "port numbers"));
    ports.emplace();
    for (const TomlValue& item : member.value.items) {
      if (item.kind != TomlValue::Kind::kInteger || item.integer < lowest || item.integer > 65535)
        return document_.FailAt(item.place, member.key,
                                "not a port number from " + std::to_string(lowest) + " to 65535");
      ports->push_back(static_cast<uint16_t>(item.integer));
    }
    return {};
  }

  Result<> ReadScope(const TomlMember& member) {
    TRY(CheckArray(member, "scopes"));
    for (const TomlValue& item : member.value.items) {
      if (item.text == "abstract-unix-socket")
        policy_.scope_abstract_sockets = true;
      else if (item.text == "signal")
        policy_.scope_signals = true;
      else
        return document_.FailAt(item.place, member.key,
                                Quote(item.text) + " is no scope; there are abstract-unix-socket and signal");
    }
    return {};
  }

  const TomlDocument& document_;
  LandlockPolicy& policy_;
};

}  // namespace

Result<LandlockPolicy> ParseLandlockPolicy(std::string_view text, std::string name) {
  LandlockPolicy policy{.name = name};
  const TomlDocument document = TRY(TomlDocument::Parse(text, std::move(name)));
  TRY(PolicyReader(document, policy).Read());
  return policy;
}

Result<LandlockPolicy> ReadLandlockFile(const std::string& path) {
  const std::string text = TRY(ReadFile(path, kMaxFileBytes));
  return ParseLandlockPolicy(text, path);
}

}  // namespace wolffia
