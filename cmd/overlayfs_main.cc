// wolffia-overlayfs: plain directories on top of each other, served by the overlay of the engine.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "cmd/overlayfs_mount.h"
#include "cmd/overlayfs_options.h"
#include "storage/overlay/directory_lower.h"
#include "storage/overlay/lending_upper.h"
#include "storage/overlay/mapped_upper.h"
#include "storage/overlay/overlay_server.h"

namespace wolffia {
namespace {

constexpr int kThreads = 8;
constexpr size_t kTreeDescriptors = 1024, kLowerDescriptors = 256;

// What is opened before the process goes to the background, while relative paths still lead somewhere.
struct Sources {
  std::string mountpoint;  // absolute
  std::vector<Fd> lower;
  Fd upper, work;
};

Result<Fd> OpenNamed(const char* what, const std::string& path) {
  return Open(path, O_RDONLY | O_DIRECTORY).With(what);
}

Result<Sources> OpenSources(const OverlayfsOptions& options) {
  Sources sources;
  std::unique_ptr<char, void (*)(void*)> absolute(realpath(options.mountpoint.c_str(), nullptr), std::free);
  if (absolute == nullptr) return FailErrno("mount point " + options.mountpoint);
  sources.mountpoint = absolute.get();
  for (const std::string& path : options.lower) sources.lower.push_back(TRY(OpenNamed("lowerdir", path)));
  if (!options.upper.empty()) {
    sources.upper = TRY(OpenNamed("upperdir", options.upper));
    sources.work = TRY(OpenNamed("workdir", options.work));
  }
  return sources;
}

// Where nothing is said: what an engine noted at the top directory.
UpperIds IdsOf(const OverlayfsOptions& options, const Sources& sources) {
  if (options.ids) return *options.ids;
  char value[128];
  for (const Fd* top : {&sources.upper, &sources.lower.front()})
    if (*top && fgetxattr(top->get(), kOverrideXattr, value, sizeof value) > 0) return UpperIds::kOverride;
  return UpperIds::kNative;
}

// As many descriptors as this process may have; returns how many.
size_t RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 256;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
  (void)getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<size_t>(std::min<rlim_t>(limit.rlim_cur, 1u << 20));
}

// Override ids call whoever serves 0, as a container's root. Where an ordinary user mounts for themselves,
// they are to see their own files as theirs, and the other way round.
OwnerMap OwnersOf(const OwnerMap& asked, UpperIds ids, uint32_t self) {
  if (ids == UpperIds::kNative || self == 0 || !asked.identity()) return asked;
  std::vector<OwnerRange> swapped = {{.disk = 0, .shown = self, .count = 1},
                                     {.disk = self, .shown = 0, .count = 1}};
  if (self > 1) swapped.push_back({.disk = 1, .shown = 1, .count = self - 1});
  swapped.push_back({.disk = self + 1, .shown = self + 1, .count = UINT32_MAX - self - 1});
  return OwnerMap(std::move(swapped), {});
}

Result<std::unique_ptr<OverlayTree>> MakeTree(const OverlayfsOptions& options, Sources sources) {
  UpperIds ids = IdsOf(options, sources);
  OwnerMaps owners{.users = OwnersOf(options.owners.users, ids, geteuid()),
                   .groups = OwnersOf(options.owners.groups, ids, getegid())};
  // A quarter and an eighth of what there is: the layers themselves, uppers and threads need some, too.
  size_t descriptors = RaiseDescriptorLimit();
  std::unique_ptr<UpperStore> upper;
  if (sources.upper) {
    upper = TRY_WITH(UpperStore::Open(std::move(sources.upper), std::move(sources.work),
                                      {.ids = ids, .durable = options.durable}),
                     "upperdir");
    upper = MapOwners(LendModes(std::move(upper)), owners);
  }
  DirectoryLowerOptions lower_options{
      .ids = ids,
      .owners = std::move(owners),
      .xattrs = options.xattrs,
      .static_nlink = options.static_nlink,
      .descriptors = std::clamp<size_t>(descriptors / 8, 12, kLowerDescriptors)};
  if (upper != nullptr) lower_options.upper_device = upper->device();
  auto lower = TRY(MakeDirectoryLower(std::move(sources.lower), std::move(lower_options)));
  auto tree = OverlayTree::Make(std::move(lower), std::move(upper),
                                {.acl = options.acl,
                                 .xattrs = options.xattrs,
                                 .descriptors = std::clamp<size_t>(descriptors / 4, 8, kTreeDescriptors),
                                 .static_nlink = options.static_nlink,
                                 .redirects = options.redirects});
  if (!tree) return FailErrno("read the directories", tree.error());
  return *std::move(tree);
}

// A signal that asks us to end unmounts, which ends the session.
class UnmountOnSignal {
 public:
  explicit UnmountOnSignal(std::string mountpoint) : mountpoint_(std::move(mountpoint)) {
    sigemptyset(&signals_);
    for (int s : {SIGTERM, SIGINT, SIGHUP, SIGQUIT}) sigaddset(&signals_, s);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);  // of all threads that are made from now on
    signal(SIGPIPE, SIG_IGN);
  }
  ~UnmountOnSignal() {
    if (!watching_) return;
    stopping_ = true;
    pthread_kill(thread_, SIGTERM);
    pthread_join(thread_, nullptr);
  }
  UnmountOnSignal(const UnmountOnSignal&) = delete;

  void Watch() {
    auto wait = [](void* self) -> void* {
      auto& watcher = *static_cast<UnmountOnSignal*>(self);
      int signal = 0;
      while (sigwait(&watcher.signals_, &signal) == 0 && !watcher.stopping_)
        if (UnmountFuse(watcher.mountpoint_)) break;
      return nullptr;
    };
    watching_ = pthread_create(&thread_, nullptr, wait, this) == 0;
  }

 private:
  const std::string mountpoint_;
  sigset_t signals_;
  pthread_t thread_{};
  bool watching_ = false;
  std::atomic<bool> stopping_ = false;
};

struct Served {
  std::unique_ptr<OverlayServer> server;
  Fd keeper;
};

Result<Served> Serve(const OverlayfsOptions& options, Sources sources) {
  std::string mountpoint = sources.mountpoint;
  auto tree = TRY(MakeTree(options, std::move(sources)));
  FuseMount mount = TRY(MountFuse(options, mountpoint));
  auto server = OverlayServer::Start(std::move(tree),
                                     {.timeout = options.timeout,
                                      .writeback = options.writeback,
                                      .threads = options.threaded ? kThreads : 1},
                                     std::move(mount.fuse));
  // Mounted is only what answers.
  struct stat st{};
  if (server && stat(mountpoint.c_str(), &st) == 0) {
    if (auto proc = OpenAt(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY); proc && options.threaded)
      (*server)->FollowClients(std::move(*proc));
    return Served{*std::move(server), std::move(mount.keeper)};
  }
  auto failed =
      server ? FailErrno("the file system does not answer") : std::unexpected(std::move(server.error()));
  (void)UnmountFuse(mountpoint);
  return failed;
}

void PrintError(const Error& error) {
  std::fprintf(stderr, "wolffia-overlayfs: %s\n", error.what.c_str());
}

void PrintCounters(const OverlayServer& server) {
  for (const FuseCounter& counter : server.Counters())
    std::fprintf(stderr, "%12llu %s\n", static_cast<unsigned long long>(counter.count),
                 counter.operation.c_str());
}

// Serves until it is unmounted. `ready`, if there is one, is told; then this process is in the background.
int Run(const OverlayfsOptions& options, Sources sources, Fd ready) {
  umask(0);
  std::string mountpoint = sources.mountpoint;
  UnmountOnSignal signals(mountpoint);
  auto served = Serve(options, std::move(sources));
  if (!served) {
    PrintError(served.error());
    return 1;
  }
  signals.Watch();
  if (chdir("/") != 0) std::perror("wolffia-overlayfs: chdir /");  // of no consequence but for who unmounts
  if (options.debug) std::fprintf(stderr, "wolffia-overlayfs: serving %s\n", mountpoint.c_str());
  if (ready) {
    Fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
    for (int fd : {0, 1, 2}) (void)dup2(null.get(), fd);
    (void)WriteFull(ready.get(), "k");
    ready.Reset();
  }
  served->server->Wait();
  if (options.debug) PrintCounters(*served->server);
  served->server->Stop();
  return 0;
}

// The parent waits until the file system answers, or until the child that serves it is gone.
int RunInBackground(const OverlayfsOptions& options, Sources sources) {
  auto pipe = MakePipe();
  if (!pipe) {
    PrintError(pipe.error());
    return 1;
  }
  pid_t child = fork();
  if (child < 0) {
    PrintError(FailErrno("fork").error());
    return 1;
  }
  if (child == 0) {
    pipe->read.Reset();
    setsid();
    return Run(options, std::move(sources), std::move(pipe->write));
  }
  pipe->write.Reset();
  char told = 0;
  auto got = ReadFull(pipe->read.get(), &told, 1);
  if (got && *got == 1) return 0;
  int status = 0;
  (void)waitpid(child, &status, 0);
  if (WIFSIGNALED(status))
    std::fprintf(stderr, "wolffia-overlayfs: the server was killed by signal %d\n", WTERMSIG(status));
  return 1;
}

int Main(const std::vector<std::string>& arguments) {
  auto options = ParseOverlayfsOptions(arguments, geteuid() == 0);
  if (!options) {
    PrintError(options.error());
    return 1;
  }
  if (options->help) return std::fputs(OverlayfsHelp().c_str(), stdout) < 0 ? 1 : 0;
  if (options->version) return std::puts("wolffia-overlayfs: version " WOLFFIA_VERSION) < 0 ? 1 : 0;
  auto sources = OpenSources(*options);
  if (!sources) {
    PrintError(sources.error());
    return 1;
  }
  return options->foreground ? Run(*options, *std::move(sources), Fd())
                             : RunInBackground(*options, *std::move(sources));
}

}  // namespace
}  // namespace wolffia

int main(int argc, char** argv) {
  return wolffia::Main({argv + 1, argv + argc});
}
