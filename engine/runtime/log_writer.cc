#include "engine/runtime/log_writer.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "engine/runtime/control_protocol.h"
#include "engine/runtime/log_format.h"

namespace wolffia {
namespace {

constexpr mode_t kMode = 0600;

// A path of the user's own choice may be anything: O_NONBLOCK, so that a FIFO doesn't stop us.
constexpr int kFlags = O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY;

iovec Part(std::string_view bytes) {
  return {const_cast<char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::string LogPath(const LogConfig& config, const std::string& container_dir) {
  if (config.driver == "none") return "";
  return config.path.empty() ? container_dir + "/ctr.log" : config.path;
}

std::string RotatedLogPath(const std::string& path, int age) {
  return age == 0 ? path : path + "." + std::to_string(age);
}

Result<LogWriter> LogWriter::Open(const LogConfig& config, const std::string& container_dir) {
  LogWriter log;
  log.config_ = config;
  log.path_ = LogPath(config, container_dir);
  log.buffer_ = std::make_unique<PageBuffer<kBuffer>>();
  if (!log.path_.empty()) TRY_WITH(log.OpenFile(), "the container's log");
  return log;
}

Result<> LogWriter::OpenFile() {
  file_ = TRY(wolffia::Open(path_, kFlags, kMode));
  struct stat info;
  if (fstat(file_.get(), &info) < 0) return FailErrno("stat " + path_);
  if (!S_ISREG(info.st_mode)) return Fail(Code::kInvalid, path_ + " is not a file");
  size_ = static_cast<uint64_t>(info.st_size);
  struct statfs system;
  reserves_ = fstatfs(file_.get(), &system) == 0 && system.f_type == EXT4_SUPER_MAGIC;
  rotate_at_ = config_.max_size == 0 ? UINT64_MAX : config_.max_size;
  char last = '\n';
  if (size_ > 0 && pread(file_.get(), &last, 1, info.st_size - 1) == 1 && last != '\n' &&
      write(file_.get(), "\n", 1) == 1)
    size_++;
  return {};
}

void LogWriter::Write(int stream, std::string_view bytes, int64_t now_ns) {
  if (!file_) return;
  if (reserves_ && bytes.size() > kBurst) ReserveAhead();
  LogHeader header(stream, now_ns);
  std::string& held = held_[stream == kStderr];
  for (;;) {
    if (held.empty()) bytes.remove_prefix(CopyLines(header, bytes));
    if (bytes.empty()) break;
    const void* feed = memchr(bytes.data(), '\n', bytes.size());
    size_t length =
        feed == nullptr ? bytes.size() : static_cast<size_t>(static_cast<const char*>(feed) - bytes.data());
    if (feed == nullptr && held.size() + length <= kHold) {
      held.append(bytes);
      break;
    }
    bool cut = length > kMaxLogText - kHold;
    if (cut) length = kMaxLogText - kHold;
    Record(header, held, bytes.substr(0, length), cut || feed == nullptr);
    held.clear();
    bytes.remove_prefix(cut || feed == nullptr ? length : length + 1);
  }
  WriteBuffer();
}

// The fast path of plain output: whole lines, as long as they fit the buffer and need no escapes. Returns the
// bytes that it took.
size_t LogWriter::CopyLines(LogHeader& header, std::string_view bytes) {
  char* const buffer = buffer_->data();
  if (buffer == nullptr) return 0;
  const bool json = this->json();
  const std::string_view before = json ? LogHeader::kJsonBefore : header.K8s(false);
  const std::string_view after = json ? header.json_after() : "\n";
  // Before the limit of either the buffer or the file is reached, the slow path does what is to be done.
  const size_t limit = size_ + kBuffer < rotate_at_ ? kBuffer : 0;
  size_t used = used_, taken = 0;
  while (taken < bytes.size()) {
    const char* line = bytes.data() + taken;
    const void* feed = memchr(line, '\n', bytes.size() - taken);
    if (feed == nullptr) break;
    size_t length = static_cast<size_t>(static_cast<const char*>(feed) - line);
    if (used + before.size() + length + after.size() > limit) break;
    if (json && !IsPlainJson({line, length})) break;
    memcpy(buffer + used, before.data(), before.size());
    used += before.size();
    memcpy(buffer + used, line,
           length + 1);  // with its line feed, which is all that follows in the other format
    used += length;
    if (json) memcpy(buffer + used, after.data(), after.size());
    used += after.size();
    text_ += length;
    taken += length + 1;
  }
  used_ = used;
  return taken;
}

void LogWriter::Flush(int64_t now_ns) {
  for (int stream : {kStdout, kStderr}) {
    std::string& held = held_[stream == kStderr];
    if (held.empty()) continue;
    LogHeader header(stream, now_ns);
    Record(header, held, {}, true);
    held.clear();
  }
  WriteBuffer();
}

void LogWriter::Release() {
  buffer_->Release();
  GiveBackReserve();
  json_ = {};
  for (std::string& held : held_) held.shrink_to_fit();
}

void LogWriter::Record(LogHeader& header, std::string_view head, std::string_view tail, bool partial) {
  size_t text = head.size() + tail.size();
  if (!json()) {
    Append({Part(header.K8s(partial)), Part(head), Part(tail), Part("\n")}, text);
  } else {
    json_.clear();
    if (head.empty())
      header.AppendJson(tail, partial, json_);
    else
      header.AppendJson(std::string(head).append(tail), partial, json_);
    Append({Part(json_)}, text);
  }
  if (size_ + used_ >= rotate_at_) Rotate();
}

// Short records are collected: copying them costs less than a vector of many small parts costs the kernel.
void LogWriter::Append(std::array<iovec, 4> parts, size_t text) {
  size_t total = 0;
  for (const iovec& part : parts) total += part.iov_len;
  if (total > kBuffer - used_) WriteBuffer();
  char* buffer = buffer_->data();
  if (total > kBuffer || buffer == nullptr) return WriteParts(parts, text);
  for (const iovec& part : parts) {
    if (part.iov_len == 0) continue;
    memcpy(buffer + used_, part.iov_base, part.iov_len);
    used_ += part.iov_len;
  }
  text_ += text;
}

void LogWriter::WriteBuffer() {
  if (used_ == 0) return;
  WriteParts({iovec{buffer_->data(), used_}}, text_);
  used_ = text_ = 0;
}

// ext4 takes blocks one after the other, which is 40 % of what a large write costs; asked for together they
// are nearly free.
void LogWriter::ReserveAhead() {
  constexpr uint64_t kAhead = 16 << 20;
  if (size_ + kBuffer <= reserved_to_ || size_ + kAhead > rotate_at_) return;
  if (fallocate(file_.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(size_), kAhead) == 0)
    reserved_to_ = size_ + kAhead;
  else
    reserves_ = false;  // a disk that is nearly full, or a limit
}

// What lies behind the end of the file is freed by cutting it off where it ends.
void LogWriter::GiveBackReserve() {
  struct stat info;
  if (reserved_to_ != 0 && fstat(file_.get(), &info) == 0) (void)!ftruncate(file_.get(), info.st_size);
  reserved_to_ = 0;
}

// All of it, or nothing: `text` bytes of the container's are lost then.
void LogWriter::WriteParts(std::array<iovec, 4> parts, size_t text) {
  size_t written = 0;
  iovec* next = parts.data();
  iovec* const end = next + parts.size();
  for (;;) {
    while (next != end && next->iov_len == 0) next++;
    if (next == end) break;
    ssize_t n = writev(file_.get(), next, static_cast<int>(end - next));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      CutOff(written);
      lost_ += static_cast<int64_t>(text);
      if (told_) told_();
      return;
    }
    written += static_cast<size_t>(n);
    for (size_t left = static_cast<size_t>(n); left > 0; next += next->iov_len == 0) {
      size_t taken = std::min(left, next->iov_len);
      next->iov_base = static_cast<char*>(next->iov_base) + taken;
      next->iov_len -= taken;
      left -= taken;
    }
  }
  size_ += written;
}

// Takes back the last bytes of the file. The file's own size counts: somebody may have truncated it.
void LogWriter::CutOff(size_t bytes) {
  struct stat info;
  auto size = static_cast<off_t>(bytes);
  if (bytes > 0 && fstat(file_.get(), &info) == 0 && info.st_size >= size)
    (void)!ftruncate(file_.get(), info.st_size - size);
}

// The new file is made before the old ones move: on a full disk the log goes on in the old one.
void LogWriter::Rotate() {
  WriteBuffer();
  struct stat info;
  if (fstat(file_.get(), &info) == 0) size_ = static_cast<uint64_t>(info.st_size);
  rotate_at_ = config_.max_size;
  if (size_ < rotate_at_) return;  // truncated by hand, or nothing was taken
  rotate_at_ = size_ + config_.max_size;
  std::string fresh_path = path_ + ".new";
  (void)unlink(fresh_path.c_str());
  auto fresh = wolffia::Open(fresh_path, kFlags | O_EXCL, kMode);
  if (!fresh) return;
  int oldest = 1;
  while (oldest < config_.max_file - 1 && access(RotatedLogPath(path_, oldest).c_str(), F_OK) == 0) oldest++;
  for (int age = std::min(oldest, config_.max_file - 1); age > 0; age--)
    (void)rename(RotatedLogPath(path_, age - 1).c_str(), RotatedLogPath(path_, age).c_str());
  if (rename(fresh_path.c_str(), path_.c_str()) < 0) return;
  GiveBackReserve();
  file_ = std::move(*fresh);
  size_ = 0;
  rotate_at_ = config_.max_size;
}

}  // namespace wolffia
