#include "storage/overlay/acl.h"

#include <linux/limits.h>
#include <sys/stat.h>

namespace wolffia {
namespace {

constexpr uint32_t kVersion = 2;
constexpr size_t kHeader = 4, kEntry = 8;

uint32_t LoadLittle(const char* at, size_t bytes) {
  uint32_t value = 0;
  for (size_t i = bytes; i-- > 0;) value = value << 8 | static_cast<unsigned char>(at[i]);
  return value;
}

void StoreLittle(std::string* out, uint32_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) *out += static_cast<char>(value >> (8 * i) & 0xff);
}

// The order and the completeness that posix_acl_valid asks for.
bool IsValid(const Acl& acl) {
  enum class Expect { kOwner, kUsers, kGroups, kOther, kNothing } expect = Expect::kOwner;
  bool needs_mask = false;
  for (const AclEntry& entry : acl) {
    if (entry.permissions > 7) return false;
    switch (entry.tag) {
      case AclTag::kOwner:
        if (expect != Expect::kOwner) return false;
        expect = Expect::kUsers;
        break;
      case AclTag::kUser:
        if (expect != Expect::kUsers || entry.id == 0xffffffff) return false;
        needs_mask = true;
        break;
      case AclTag::kOwningGroup:
        if (expect != Expect::kUsers) return false;
        expect = Expect::kGroups;
        break;
      case AclTag::kGroup:
        if (expect != Expect::kGroups || entry.id == 0xffffffff) return false;
        needs_mask = true;
        break;
      case AclTag::kMask:
        if (expect != Expect::kGroups) return false;
        expect = Expect::kOther;
        break;
      case AclTag::kOther:
        if (expect != Expect::kOther && (expect != Expect::kGroups || needs_mask)) return false;
        expect = Expect::kNothing;
        break;
      default:
        return false;
    }
  }
  return expect == Expect::kNothing;
}

// The entry that the mode's group bits stand for. Of a valid list.
size_t GroupClass(const Acl& acl) {
  size_t group = 0;
  for (size_t i = 0; i < acl.size(); ++i) {
    if (acl[i].tag == AclTag::kMask) return i;
    if (acl[i].tag == AclTag::kOwningGroup) group = i;
  }
  return group;
}

// For each of the three classes: the entry and the shift of its permissions in a mode.
struct Class {
  size_t entry;
  unsigned shift;
};
std::vector<Class> Classes(const Acl& acl) {
  if (acl.empty()) return {};
  return {{0, 6}, {GroupClass(acl), 3}, {acl.size() - 1, 0}};
}

}  // namespace

Sys<Acl> ParseAcl(std::string_view value) {
  if (value.size() < kHeader || value.size() > XATTR_SIZE_MAX) return SysFail(EINVAL);
  if (LoadLittle(value.data(), 4) != kVersion) return SysFail(EOPNOTSUPP);
  if ((value.size() - kHeader) % kEntry != 0) return SysFail(EINVAL);
  Acl acl;
  acl.reserve((value.size() - kHeader) / kEntry);
  for (size_t at = kHeader; at < value.size(); at += kEntry)
    acl.push_back({.tag = static_cast<AclTag>(LoadLittle(value.data() + at, 2)),
                   .permissions = static_cast<uint16_t>(LoadLittle(value.data() + at + 2, 2)),
                   .id = LoadLittle(value.data() + at + 4, 4)});
  if (!acl.empty() && !IsValid(acl)) return SysFail(EINVAL);
  return acl;
}

std::string FormatAcl(const Acl& acl) {
  std::string value;
  value.reserve(kHeader + acl.size() * kEntry);
  StoreLittle(&value, kVersion, 4);
  for (const AclEntry& entry : acl) {
    StoreLittle(&value, static_cast<uint32_t>(entry.tag), 2);
    StoreLittle(&value, entry.permissions, 2);
    // Only users and groups have an id; the kernel writes -1 elsewhere, whatever was set.
    bool named = entry.tag == AclTag::kUser || entry.tag == AclTag::kGroup;
    StoreLittle(&value, named ? entry.id : 0xffffffff, 4);
  }
  return value;
}

mode_t ModeOfAcl(const Acl& acl, mode_t mode) {
  for (const Class& c : Classes(acl))
    mode = (mode & ~(7u << c.shift)) | static_cast<mode_t>(acl[c.entry].permissions) << c.shift;
  return mode;
}

bool IsOnlyMode(const Acl& acl) {
  return acl.size() <=
         3;  // a valid list has the three classes, and whatever more it has needs a mask or is one
}

void ChangeAclMode(Acl* acl, mode_t mode) {
  for (const Class& c : Classes(*acl))
    (*acl)[c.entry].permissions = static_cast<uint16_t>(mode >> c.shift & 7);
}

InheritedAcl InheritAcl(std::string_view parent_default, mode_t mode, bool is_directory, mode_t umask) {
  if (S_ISLNK(mode)) return {.mode = mode, .access = {}, .default_acl = {}};
  auto acl = ParseAcl(parent_default);
  if (!acl || acl->empty()) return {.mode = mode & ~(umask & 0777), .access = {}, .default_acl = {}};
  InheritedAcl inherited;
  if (is_directory) inherited.default_acl = FormatAcl(*acl);
  inherited.mode = mode & ModeOfAcl(*acl, mode | 0777);
  ChangeAclMode(&*acl, inherited.mode);
  if (!IsOnlyMode(*acl)) inherited.access = FormatAcl(*acl);
  return inherited;
}

}  // namespace wolffia
