#include "storage/overlay/upper_intent.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <climits>
#include <cstdio>
#include <vector>

#include "storage/overlay/record_checksum.h"

namespace wolffia {
namespace {

constexpr char kIntentName[] = "intent";
constexpr size_t kLongestIntent = 64 << 10;

void AppendEscaped(std::string* out, std::string_view bytes) {
  for (char c : bytes) {
    bool bare = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
                c == '.' || c == '_' || c == '-';
    char escaped[4];
    snprintf(escaped, sizeof escaped, "%%%02X", static_cast<unsigned char>(c));
    if (bare)
      out->push_back(c);
    else
      out->append(escaped);
  }
}

std::optional<std::string> Unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); i++) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    unsigned byte = 0;
    if (text.size() - i < 3) return std::nullopt;
    auto [at, error] = std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16);
    if (error != std::errc() || at != text.data() + i + 3) return std::nullopt;
    out.push_back(static_cast<char>(byte));
    i += 2;
  }
  return out;
}

template <typename T>
bool Number(std::string_view text, T* out, int base = 10) {
  auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), *out, base);
  return error == std::errc() && at == text.data() + text.size();
}

std::vector<std::string_view> Words(std::string_view line) {
  std::vector<std::string_view> words;
  for (;;) {
    size_t end = line.find(' ');
    words.push_back(line.substr(0, end));
    if (end == std::string_view::npos) return words;
    line.remove_prefix(end + 1);
  }
}

Sys<std::string> PathOfFd(int fd) {
  char link[32];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  std::string path(PATH_MAX, '\0');
  ssize_t n = readlink(link, path.data(), path.size());
  if (n < 0) return SysFail(errno == ENOENT ? ENOSYS : errno);
  path.resize(static_cast<size_t>(n));
  return path;
}

}  // namespace

std::string FormatIntent(const Intent& intent) {
  std::string words = intent.kind == Intent::Kind::kMove ? "move " : "link ";
  words += std::to_string(intent.ino);
  for (const Intent::Place* place : {&intent.from, &intent.to}) {
    words += ' ';
    AppendEscaped(&words, place->directory);
    words += ' ';
    AppendEscaped(&words, place->name);
  }
  words += ' ' + std::to_string(intent.leave_whiteout) + ' ' + std::to_string(intent.covered);
  char checksum[20];
  snprintf(checksum, sizeof checksum, "%016llx ", static_cast<unsigned long long>(RecordChecksum(words)));
  return checksum + words + "\n";
}

std::optional<Intent> ParseIntent(std::string_view line) {
  if (size_t end = line.find('\n'); end != std::string_view::npos)
    line = line.substr(0, end);
  else
    return std::nullopt;
  if (line.size() < 17 || line[16] != ' ') return std::nullopt;
  uint64_t checksum = 0;
  if (!Number(line.substr(0, 16), &checksum, 16) || checksum != RecordChecksum(line.substr(17)))
    return std::nullopt;
  auto words = Words(line.substr(17));
  if (words.size() != 8 || (words[0] != "move" && words[0] != "link")) return std::nullopt;
  Intent intent;
  intent.kind = words[0] == "move" ? Intent::Kind::kMove : Intent::Kind::kLink;
  if (!Number(words[1], &intent.ino) || !Number(words[6], &intent.leave_whiteout) ||
      !Number(words[7], &intent.covered))
    return std::nullopt;
  std::string* fields[] = {&intent.from.directory, &intent.from.name, &intent.to.directory, &intent.to.name};
  for (size_t i = 0; i < 4; i++) {
    auto field = Unescape(words[2 + i]);
    if (!field || field->empty()) return std::nullopt;
    *fields[i] = std::move(*field);
  }
  return intent;
}

Sys<std::string> IntentFile::PlaceOf(int dirfd) const {
  std::string path = TRY(PathOfFd(dirfd));
  for (int base : {rootfd_, workfd_}) {
    std::string top = TRY(PathOfFd(base));
    if (path != top && !path.starts_with(top + "/")) continue;
    return (base == rootfd_ ? "u" : "w") + path.substr(top.size());
  }
  return SysFail(ESTALE);
}

Sys<Fd> IntentFile::OpenPlace(const std::string& directory) const {
  if (directory.empty() || (directory[0] != 'u' && directory[0] != 'w')) return SysFail(EINVAL);
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  Fd here(openat(directory[0] == 'u' ? rootfd_ : workfd_, ".", kFlags));
  for (size_t at = 1; here && at < directory.size();) {
    size_t end = directory.find('/', at + 1);
    std::string name = directory.substr(at + 1, end == std::string::npos ? end : end - at - 1);
    if (name.empty() || name == "..") return SysFail(EINVAL);
    here = Fd(openat(here.get(), name.c_str(), kFlags));
    at = end == std::string::npos ? directory.size() : end;
  }
  if (!here) return SysFail();
  return here;
}

Sys<> IntentFile::OpenFile() {
  if (fd_) return {};
  if (step_) step_();
  fd_ = Fd(openat(workfd_, kIntentName, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd_) return SysFail();
  return {};
}

Sys<std::optional<Intent>> IntentFile::Read() {
  Fd fd(openat(workfd_, kIntentName, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT) return std::optional<Intent>();
    return SysFail();
  }
  std::string line(kLongestIntent, '\0');
  auto n = ReadFull(fd.get(), line.data(), line.size());
  if (!n) return SysFail(n.error().os_errno);
  return ParseIntent(std::string_view(line).substr(0, *n));
}

// In place, in one write: a torn line has a wrong checksum, and means that nothing has been done yet.
Sys<> IntentFile::Write(const Intent& intent, bool sync) {
  TRY(OpenFile());
  std::string line = FormatIntent(intent);
  if (line.size() > kLongestIntent) return SysFail(ENAMETOOLONG);
  if (step_) step_();
  ssize_t n = pwrite(fd_.get(), line.data(), line.size(), 0);
  if (n != static_cast<ssize_t>(line.size())) {
    int error = n < 0 ? errno : ENOSPC;
    (void)!ftruncate(fd_.get(), 0);
    return SysFail(error);
  }
  if (sync && fdatasync(fd_.get()) < 0) return SysFail();
  return {};
}

Sys<> IntentFile::Clear() {
  TRY(OpenFile());
  if (step_) step_();
  if (ftruncate(fd_.get(), 0) < 0) return SysFail();
  return {};
}

}  // namespace wolffia
