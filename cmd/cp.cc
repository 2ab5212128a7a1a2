// wolffia cp. Each end is a tar stream's writer or reader; one in a container works inside it
// (root_access.h), a pipe is between them:
//
//   container -> host         the copy inside writes, this process extracts
//   host -> container         this process writes, the copy inside extracts
//   container -> container    two copies
//   -                         the copy inside has standard input or output itself
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "cmd/copy_container.h"
#include "cmd/copy_verbs.h"
#include "engine/registry/decompressor.h"
#include "storage/tar_extract.h"
#include "storage/tar_tree.h"

namespace wolffia {
namespace {

constexpr size_t kChunk = 256 << 10;
constexpr int kPipeBytes = 1 << 20;
constexpr uint64_t kWindowBytes = uint64_t{128} << 20;

Result<Fd> OpenOnHost(const std::string& path, int flags) {
  return OpenAt(AT_FDCWD, path, flags);
}

// Everything that is known before a byte is copied.
struct Copy {
  CopyEnds ends;
  std::optional<CopyContainer> from_container, to_container;
  ResolvedPath from, to;
  CopyPlan plan;
  bool archive = true, overwrite = false;
};

Result<> WriteSource(const Copy& copy, const PathOpener& open, TreeOptions options, int to) {
  TarWriter writer([to](std::string_view bytes) { return WriteFull(to, bytes); });
  TarTree tree(writer, std::move(options));
  if (copy.plan.top.empty()) {
    TRY(tree.AddContents(TRY(open(PathOf(copy.from), O_RDONLY | O_DIRECTORY)), ""));
  } else if (copy.from.name.empty()) {  // "/" or "." under a new name
    TRY(tree.Add(TRY(open(copy.from.parent, O_PATH | O_DIRECTORY)).get(), ".", copy.plan.top));
  } else {
    TRY(tree.Add(TRY(open(copy.from.parent, O_PATH | O_DIRECTORY)).get(), copy.from.name, copy.plan.top));
  }
  return writer.Finish();
}

Result<std::string> SkippedNotice(const TarExtract& extract) {
  if (extract.skipped_devices() == 0) return "";
  return std::to_string(extract.skipped_devices()) +
         " device files were not copied: only the host's root can make them";
}

Result<std::string> ReadTar(TarExtract& extract, int from) {
  auto buffer = std::make_unique_for_overwrite<char[]>(kChunk);
  for (;;) {
    ssize_t got = read(from, buffer.get(), kChunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FailErrno("read");
    if (got == 0) break;
    TRY(extract.Push({buffer.get(), static_cast<size_t>(got)}));
  }
  TRY(extract.Finish());
  return SkippedNotice(extract);
}

// Standard input: foreign, and perhaps compressed.
Result<std::string> ReadForeignTar(TarExtract& extract, int from) {
  WindowBudget windows(kWindowBytes);
  Cancel cancel;
  uint64_t bytes = 0;
  Decompressor decoder(
      [&](std::string_view piece) {
        bytes += piece.size();
        return extract.Push(piece);
      },
      windows, cancel);
  auto read_all = [&]() -> Result<> {
    auto buffer = std::make_unique_for_overwrite<char[]>(kChunk);
    for (size_t got; (got = TRY(ReadFull(from, buffer.get(), kChunk))) > 0;)
      TRY(decoder.Push({buffer.get(), got}));
    TRY(decoder.Finish());
    return extract.Finish();
  };
  auto done = read_all();
  if (done && bytes > 0) return SkippedNotice(extract);
  const std::string why = "source must be a (compressed) tar archive when copying from stdin";
  if (done) return Fail(Code::kInvalid, why + ": it is empty");
  if (done.error().code == Code::kCorrupt) return std::unexpected(std::move(done.error()).With(why));
  return std::unexpected(std::move(done.error()));
}

std::string DestinationDirectory(const Copy& copy) {
  return copy.plan.into_destination ? PathOf(copy.to) : copy.to.parent;
}

Result<std::string> ExtractInside(const Copy& copy, int root, int from) {
  ExtractOptions options{.root = root,
                         .directory = DestinationDirectory(copy),
                         .container = true,
                         .keep_owners = !copy.archive,
                         .overwrite = copy.overwrite};
  if (copy.archive) options.owner = copy.to_container->User();
  TarExtract extract(std::move(options));
  return copy.ends.source.stream() ? ReadForeignTar(extract, from) : ReadTar(extract, from);
}

Result<std::string> ExtractOnHost(const Copy& copy, int from) {
  Fd directory = TRY(OpenOnHost(DestinationDirectory(copy), O_RDONLY | O_DIRECTORY));
  TarExtract extract({.root = directory.get(), .overwrite = copy.overwrite});
  return ReadTar(extract, from);
}

Result<RootJob> BeginWriter(const Copy& copy, int to, Fd* other_end) {
  return copy.from_container->access.Begin([&, to, other_end](int root) -> Result<std::string> {
    if (other_end != nullptr) other_end->Reset();  // else a reader that has gone would not be noticed
    TreeOptions options{.sparse = other_end != nullptr, .skip_unreadable = true};
    TRY(WriteSource(copy, OpenerIn(root), std::move(options), to));
    return "";
  });
}

Result<RootJob> BeginReader(const Copy& copy, int from, Fd* other_end) {
  return copy.to_container->access.Begin([&, from, other_end](int root) -> Result<std::string> {
    if (other_end != nullptr) other_end->Reset();  // else the end of the stream would not be noticed
    return ExtractInside(copy, root, from);
  });
}

Result<> WriteFromHost(const Copy& copy, int to) {
  TreeOptions options{.sparse = true, .skip_kernel = false};
  options.adjust = [&](LayerEntry& entry) {
    TarOwner owner = copy.to_container->OwnerOfHost(entry.uid, entry.gid);
    entry.uid = owner.uid;
    entry.gid = owner.gid;
  };
  return WriteSource(copy, OpenOnHost, std::move(options), to);
}

// The failure that began it: when the reader fails the writer only sees a closed pipe, and when the writer
// fails the reader only sees a stream that is cut off.
Result<std::string> FirstFailure(Result<> written, Result<std::string> read) {
  if (!written && (read || written.error().os_errno != EPIPE))
    return std::unexpected(std::move(written.error()));
  return read;
}

Result<> Forget(Result<std::string> result) {
  if (!result) return std::unexpected(std::move(result.error()));
  return {};
}

// A reader of our output that has seen enough (head, tar t) is no news to anybody.
Result<std::string> QuietIfClosed(Result<std::string> result) {
  if (!result && result.error().os_errno == EPIPE) result.error().what.clear();
  return result;
}

// What is to be said of a copy that is complete; nothing, most often.
Result<std::string> Transfer(const Copy& copy) {
  if (copy.ends.source.stream()) return TRY(BeginReader(copy, STDIN_FILENO, nullptr)).Await();
  if (copy.ends.destination.stream())
    return QuietIfClosed(TRY(BeginWriter(copy, STDOUT_FILENO, nullptr)).Await());
  Pipe pipe = TRY(MakePipe());
  (void)fcntl(pipe.write.get(), F_SETPIPE_SZ, kPipeBytes);
  if (!copy.to_container) {
    RootJob writer = TRY(BeginWriter(copy, pipe.write.get(), &pipe.read));
    pipe.write.Reset();
    auto read = ExtractOnHost(copy, pipe.read.get());
    pipe.read.Reset();
    return FirstFailure(Forget(writer.Await()), std::move(read));
  }
  RootJob reader = TRY(BeginReader(copy, pipe.read.get(), &pipe.write));
  Result<> written;
  if (copy.from_container) {
    RootJob writer = TRY(BeginWriter(copy, pipe.write.get(), &pipe.read));
    pipe = {};
    written = Forget(writer.Await());
  } else {
    pipe.read.Reset();
    written = WriteFromHost(copy, pipe.write.get());
    pipe.write.Reset();
  }
  return FirstFailure(std::move(written), reader.Await());
}

Result<ResolvedPath> ResolveEnd(const CopyEnd& end, const std::optional<CopyContainer>& container) {
  if (end.stream()) return ResolvedPath{PathKind::kStream, "", ""};
  return container ? container->Resolve(end.path) : ResolvePath(OpenOnHost, end.path);
}

// What would be lost when the copy has ended.
Result<> RefuseCopyIntoMemory(const Copy& copy) {
  if (!copy.to_container || !copy.to_container->status.record.memory) return {};
  const Phase phase = copy.to_container->status.phase;
  if (phase != Phase::kNone && phase != Phase::kMounted) return {};
  return Fail(Code::kBusy, "container " + copy.ends.destination.container +
                               " keeps its changes in memory and does not run: start it first");
}

// A tree that grows while it is read would never end.
Result<> RefuseCopyIntoItself(const Copy& copy) {
  if (!copy.from_container || !copy.to_container || copy.from.kind != PathKind::kDirectory ||
      copy.from_container->status.record.id != copy.to_container->status.record.id)
    return {};
  return copy.from_container->access.Inside([&](int root) -> Result<> {
    if (!TRY(IsBelow(OpenerIn(root), DestinationDirectory(copy), PathOf(copy.from)))) return {};
    return Fail(Code::kInvalid, "cannot copy the directory \"" + copy.ends.source.path + "\" into itself");
  });
}

Result<> CheckTerminals(const CopyEnds& ends) {
  if (ends.source.stream() && isatty(STDIN_FILENO) == 1)
    return Fail(Code::kInvalid, "standard input is a terminal: redirect a tar archive");
  if (ends.destination.stream() && isatty(STDOUT_FILENO) == 1)
    return Fail(Code::kInvalid, "refusing to copy to a terminal: redirect standard output");
  return {};
}

}  // namespace

Result<int> CpVerb(const Command& command) {
  const auto& words = command.line.arguments;
  CopyEnds ends = TRY(ParseCopyEnds(words[0], words[1]));
  Copy copy{.ends = std::move(ends),
            .archive = command.options().Bool("archive"),
            .overwrite = command.options().Bool("overwrite")};
  TRY(CheckTerminals(copy.ends));
  Session session = TRY(OpenSession(command, Registries::kSkip));
  const auto& [source, destination] = copy.ends;
  // Before any container is touched: a mistyped path of the host is the most common mistake.
  if (source.container.empty() && !source.stream()) {
    copy.from = TRY(ResolveEnd(source, {}));
    if (copy.from.kind == PathKind::kMissing) TRY(PlanCopy(source, copy.from, destination, {}));
  }
  if (!source.container.empty())
    copy.from_container = TRY(CopyContainer::Open(command, session.store, source.container));
  if (!destination.container.empty())
    copy.to_container = TRY(CopyContainer::Open(command, session.store, destination.container));
  TRY(RefuseCopyIntoMemory(copy));
  copy.from = TRY(ResolveEnd(source, copy.from_container));
  copy.to = TRY(ResolveEnd(destination, copy.to_container));
  copy.plan = TRY(PlanCopy(source, copy.from, destination, copy.to));
  TRY(RefuseCopyIntoItself(copy));
  auto notice = TRY(Transfer(copy));
  if (!notice.empty()) PrintNotice("Warning: " + notice);
  return 0;
}

}  // namespace wolffia
