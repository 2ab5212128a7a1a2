#include "storage/overlay/upper_object.h"

#include <sys/sysmacros.h>

#include <charconv>
#include <cstdio>

namespace wolffia {
namespace {

// The number at the start of `text` that ends at `end` or, with `end` 0, at the end of the text; takes both
// away.
std::optional<uint32_t> TakeNumber(std::string_view* text, int base, char end) {
  uint32_t value = 0;
  const char* last = text->data() + text->size();
  auto [at, error] = std::from_chars(text->data(), last, value, base);
  if (error != std::errc()) return std::nullopt;
  if (end == 0 ? at != last : (at == last || *at != end)) return std::nullopt;
  text->remove_prefix(static_cast<size_t>(at - text->data()) + (end == 0 ? 0 : 1));
  return value;
}

struct TypeName {
  std::string_view name;
  mode_t type;
};
constexpr TypeName kTypes[] = {
    {"file", S_IFREG}, {"dir", S_IFDIR}, {"symlink", S_IFLNK}, {"pipe", S_IFIFO}, {"socket", S_IFSOCK}};

bool ParseType(std::string_view text, Ownership* ownership) {
  for (const TypeName& t : kTypes)
    if (text == t.name) {
      ownership->mode |= t.type;
      return true;
    }
  bool block = text.starts_with("block-");
  if (!block && !text.starts_with("char-")) return false;
  text.remove_prefix(block ? 6 : 5);
  auto major = TakeNumber(&text, 10, '-');
  if (!major) return false;
  auto minor = TakeNumber(&text, 10, 0);
  if (!minor) return false;
  ownership->mode |= block ? S_IFBLK : S_IFCHR;
  ownership->rdev = makedev(*major, *minor);
  return true;
}

}  // namespace

std::string FormatOverride(const Ownership& ownership) {
  char head[48];
  snprintf(head, sizeof head, "%u:%u:%04o:", ownership.uid, ownership.gid, ownership.mode & 07777);
  std::string text = head;
  mode_t type = ownership.mode & S_IFMT;
  for (const TypeName& t : kTypes)
    if (type == t.type) return text.append(t.name);
  text += type == S_IFBLK ? "block-" : "char-";
  return text + std::to_string(major(ownership.rdev)) + "-" + std::to_string(minor(ownership.rdev));
}

std::optional<Ownership> ParseOverride(std::string_view text) {
  auto uid = TakeNumber(&text, 10, ':');
  if (!uid) return std::nullopt;
  auto gid = TakeNumber(&text, 10, ':');
  if (!gid) return std::nullopt;
  bool typed = text.find(':') != std::string_view::npos;
  auto mode = TakeNumber(&text, 8, typed ? ':' : '\0');
  if (!mode || *mode > 07777) return std::nullopt;
  Ownership ownership{.mode = *mode, .uid = *uid, .gid = *gid};
  if (typed && !ParseType(text, &ownership)) return std::nullopt;
  return ownership;
}

bool IsPlain(const Ownership& ownership) {
  if (ownership.uid != 0 || ownership.gid != 0 || (ownership.mode & 07000) != 0) return false;
  switch (ownership.mode & S_IFMT) {
    case S_IFREG:
      return (ownership.mode & 0600) == 0600;
    case S_IFDIR:
      return (ownership.mode & 0700) == 0700;
    case S_IFLNK:
      return true;
    default:
      return false;
  }
}

mode_t HostMode(const Ownership& ownership) {
  if (IsPlain(ownership)) return ownership.mode;
  return S_ISDIR(ownership.mode) ? S_IFDIR | 0700 : S_IFREG | 0600;
}

}  // namespace wolffia
