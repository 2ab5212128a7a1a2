#include "storage/secret_store.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/base/random.h"
#include "storage/record_json.h"
#include "storage/staging.h"

namespace wolffia {
namespace {

constexpr size_t kMaxRecordBytes = 1 << 20;
constexpr size_t kMaxNameBytes = 253;
constexpr size_t kIdDigits = 25;

std::string PathOf(const std::string& name) {
  return "secrets/" + name;
}

std::unexpected<Error> NoSuchSecret(std::string_view typed) {
  return Fail(Code::kNotFound, "no secret with name or id \"" + std::string(typed) + "\": no such secret",
              ENOENT);
}

bool IsLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && IsLetterOrDigit(name.front()) &&
         std::ranges::all_of(name,
                             [](char c) { return IsLetterOrDigit(c) || c == '_' || c == '.' || c == '-'; });
}

std::string Serialize(const SecretRecord& r) {
  return DumpRecord({{"name", r.name},
                     {"id", r.id},
                     {"driver", r.driver},
                     {"created_ns", r.created_ns},
                     {"updated_ns", r.updated_ns},
                     {"labels", r.labels}});
}

Result<SecretRecord> Parse(std::string_view json, std::string_view where) {
  Json document = TRY(ParseRecord(json, where));
  SecretRecord r;
  r.name = TRY(StringMember(document, "name", where));
  r.id = TRY(StringMember(document, "id", where));
  r.driver = TRY(StringMember(document, "driver", where));
  r.created_ns = TRY(IntMember(document, "created_ns", where));
  r.updated_ns = TRY(IntMember(document, "updated_ns", where));
  r.labels = TRY(StringMapMember(document, "labels", where));
  return r;
}

// A store that an older version made has no directory for them.
Result<std::vector<std::string>> ListNames(const Store& store) {
  auto names = ListDirectory(store.root(), "secrets");
  if (!names && names.error().os_errno == ENOENT) return std::vector<std::string>();
  return names;
}

Result<> Sync(const Store& store, int secret) {
  if (store.durability() != Durability::kSafe) return {};
  for (const char* name : {"data", "meta.json"}) {
    Fd file = TRY(OpenAt(secret, name, O_RDONLY | O_NOFOLLOW));
    TRY(SyncFd(file.get(), name));
  }
  return SyncFd(secret, "the secret's directory");
}

// Gives the staged secret its name. With `replace` the old one is in staging afterwards.
Result<> Publish(const Store& store, const Staging& staging, const std::string& name, bool replace) {
  constexpr int kAttempts = 100;  // each lost race is somebody else's removal or creation
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto named = RenameAt(staging.dirfd(), "secret", store.root(), PathOf(name), RENAME_NOREPLACE);
    if (named) return {};
    if (named.error().os_errno == ENOENT && !ExistsAt(store.root(), "secrets")) {
      if (mkdirat(store.root(), "secrets", 0700) < 0 && errno != EEXIST)
        return FailErrno("make directory secrets");
      continue;
    }
    if (named.error().code != Code::kExists) return named;
    if (!replace) return Fail(Code::kExists, name + ": secret name in use", EEXIST);
    auto exchanged = RenameAt(staging.dirfd(), "secret", store.root(), PathOf(name), RENAME_EXCHANGE);
    if (exchanged || exchanged.error().os_errno != ENOENT) return exchanged;
  }
  return Fail(Code::kBusy, "secret " + name + " is being changed by others; try again");
}

}  // namespace

Result<SecretRecord> SecretStore::Create(SecretRecord record, std::string_view data, bool replace) const {
  if (!IsName(record.name))
    return Fail(Code::kInvalid,
                "secret name '" + record.name.substr(0, 300) +
                    "' is not allowed: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]* and have at most " +
                    std::to_string(kMaxNameBytes) + " bytes: invalid secret name");
  if (data.empty() || data.size() >= kMaxSecretBytes)
    return Fail(Code::kInvalid, "secret data must be larger than 0 and less than " +
                                    std::to_string(kMaxSecretBytes) + " bytes");
  auto before = Read(record.name);
  if (before && !replace) return Fail(Code::kExists, record.name + ": secret name in use", EEXIST);
  if (before) record.created_ns = before->created_ns;
  record.id = RandomHex((kIdDigits + 1) / 2).substr(0, kIdDigits);
  Staging staging = TRY(Staging::Begin(store_));
  if (mkdirat(staging.dirfd(), "secret", 0700) < 0) return FailErrno("make the secret's directory");
  Fd secret = TRY(OpenDirectory(staging.dirfd(), "secret"));
  TRY(CreateFileAt(secret.get(), "data", data, 0600));
  TRY(CreateFileAt(secret.get(), "meta.json", Serialize(record), 0600));
  TRY(Sync(store_, secret.get()));
  TRY(Publish(store_, staging, record.name, replace));
  if (store_.durability() == Durability::kSafe) {
    Fd directory = TRY(OpenDirectory(store_.root(), "secrets"));
    TRY(SyncFd(directory.get(), "secrets"));
  }
  return record;
}

Result<SecretRecord> SecretStore::Read(const std::string& name) const {
  const std::string path = PathOf(name) + "/meta.json";
  SecretRecord record = TRY(Parse(TRY(ReadFileAt(store_.root(), path, kMaxRecordBytes)), path));
  if (record.name != name || record.id.size() != kIdDigits)
    return Fail(Code::kInvalid, path + ": it is of another secret");
  return record;
}

Result<SecretRecord> SecretStore::Get(std::string_view typed) const {
  if (!IsName(typed)) return NoSuchSecret(typed);
  auto named = Read(std::string(typed));
  if (named || named.error().os_errno != ENOENT) return named;
  std::optional<SecretRecord> found;
  for (SecretRecord& record : TRY(List())) {
    if (!record.id.starts_with(typed)) continue;
    if (found) return Fail(Code::kInvalid, "more than one result secret with prefix " + std::string(typed));
    found = std::move(record);
  }
  if (!found) return NoSuchSecret(typed);
  return std::move(*found);
}

Result<std::vector<SecretRecord>> SecretStore::List() const {
  std::vector<SecretRecord> all;
  for (const std::string& name : TRY(ListNames(store_))) {
    auto record = Read(name);
    if (record) all.push_back(std::move(*record));
  }
  std::ranges::sort(all, [](const SecretRecord& a, const SecretRecord& b) {
    return std::tie(a.created_ns, a.name) < std::tie(b.created_ns, b.name);
  });
  return all;
}

Result<> SecretStore::Remove(const std::string& name) const {
  if (!IsName(name) || !ExistsAt(store_.root(), PathOf(name))) return NoSuchSecret(name);
  return Staging::Discard(store_, PathOf(name));
}

Result<std::string> SecretStore::ReadData(const std::string& name) const {
  if (!IsName(name)) return NoSuchSecret(name);
  auto data = ReadFileAt(store_.root(), PathOf(name) + "/data", kMaxSecretBytes);
  if (!data && data.error().os_errno == ENOENT) return NoSuchSecret(name);
  return data;
}

}  // namespace wolffia
