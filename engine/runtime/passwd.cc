#include "engine/runtime/passwd.h"

#include <algorithm>

#include "engine/runtime/text_fields.h"

namespace wolffia {
namespace {

constexpr uint32_t kMaxId = 0x7fffffff;  // as the peers: larger ones are negative to old programs

// An image may list one user in a million groups; the kernel takes 65,536 (NGROUPS_MAX).
constexpr size_t kMaxGroups = 65536;

Result<uint32_t> IdInRange(uint32_t id, std::string_view text) {
  if (id > kMaxId)
    return Fail(Code::kInvalid, "uids and gids must be in range 0-2147483647: \"" + std::string(text) + "\"");
  return id;
}

bool AllDigits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// A number of a user or group that needs no entry; kInvalid if it is too large.
Result<uint32_t> NumberOf(std::string_view text) {
  std::optional<uint32_t> number = ParseDecimal<uint32_t>(text);
  return IdInRange(number.value_or(UINT32_MAX), text);
}

Result<> TakeUser(std::string_view wanted, const std::vector<PasswdEntry>& entries, ContainerUser& user,
                  std::string& name) {
  std::optional<uint32_t> number = wanted.empty() ? 0 : ParseDecimal<uint32_t>(wanted);
  auto entry =
      std::find_if(entries.begin(), entries.end(), [&](const PasswdEntry& e) { return e.name == wanted; });
  if (entry == entries.end() && number)
    entry =
        std::find_if(entries.begin(), entries.end(), [&](const PasswdEntry& e) { return e.uid == *number; });
  if (entry != entries.end()) {
    user.uid = TRY(IdInRange(entry->uid, wanted));
    user.gid = TRY(IdInRange(entry->gid, wanted));
    if (!entry->home.empty()) user.home = entry->home;
    user.in_passwd = true;
    name = entry->name;
    return {};
  }
  if (!wanted.empty() && !AllDigits(wanted))
    return Fail(Code::kInvalid,
                "unable to find user " + std::string(wanted) + ": no matching entries in passwd file");
  user.uid = wanted.empty() ? 0 : TRY(NumberOf(wanted));
  return {};
}

Result<uint32_t> GroupOf(std::string_view wanted, const std::vector<GroupEntry>& entries) {
  auto entry =
      std::find_if(entries.begin(), entries.end(), [&](const GroupEntry& e) { return e.name == wanted; });
  if (entry != entries.end()) return IdInRange(entry->gid, wanted);
  if (!AllDigits(wanted))
    return Fail(Code::kInvalid,
                "unable to find group " + std::string(wanted) + ": no matching entries in group file");
  return NumberOf(wanted);
}

std::vector<uint32_t> GroupsOf(const std::string& name, uint32_t primary,
                               const std::vector<GroupEntry>& entries) {
  std::vector<uint32_t> gids;
  for (const GroupEntry& e : entries)
    if (e.gid != primary && e.gid <= kMaxId &&
        std::find(e.members.begin(), e.members.end(), name) != e.members.end())
      gids.push_back(e.gid);
  std::sort(gids.begin(), gids.end());
  gids.erase(std::unique(gids.begin(), gids.end()), gids.end());
  if (gids.size() > kMaxGroups) gids.resize(kMaxGroups);
  return gids;
}

}  // namespace

std::vector<PasswdEntry> ParsePasswd(std::string_view text) {
  std::vector<PasswdEntry> entries;
  for (std::string_view line; NextLine(text, line);) {
    std::vector<std::string_view> f = SplitFields(line, ':');
    if (f.size() < 4 || f[0].empty() || line.find('\0') != std::string_view::npos) continue;
    auto uid = ParseDecimal<uint32_t>(f[2]), gid = ParseDecimal<uint32_t>(f[3]);
    if (!uid || !gid) continue;
    auto field = [&](size_t i) { return i < f.size() ? std::string(f[i]) : std::string(); };
    entries.push_back(
        {.name = std::string(f[0]), .home = field(5), .shell = field(6), .uid = *uid, .gid = *gid});
  }
  return entries;
}

std::vector<GroupEntry> ParseGroup(std::string_view text) {
  std::vector<GroupEntry> entries;
  for (std::string_view line; NextLine(text, line);) {
    std::vector<std::string_view> f = SplitFields(line, ':');
    if (f.size() < 3 || f[0].empty()) continue;
    auto gid = ParseDecimal<uint32_t>(f[2]);
    if (!gid) continue;
    GroupEntry entry{.name = std::string(f[0]), .gid = *gid};
    if (f.size() > 3)
      for (std::string_view member : SplitFields(f[3], ','))
        if (!member.empty()) entry.members.emplace_back(member);
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<ContainerUser> LookupUser(std::string_view wanted, std::string_view passwd, std::string_view group) {
  std::vector<std::string_view> parts = SplitFields(wanted, ':', 2);
  ContainerUser user;
  std::string name;  // in passwd; empty without an entry
  TRY(TakeUser(parts[0], ParsePasswd(passwd), user, name));
  std::vector<GroupEntry> groups = ParseGroup(group);
  if (parts.size() == 2 && !parts[1].empty())
    user.gid = TRY(GroupOf(parts[1], groups));
  else if (!name.empty())
    user.additional_gids = GroupsOf(name, user.gid, groups);
  user.gid_in_group =
      std::any_of(groups.begin(), groups.end(), [&](const GroupEntry& e) { return e.gid == user.gid; });
  return user;
}

Result<uint32_t> LookupGroup(std::string_view wanted, std::string_view group) {
  return GroupOf(wanted, ParseGroup(group));
}

}  // namespace wolffia
