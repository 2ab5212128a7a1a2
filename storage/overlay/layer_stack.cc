#include "storage/overlay/layer_stack.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "engine/base/result.h"
#include "storage/overlay/upper_object.h"

namespace wolffia {
namespace {

// Redirects lead to lower layers only, so that they end; but each one is a call of its own.
constexpr int kMaxRedirects = 40;
constexpr std::string_view kWhiteoutPrefix = ".wh.";
constexpr char kOpaqueFile[] = ".wh..wh..opq";
constexpr const char* kOpaqueNames[] = {kOpaqueXattr, "trusted.overlay.opaque", "user.fuseoverlayfs.opaque"};
constexpr const char* kRedirectNames[] = {kRedirectXattr, "trusted.overlay.redirect"};

Sys<Fd> OpenDirectoryAt(int dirfd, const char* name) {
  Fd fd(openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return SysFail();
  return fd;
}

bool Exists(int dirfd, const std::string& name) {
  return faccessat(dirfd, name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name != "." && name != ".." && name.find('/') == name.npos &&
         name.find('\0') == name.npos;
}

struct CloseDir {
  void operator()(DIR* d) const { closedir(d); }
};

}  // namespace

struct LayerStack::RawName {
  size_t text;  // offset
  uint32_t part;
  bool whiteout;
  unsigned char type;
};

LayerStack::LayerStack(std::vector<Fd> layers, bool override_ids, size_t descriptors)
    : layers_(std::move(layers)),
      override_ids_(override_ids),
      xattrs_(MakeFileXattrStore({})),
      open_(descriptors) {
  for (size_t i = 0; i < layers_.size(); ++i)
    parts_.push_back({.layer = i, .parent = static_cast<PartId>(i), .name = ""});
}

LayerStack::Part LayerStack::Get(PartId part) {
  std::lock_guard lock(lock_);
  return parts_[part];
}

PartId LayerStack::Child(PartId parent, const char* name) {
  std::lock_guard lock(lock_);
  auto [at, added] = children_.try_emplace({parent, name}, static_cast<PartId>(parts_.size()));
  if (added)
    parts_.push_back({.layer = parts_[parent].layer, .parent = parent, .name = at->first.second.c_str()});
  return at->second;
}

Sys<SharedFd> LayerStack::Open(PartId part) {
  std::vector<PartId> path;  // from `part` up to the first that is open
  SharedFd fd = open_.Get(part);
  for (PartId at = part; fd == nullptr; fd = open_.Get(at)) {
    Part described = Get(at);
    if (described.parent == at) {
      Fd copy(fcntl(layers_[described.layer].get(), F_DUPFD_CLOEXEC, 3));
      if (!copy) return SysFail();
      fd = open_.Put(at, std::move(copy));
      break;
    }
    path.push_back(at);
    at = described.parent;
  }
  for (auto at = path.rbegin(); at != path.rend(); ++at) {
    Fd next = TRY(OpenDirectoryAt(fd->get(), Get(*at).name));
    fd = open_.Put(*at, std::move(next));
  }
  return fd;
}

// The directory `name` of `parent`; null if there is no such name; ENOTDIR if it is something else.
Sys<SharedFd> LayerStack::OpenChild(PartId parent, const char* name, PartId* child) {
  SharedFd directory = TRY(Open(parent));
  auto fd = OpenDirectoryAt(directory->get(), name);
  if (!fd && fd.error() == ENOENT) return SharedFd();
  if (!fd) return SysFail(fd.error() == ELOOP ? ENOTDIR : fd.error());
  *child = Child(parent, name);
  return open_.Put(*child, *std::move(fd));
}

Sys<LayerStack::Steering> LayerStack::SteeringOf(int fd) {
  Steering steering{.opaque = Exists(fd, kOpaqueFile)};
  auto names = xattrs_->List({.fd = fd});
  if (!names && names.error() == EOPNOTSUPP) return steering;
  if (!names) return SysFail(names.error());
  auto value = [&](const char* name) -> Sys<std::string> {
    if (std::ranges::find(*names, name) == names->end()) return std::string();
    auto got = xattrs_->Get({.fd = fd}, name);
    if (!got && got.error() == ENODATA) return std::string();
    return got;
  };
  for (const char* name : kOpaqueNames)
    if (!steering.opaque) steering.opaque = TRY(value(name)) == "y";
  for (const char* name : kRedirectNames)
    if (steering.redirect.empty()) steering.redirect = TRY(value(name));
  return steering;
}

Sys<std::vector<PartId>> LayerStack::Roots(size_t first_layer) {
  std::vector<PartId> parts;
  for (size_t i = first_layer; i < layers_.size(); ++i) {
    parts.push_back(static_cast<PartId>(i));
    Steering steering = TRY(SteeringOf(TRY(Open(parts.back()))->get()));
    if (steering.opaque) break;
  }
  return parts;
}

Sys<std::vector<PartId>> LayerStack::RootParts() {
  return Roots(0);
}

Sys<std::vector<PartId>> LayerStack::ChildParts(const std::vector<PartId>& parts, size_t first,
                                                const char* name) {
  return Merge(parts, first, name, 0);
}

Sys<std::vector<PartId>> LayerStack::Merge(const std::vector<PartId>& parents, size_t first, std::string name,
                                           int depth) {
  if (depth > kMaxRedirects) return SysFail(ELOOP);
  std::vector<PartId> parts;
  for (size_t i = first; i < parents.size(); ++i) {
    PartId child = 0;
    auto fd = OpenChild(parents[i], name.c_str(), &child);
    if (!fd && fd.error() == ENOTDIR) break;  // a file, or a whiteout: it ends what is seen
    if (!fd) return SysFail(fd.error());
    bool hidden = Exists(TRY(Open(parents[i]))->get(), std::string(kWhiteoutPrefix) + name);
    if (*fd != nullptr) {
      parts.push_back(child);
      Steering steering = TRY(SteeringOf((*fd)->get()));
      if (steering.opaque) break;
      if (steering.redirect.starts_with('/')) {
        auto rest = TRY(Resolve(steering.redirect, Get(child).layer + 1, depth + 1));
        parts.insert(parts.end(), rest.begin(), rest.end());
        break;
      }
      if (!steering.redirect.empty()) {
        if (!IsName(steering.redirect)) return SysFail(EIO);
        name = steering.redirect;
      }
    }
    if (hidden) break;
  }
  return parts;
}

// A path in the merge of the layers from `first_layer` on; nothing if it is no directory there.
Sys<std::vector<PartId>> LayerStack::Resolve(std::string_view path, size_t first_layer, int depth) {
  std::vector<PartId> parts = TRY(Roots(first_layer));
  while (!path.empty() && !parts.empty()) {
    size_t slash = std::min(path.find('/'), path.size());
    std::string_view name = path.substr(0, slash);
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (name.empty()) continue;
    if (!IsName(name)) return SysFail(EIO);
    parts = TRY(Merge(parts, 0, std::string(name), depth));
  }
  return parts;
}

// Also finds the type where the file system does not say it in the listing.
bool LayerStack::IsWhiteout(int dirfd, const char* name, unsigned char* type) {
  bool may_say_so = override_ids_ && *type == DT_REG;
  if (*type != DT_UNKNOWN && *type != DT_CHR && !may_say_so) return false;
  struct stat st{};
  if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT;
  *type = static_cast<unsigned char>(IFTODT(st.st_mode));
  if (S_ISCHR(st.st_mode)) return st.st_rdev == 0;
  if (!override_ids_ || !S_ISREG(st.st_mode) || st.st_size != 0) return false;
  auto text = xattrs_->Get({.dirfd = dirfd, .name = name, .host_ino = st.st_ino}, kOverrideXattr);
  if (!text) return false;
  auto said = ParseOverride(*text);
  return said && S_ISCHR(said->mode) && said->rdev == 0;
}

Sys<> LayerStack::ReadPart(PartId part, uint32_t index, std::vector<char>* text,
                           std::vector<RawName>* names) {
  Fd fd = TRY(OpenDirectoryAt(TRY(Open(part))->get(), "."));
  std::unique_ptr<DIR, CloseDir> dir(fdopendir(fd.get()));
  if (dir == nullptr) return SysFail();
  int dirfd = fd.Release();  // the DIR owns it
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(dir.get());
    if (entry == nullptr && errno != 0) return SysFail();
    if (entry == nullptr) return {};
    std::string_view name = entry->d_name;
    bool hides = name.starts_with(kWhiteoutPrefix);
    if (hides) name.remove_prefix(kWhiteoutPrefix.size());
    // Other engines' notes to themselves: ".wh..wh.*".
    if (!IsName(name) || (hides && name.starts_with(kWhiteoutPrefix))) continue;
    RawName raw{.text = text->size(), .part = index, .whiteout = hides, .type = entry->d_type};
    if (!hides) raw.whiteout = IsWhiteout(dirfd, entry->d_name, &raw.type);
    text->insert(text->end(), name.begin(), name.end());
    text->push_back('\0');
    names->push_back(raw);
  }
}

Sys<MergedNames> LayerStack::ReadNames(const std::vector<PartId>& parts) {
  MergedNames merged;
  std::vector<RawName> raw;
  for (uint32_t i = 0; i < parts.size(); ++i) TRY(ReadPart(parts[i], i, &merged.text, &raw));
  merged.text.shrink_to_fit();
  auto text = [&](const RawName& name) { return &merged.text[name.text]; };
  // The same name: the topmost first; beside a `.wh.NAME` of its own layer what is there is seen.
  std::ranges::sort(raw, [&](const RawName& a, const RawName& b) {
    if (int order = strcmp(text(a), text(b)); order != 0) return order < 0;
    return a.part != b.part ? a.part < b.part : a.whiteout < b.whiteout;
  });
  const char* last = nullptr;
  for (const RawName& name : raw) {
    if (last != nullptr && strcmp(last, text(name)) == 0) continue;
    last = text(name);
    if (name.whiteout) continue;
    if (name.type == DT_DIR) ++merged.subdirectories;
    merged.names.push_back(
        {.name = last, .part = name.part, .size = static_cast<uint8_t>(strlen(last)), .type = name.type});
  }
  merged.names.shrink_to_fit();
  return merged;
}

}  // namespace wolffia
