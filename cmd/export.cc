// wolffia export: a container's root file system as a tar, with the ids that it has inside, without what is
// mounted on it (volumes, /proc ...): their mount points are empty.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "cmd/copy_verbs.h"
#include "engine/runtime/events.h"
#include "engine/runtime/root_access.h"
#include "storage/tar_tree.h"

namespace wolffia {
namespace {

// --output, removed again unless all of it was written. An existing file is replaced, a device or a FIFO
// written.
class OutputFile {
 public:
  static Result<OutputFile> Open(const std::string& path) {
    OutputFile file;
    file.fd_ = TRY_WITH(OpenAt(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0644),
                        "creating file \"" + path + "\"");
    struct stat st;
    if (fstat(file.fd_.get(), &st) == 0 && S_ISREG(st.st_mode)) file.path_ = path;
    return file;
  }
  OutputFile(OutputFile&& other) noexcept
      : path_(std::exchange(other.path_, {})), fd_(std::move(other.fd_)) {}
  ~OutputFile() {
    if (!path_.empty()) unlink(path_.c_str());
  }
  int fd() const { return fd_.get(); }
  void Keep() { path_.clear(); }

 private:
  OutputFile() = default;
  std::string path_;
  Fd fd_;
};

Result<> WriteRoot(const RootAccess& access, int to) {
  return access.Inside([to](int root) -> Result<> {
    TarWriter writer([to](std::string_view bytes) { return WriteFull(to, bytes); });
    TarTree tree(writer, {});
    TRY(tree.AddContents(TRY(RootAccess::WithoutMounts(root)), ""));
    return writer.Finish();
  });
}

}  // namespace

Result<int> ExportVerb(const Command& command) {
  const std::string output = command.options().String("output");
  if (output.empty() && isatty(STDOUT_FILENO) == 1)
    return Fail(Code::kInvalid, "refusing to export to terminal. Use -o flag or redirect");
  Session session = TRY(OpenSession(command, Registries::kSkip));
  ContainerStore containers(session.store);
  ContainerStatus status = TRY(containers.Get(TRY(containers.Lookup(command.line.arguments[0]))));
  RootAccess access = TRY(RootAccess::Open(command.context, session.store, status));
  if (output.empty()) {
    auto written = WriteRoot(access, STDOUT_FILENO);
    // A reader that has seen enough (head, tar t) is no news to anybody.
    if (!written && written.error().os_errno == EPIPE) written.error().what.clear();
    TRY(std::move(written));
  } else {
    OutputFile file = TRY(OutputFile::Open(output));
    TRY_WITH(WriteRoot(access, file.fd()), "export to " + output);
    file.Keep();
  }
  WriteContainerEvent(command.context, session.store, status.record.id, "export");
  return 0;
}

}  // namespace wolffia
