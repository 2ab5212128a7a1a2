// LogWriter: a container's log, in podman's k8s-file or docker's json-file format, or none, with rotation by
// size. LogReader reads both.
//
// A record is one line that the container wrote. The end of an unfinished line waits in memory (at most 64
// KiB a stream) until its line feed or Flush comes; what is longer becomes partial records. What a full disk
// did not take is counted and cut off again, so that no reader sees half a record in the middle. Never fails,
// waits for nothing but the disk, and syncs nothing. Files: <path>, and when it has grown to max_size
// <path>.1 (the youngest) to <path>.<max_file - 1>. SIGXFSZ must be blocked or ignored.
//
// In a burst, up to 16 MiB more than the file holds are reserved for it where that makes writing cheaper.
// Release gives them back; of a monitor that is killed they stay with the file.
#pragma once

#include <sys/uio.h>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/fd.h"
#include "engine/runtime/page_buffer.h"
#include "storage/container_parts.h"

namespace wolffia {

inline constexpr int kMaxLogFiles = 1000;

// Where the log is: the configured path, or ctr.log in the container's directory. Empty for the driver
// "none".
std::string LogPath(const LogConfig& config, const std::string& container_dir);
std::string RotatedLogPath(const std::string& path, int age);  // age 0: the path itself

class LogHeader;

class LogWriter {
 public:
  // Appends to what is there; ends a torn last record with a line feed.
  static Result<LogWriter> Open(const LogConfig& config, const std::string& container_dir);

  // `stream` is kStdout or kStderr. Whole lines become records now; the rest waits for its line feed or
  // Flush.
  void Write(int stream, std::string_view bytes, int64_t now_ns);
  // Unfinished lines become partial records.
  void Flush(int64_t now_ns);
  bool unfinished() const { return !held_[0].empty() || !held_[1].empty(); }  // Flush has something to do

  int64_t lost() const { return lost_; }  // bytes of the container's that a full disk did not take
  void WhenLosing(std::function<void()> told) { told_ = std::move(told); }  // called at each loss
  // Gives back what a burst needed: call it some time after a Write of more than kBurst bytes.
  void Release();
  static constexpr size_t kBurst = 64 << 10;

 private:
  static constexpr size_t kBuffer = 1 << 20;
  static constexpr size_t kHold = 64 << 10;

  LogWriter() = default;
  Result<> OpenFile();
  bool json() const { return config_.driver == "json-file"; }
  size_t CopyLines(LogHeader& header, std::string_view bytes);
  void Record(LogHeader& header, std::string_view head, std::string_view tail, bool partial);
  void Append(std::array<iovec, 4> parts, size_t text);
  void WriteBuffer();
  void ReserveAhead();
  void GiveBackReserve();
  void WriteParts(std::array<iovec, 4> parts, size_t text);
  void CutOff(size_t bytes);
  void Rotate();

  LogConfig config_;
  std::string path_;
  Fd file_;
  uint64_t size_ = 0, rotate_at_ = UINT64_MAX;
  bool reserves_ = false;     // room ahead is worth asking for
  uint64_t reserved_to_ = 0;  // room is there up to this size of the file; 0: none was asked for
  std::unique_ptr<PageBuffer<kBuffer>> buffer_;
  size_t used_ = 0, text_ = 0;  // bytes in buffer_, and how many of them the container wrote
  std::string held_[2];         // unfinished lines of stdout and stderr
  std::string json_;            // one record
  int64_t lost_ = 0;
  std::function<void()> told_;
};

}  // namespace wolffia
