#include "storage/network_store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/base/lock.h"
#include "engine/base/random.h"
#include "network/network_definition.h"
#include "storage/container_record.h"
#include "storage/record_json.h"

namespace wolffia {
namespace {

constexpr size_t kMaxRecordBytes = 1 << 20;
constexpr std::string_view kSuffix = ".json";
constexpr size_t kLeastIdPrefix = 2;

std::string PathOf(const std::string& name) {
  return "networks/" + name + std::string(kSuffix);
}

std::string Serialize(const NetworkRecord& r) {
  Json subnets = Json::array();
  for (const NetworkSubnet& s : r.subnets)
    subnets.push_back({{"subnet", s.subnet},
                       {"gateway", s.gateway},
                       {"lease_start", s.lease_start},
                       {"lease_end", s.lease_end}});
  return DumpRecord({{"name", r.name},
                     {"id", r.id},
                     {"driver", r.driver},
                     {"interface", r.interface},
                     {"created_ns", r.created_ns},
                     {"subnets", subnets},
                     {"ipv6", r.ipv6},
                     {"internal", r.internal},
                     {"dns_enabled", r.dns_enabled},
                     {"labels", r.labels},
                     {"options", r.options}});
}

Result<NetworkSubnet> ParseSubnet(const Json& json, std::string_view where) {
  NetworkSubnet s;
  s.subnet = TRY(StringMember(json, "subnet", where));
  s.gateway = TRY(StringMember(json, "gateway", where));
  s.lease_start = TRY(StringMember(json, "lease_start", where));
  s.lease_end = TRY(StringMember(json, "lease_end", where));
  if (!ParseIpPrefix(s.subnet) || !ParseIp(s.gateway))
    return Fail(Code::kInvalid, std::string(where) + ": a malformed subnet");
  return s;
}

Result<NetworkRecord> Parse(std::string_view text, std::string_view where) {
  Json document = TRY(ParseRecord(text, where));
  NetworkRecord r;
  r.name = TRY(StringMember(document, "name", where));
  r.id = TRY(StringMember(document, "id", where));
  r.driver = TRY(StringMember(document, "driver", where));
  r.interface = TRY(StringMember(document, "interface", where));
  r.created_ns = TRY(IntMember(document, "created_ns", where));
  if (const Json* subnets = TRY(ArrayMember(document, "subnets", where)))
    for (const Json& subnet : *subnets) r.subnets.push_back(TRY(ParseSubnet(subnet, where)));
  r.ipv6 = TRY(BoolMember(document, "ipv6", where));
  r.internal = TRY(BoolMember(document, "internal", where));
  r.dns_enabled = TRY(BoolMember(document, "dns_enabled", where));
  r.labels = TRY(StringMapMember(document, "labels", where));
  r.options = TRY(StringMapMember(document, "options", where));
  if (r.subnets.empty() || r.interface.empty() || !IsContainerId(r.id))
    return Fail(Code::kInvalid, std::string(where) + ": not a network");
  return r;
}

std::unexpected<Error> NoSuchNetwork(std::string_view typed) {
  return Fail(Code::kNotFound,
              "unable to find network with name or ID " + std::string(typed) + ": network not found", ENOENT);
}

bool Names(const ContainerRecord& record, const std::string& network) {
  return std::ranges::any_of(record.network_config.networks,
                             [&](const NetworkUse& use) { return use.network == network; });
}

// A store that an older version made has no directory for them.
Result<FileLock> LockNetworks(const Store& store) {
  if (mkdirat(store.root(), "networks", 0700) < 0 && errno != EEXIST)
    return FailErrno("make directory networks");
  return FileLock::Acquire(store.root(), "networks/lock");
}

}  // namespace

Result<NetworkRecord> NetworkStore::Create(const Define& define) const {
  FileLock lock = TRY(LockNetworks(store_));
  NetworkRecord record = TRY(define(TRY(List())));
  record.id = RandomHex(32);
  TRY(ReplaceFileAt(store_.root(), PathOf(record.name), Serialize(record), 0600, store_.durability()));
  return record;
}

// As old as the store.
Result<NetworkRecord> NetworkStore::Default() const {
  NetworkRecord record = DefaultNetwork();
  struct stat st;
  if (fstatat(store_.root(), "format", &st, AT_SYMLINK_NOFOLLOW) < 0)
    return FailErrno("read the store's format");
  record.created_ns = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
  return record;
}

Result<std::vector<NetworkRecord>> NetworkStore::List() const {
  std::vector<NetworkRecord> all{TRY(Default())};
  auto names = ListDirectory(store_.root(), "networks");
  if (!names && names.error().os_errno == ENOENT) return all;
  if (!names) return std::unexpected(std::move(names.error()));
  for (const std::string& file : *names) {
    if (!file.ends_with(kSuffix) || !CheckNetworkName(file.substr(0, file.size() - kSuffix.size()))) continue;
    const std::string name = file.substr(0, file.size() - kSuffix.size()), path = PathOf(name);
    auto text = ReadFileAt(store_.root(), path, kMaxRecordBytes);
    auto record = text ? Parse(*text, path) : std::unexpected(text.error());
    if (record && record->name == name) all.push_back(std::move(*record));
  }
  std::ranges::sort(all, {}, &NetworkRecord::name);
  return all;
}

Result<NetworkRecord> NetworkStore::Get(std::string_view typed) const {
  std::vector<NetworkRecord> all = TRY(List());
  auto named = std::ranges::find(all, typed, &NetworkRecord::name);
  if (named != all.end()) return std::move(*named);
  std::erase_if(all, [&](const NetworkRecord& r) { return !r.id.starts_with(typed); });
  if (all.empty() || typed.size() < kLeastIdPrefix) return NoSuchNetwork(typed);
  if (all.size() > 1)
    return Fail(Code::kInvalid, "more than one result for network ID " + std::string(typed));
  return std::move(all[0]);
}

Result<std::vector<std::string>> NetworkStore::Users(const std::string& name) const {
  std::vector<std::string> users;
  for (const std::string& id : TRY(ListDirectory(store_.root(), "containers"))) {
    auto record = ReadContainer(store_, "containers/" + id);
    if (record && Names(*record, name)) users.push_back(record->id);
  }
  std::ranges::sort(users);
  return users;
}

Result<> NetworkStore::Remove(const std::string& name) const {
  if (name == kDefaultNetwork) return Fail(Code::kInvalid, "default network " + name + " cannot be removed");
  FileLock lock = TRY(LockNetworks(store_));
  const std::vector<std::string> users = TRY(Users(name));
  if (!users.empty())
    return Fail(Code::kBusy,
                "\"" + name +
                    "\" has associated containers with it. Use -f to forcibly delete containers and pods: "
                    "network is being used");
  if (unlinkat(store_.root(), PathOf(name).c_str(), 0) == 0) return {};
  return errno == ENOENT ? Result<>(NoSuchNetwork(name)) : Result<>(FailErrno("remove network " + name));
}

}  // namespace wolffia
