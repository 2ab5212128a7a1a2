#include "engine/runtime/log_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "engine/base/fd.h"
#include "engine/runtime/log_tail.h"
#include "engine/runtime/log_writer.h"

namespace wolffia {
namespace {

constexpr size_t kBlock = 64 << 10;
constexpr int64_t kClockSlack = 5'000'000'000;  // a clock that was set back by less does not hide records

struct LogFile {
  Fd fd;
  ino_t inode = 0;
  off_t size = 0;
};

// nullopt if there is none. A path of the user's choice may be anything: only files are read.
Result<std::optional<LogFile>> OpenLogFile(const std::string& path) {
  auto fd = wolffia::Open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd && fd.error().os_errno == ENOENT) return std::nullopt;
  if (!fd) return std::unexpected(std::move(fd.error()));
  struct stat info;
  if (fstat(fd->get(), &info) < 0) return FailErrno("stat " + path);
  if (!S_ISREG(info.st_mode)) return Fail(Code::kInvalid, path + " is not a file");
  return LogFile{std::move(*fd), info.st_ino, info.st_size};
}

}  // namespace

class LogReader::Impl {
 public:
  Impl(const LogConfig& config, std::string path, const LogSelection& selection)
      : path_(std::move(path)),
        max_file_(config.max_file),
        format_(config.driver == "json-file" ? LogFormat::kJson : LogFormat::kK8s),
        selection_(selection) {}

  Result<> Start() {
    std::vector<LogFile> files = TRY(Files());
    if (files.empty()) return {};
    last_inode_ = files.front().inode;
    last_size_ = files.front().size;
    if (selection_.tail < 0) {
      file_ = std::move(files.back());
      return {};
    }
    LogTail tail(format_, selection_.tail);
    for (LogFile& file : files) {
      read_ = TRY(tail.Search(file.fd.get(), file.size));
      file_ = std::move(file);
      if (read_ > 0 || selection_.tail == 0) break;
    }
    return {};
  }

  Result<std::optional<LogRecord>> Next() {
    for (;;) {
      auto line = TRY(NextLine());
      if (!line) return std::nullopt;
      auto record = ParseLogRecord(format_, *line, scratch_);
      if (!record) continue;
      last_time_ = record->time_ns;
      if (record->time_ns >= selection_.since_ns && record->time_ns <= selection_.until_ns) return record;
      if (!selection_.snapshot && PastUntil()) return std::nullopt;  // it may grow faster than we read
    }
  }

  bool PastUntil() const {
    return selection_.until_ns < INT64_MAX - kClockSlack && last_time_ > selection_.until_ns + kClockSlack;
  }

 private:
  // All files of the log, youngest first. While they are listed they may move on by one place: a file that is
  // seen twice counts once, and none between the youngest and the oldest can be missed.
  Result<std::vector<LogFile>> Files() const {
    std::vector<LogFile> files;
    for (int age = 0; age < max_file_; age++) {
      auto file = TRY(OpenLogFile(RotatedLogPath(path_, age)));
      if (!file && age > 0) break;
      if (file && (files.empty() || files.back().inode != file->inode)) files.push_back(std::move(*file));
    }
    return files;
  }

  // A line without its line feed, valid until the next call; nullopt: none yet.
  Result<std::optional<std::string_view>> NextLine() {
    for (;;) {
      if (auto line = LineOfBuffer()) {
        if (!std::exchange(skipping_, false)) return line;
        continue;
      }
      if (TRY(Fill())) continue;
      if (!TRY(NextFile())) return std::nullopt;
    }
  }

  bool InLastFile() const { return selection_.snapshot && file_.inode == last_inode_; }

  std::optional<std::string_view> LineOfBuffer() {
    std::string_view rest = std::string_view(buffer_).substr(at_);
    size_t feed = rest.find('\n', searched_ - at_);
    searched_ = buffer_.size();
    if (feed == std::string_view::npos) return std::nullopt;
    at_ += feed + 1;
    searched_ = at_;
    return rest.substr(0, feed);
  }

  // More of the file; false at its end.
  Result<bool> Fill() {
    if (!file_.fd) return false;
    buffer_.erase(0, std::exchange(at_, 0));
    if (buffer_.size() > kMaxLogLine) {  // no record: the rest up to the next line feed is not kept
      buffer_.clear();
      skipping_ = true;
    }
    size_t held = buffer_.size();
    searched_ = held;
    size_t block = kBlock;
    if (InLastFile()) block = std::min(block, static_cast<size_t>(std::max<off_t>(last_size_ - read_, 0)));
    if (block == 0) return false;
    buffer_.resize(held + block);
    auto n = PreadFull(file_.fd.get(), buffer_.data() + held, block, read_);
    buffer_.resize(held + n.value_or(0));
    if (!n) return std::unexpected(std::move(n.error()));
    read_ += static_cast<off_t>(*n);
    return *n > 0 || TRY(Truncated());
  }

  Result<bool> Truncated() {
    struct stat info;
    if (fstat(file_.fd.get(), &info) < 0) return FailErrno("stat " + path_);
    if (info.st_size >= read_) return false;
    Rewind();
    return true;
  }

  void Rewind() {
    buffer_.clear();
    at_ = searched_ = 0;
    read_ = 0;
    skipping_ = false;
  }

  // Goes on in the file that was begun after this one, which keeps its inode's number as long as it is open.
  // False if this one is still the log.
  Result<bool> NextFile() {
    if (selection_.snapshot && (!file_.fd || InLastFile())) return false;
    struct stat info;
    if (stat(path_.c_str(), &info) < 0 || (file_.fd && info.st_ino == file_.inode)) return false;
    if (file_.fd && !std::exchange(finished_, true))
      return true;  // it may have grown before it was rotated: once more
    std::vector<LogFile> files = TRY(Files());
    if (files.empty()) return false;
    size_t ours = 0;
    while (ours < files.size() && files[ours].inode != file_.inode) ours++;
    if (file_.fd && ours == 0) return false;
    if (selection_.snapshot &&
        std::ranges::none_of(files, [&](const LogFile& file) { return file.inode == last_inode_; }))
      return false;  // rotated away: what is there now is younger
    file_ = std::move(files[ours - 1]);
    finished_ = false;
    Rewind();
    return true;
  }

  std::string path_;
  int max_file_;
  LogFormat format_;
  LogSelection selection_;
  LogFile file_;
  ino_t last_inode_ = 0;  // of a snapshot: the log itself as it was, and its size
  off_t last_size_ = 0;
  off_t read_ = 0;         // of file_
  std::string buffer_;     // what was read and not given out
  size_t at_ = 0;          // begin of the next line in it
  size_t searched_ = 0;    // up to here there is no line feed
  bool skipping_ = false;  // in a line that is too long
  bool finished_ = false;  // file_ was rotated, and read once more since that was seen
  int64_t last_time_ = INT64_MIN;
  std::string scratch_;
};

Result<LogReader> LogReader::Open(const LogConfig& config, const std::string& container_dir,
                                  const LogSelection& selection) {
  if (config.driver == "none")
    return Fail(Code::kUnsupported,
                "this container is using the 'none' log driver, cannot read logs: this container is not "
                "logging output");
  auto impl = std::make_unique<Impl>(config, LogPath(config, container_dir), selection);
  TRY_WITH(impl->Start(), "the container's log");
  return LogReader(std::move(impl));
}

LogReader::LogReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LogReader::LogReader(LogReader&&) noexcept = default;
LogReader& LogReader::operator=(LogReader&&) noexcept = default;
LogReader::~LogReader() = default;

Result<std::optional<LogRecord>> LogReader::Next() {
  return impl_->Next();
}
bool LogReader::PastUntil() const {
  return impl_->PastUntil();
}

}  // namespace wolffia
