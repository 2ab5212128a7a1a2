#include "engine/runtime/event_reader.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

namespace wolffia {
namespace {

constexpr size_t kBlock = 64 << 10;

// A journal that other users' tools put in our place is not read.
Result<std::optional<Fd>> OpenIfThere(const std::string& path) {
  auto fd = Open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!fd && fd.error().os_errno == ENOENT) return std::nullopt;
  if (!fd) return std::unexpected(std::move(fd.error()));
  struct stat info;
  if (fstat(fd->get(), &info) < 0 || !S_ISREG(info.st_mode))
    return Fail(Code::kInvalid, path + " is not a file");
  return std::move(*fd);
}

}  // namespace

class EventReader::Impl {
 public:
  explicit Impl(const std::string& runroot) : runroot_(runroot) {}

  // The watch comes first: what is written after it is either read or announced.
  Result<> Start(bool follow) {
    if (follow) {
      watch_ = Fd(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
      if (!watch_) return FailErrno("inotify_init: cannot wait for events");
      if (inotify_add_watch(watch_.get(), runroot_.c_str(),
                            IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) < 0)
        return FailErrno("watch " + runroot_);
    }
    auto older = TRY(OpenIfThere(runroot_ + "/" + kOlderEventsFile));
    file_ = older ? std::move(*older) : Fd();
    return {};
  }

  Result<std::optional<Event>> Next() {
    for (;;) {
      size_t feed = buffer_.find('\n', at_);
      if (feed != std::string::npos) {
        auto event = ParseEvent(std::string_view(buffer_).substr(at_, feed - at_));
        at_ = feed + 1;
        if (event) return std::move(*event);
        continue;
      }
      if (TRY(Fill())) continue;
      if (TRY(NextFile())) continue;
      if (!Emptied()) return std::nullopt;
    }
  }

  int fd() const { return watch_.get(); }

 private:
  Result<bool> Fill() {
    if (!file_) return false;
    buffer_.erase(0, std::exchange(at_, 0));
    if (buffer_.size() > kMaxEventLine) buffer_.clear();
    size_t held = buffer_.size();
    buffer_.resize(held + kBlock);
    auto n = ReadFull(file_.get(), buffer_.data() + held, kBlock);
    buffer_.resize(held + n.value_or(0));
    if (!n) return std::unexpected(std::move(n.error()));
    return *n > 0;
  }

  // The journal, if the file that is at its end is not it.
  Result<bool> NextFile() {
    auto journal = TRY(OpenIfThere(runroot_ + "/" + kEventsFile));
    if (!journal) return false;
    struct stat now, ours;
    if (fstat(journal->get(), &now) < 0) return FailErrno("stat of the journal");
    if (file_ && fstat(file_.get(), &ours) == 0 && ours.st_ino == now.st_ino) return false;
    if (file_ && !std::exchange(finished_, true))
      return true;  // it may have grown before it was moved: once more
    file_ = std::move(*journal);
    finished_ = false;
    buffer_.clear();
    at_ = 0;
    return true;
  }

  // True if something happened since we last asked.
  bool Emptied() {
    if (!watch_) return false;
    alignas(inotify_event) char events[4096];
    bool any = false;
    while (read(watch_.get(), events, sizeof events) > 0) any = true;
    return any;
  }

  std::string runroot_;
  Fd watch_, file_;
  std::string buffer_;
  size_t at_ = 0;
  bool finished_ = false;
};

EventReader::EventReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EventReader::EventReader(EventReader&&) noexcept = default;
EventReader& EventReader::operator=(EventReader&&) noexcept = default;
EventReader::~EventReader() = default;

Result<EventReader> EventReader::Open(const Store& store, bool follow) {
  auto impl = std::make_unique<Impl>(store.runroot_path());
  TRY(impl->Start(follow));
  return EventReader(std::move(impl));
}

Result<std::optional<Event>> EventReader::Next() {
  return impl_->Next();
}
int EventReader::fd() const {
  return impl_->fd();
}

}  // namespace wolffia
