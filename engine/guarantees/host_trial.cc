#include "engine/guarantees/host_trial.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>

#include "engine/base/process.h"
#include "engine/base/random.h"
#include "engine/base/socket.h"
#include "engine/guarantees/inside_trial.h"
#include "engine/guarantees/outside_trial.h"
#include "engine/runtime/auto_ids.h"
#include "engine/runtime/id_map_writer.h"

namespace wolffia {
namespace {

constexpr uint64_t kNamespaces[] = {CLONE_NEWNS,  CLONE_NEWPID, CLONE_NEWIPC,
                                    CLONE_NEWUTS, CLONE_NEWNET, CLONE_NEWCGROUP};
constexpr const char* kNamespaceFiles[] = {"user", "mnt", "pid", "ipc", "uts", "net", "cgroup"};
// A busy host takes a fraction of a second.
constexpr int kPatienceMs = 10'000;

// The results, in memory that a copy of this process writes to.
class SharedResults {
 public:
  SharedResults() {
    void* memory =
        mmap(nullptr, sizeof(TrialResults), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory != MAP_FAILED) results_ = new (memory) TrialResults;
  }
  SharedResults(const SharedResults&) = delete;
  SharedResults& operator=(const SharedResults&) = delete;
  ~SharedResults() {
    if (results_ != nullptr) munmap(results_, sizeof(TrialResults));
  }
  TrialResults* get() { return results_; }

 private:
  TrialResults* results_ = nullptr;
};

long CloneInto(uint64_t namespaces, int* pidfd) {
  clone_args args{};
  args.flags = namespaces | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<uintptr_t>(pidfd);
  args.exit_signal = SIGCHLD;
  return syscall(SYS_clone3, &args, sizeof args);
}

// What a process of the World must not reach: sockets of ours on the host.
struct HostSockets {
  Fd abstract, loopback;
  std::string name;
  uint16_t port = 0;
};

HostSockets Listen() {
  HostSockets sockets;
  sockets.name = "wolffia-doctor-" + RandomHex(16);
  sockaddr_un unix_address{.sun_family = AF_UNIX, .sun_path = {}};
  sockets.name.copy(unix_address.sun_path + 1, sizeof unix_address.sun_path - 2);
  sockets.abstract = Fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + sockets.name.size());
  if (bind(sockets.abstract.get(), reinterpret_cast<sockaddr*>(&unix_address), length) < 0 ||
      listen(sockets.abstract.get(), 8) < 0)
    sockets.name.clear();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  sockets.loopback = Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (bind(sockets.loopback.get(), reinterpret_cast<sockaddr*>(&address), size) == 0 &&
      listen(sockets.loopback.get(), 8) == 0 &&
      getsockname(sockets.loopback.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0)
    sockets.port = ntohs(address.sin_port);
  return sockets;
}

std::map<std::string, uint64_t> OwnNamespaces() {
  std::map<std::string, uint64_t> inodes;
  for (const char* name : kNamespaceFiles) {
    struct stat st;
    if (stat((std::string("/proc/self/ns/") + name).c_str(), &st) == 0) inodes[name] = st.st_ino;
  }
  return inodes;
}

bool Ready(int fd) {
  pollfd poller{fd, POLLIN, 0};
  int n;
  do n = poll(&poller, 1, kPatienceMs);
  while (n < 0 && errno == EINTR);
  return n > 0;
}

// The child's side: waits for its maps, tries, says so, and waits to be killed.
[[noreturn]] void LiveInWorld(const InsideRequest& request, int socket) {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  auto mapped = ReceivePacket(socket);
  if (!mapped || mapped->data.empty()) _exit(1);
  TryInside(request);
  (void)SendPacket(socket, "done");
  for (;;) pause();
}

Result<> WriteMaps(pid_t pid, const IdMaps& maps, const HostFacts& facts) {
  IdMapWriter writer = TRY(IdMapWriter::Start(pid, maps, facts));
  return writer.Finish();
}

// One World with these maps. An error is about the maps: the world can be made with others.
Result<> TryWorld(const IdMaps& maps, uint64_t namespaces, HostTrial& host, World& world) {
  SharedResults shared;
  if (shared.get() == nullptr) return FailErrno("share memory with a trial");
  SocketPair sockets = TRY(MakeSocketPair());
  HostSockets listeners = Listen();
  Fd program = TRY(Open("/proc/self/exe", O_RDONLY));
  InsideRequest request{.results = shared.get(),
                        .abstract_name = listeners.name,
                        .loopback_port = listeners.port,
                        .host_namespaces = OwnNamespaces(),
                        .full_ids = !maps.single,
                        .groups = getgroups(0, nullptr),
                        .program = program.get(),
                        .seccomp_cache = host.settings().storage_runroot + "/seccomp"};
  int pidfd = -1;
  long pid = CloneInto(CLONE_NEWUSER | namespaces, &pidfd);
  if (pid == 0) {
    sockets.ours.Reset();
    LiveInWorld(request, sockets.theirs.get());
  }
  if (pid < 0) return FailErrno("make namespaces");
  Child child(static_cast<pid_t>(pid), Fd(pidfd));
  sockets.theirs.Reset();
  TRY(WriteMaps(child.pid(), maps, host.Facts()));
  TRY(SendPacket(sockets.ours.get(), "maps"));
  if (Ready(sockets.ours.get())) {
    auto packet = ReceivePacket(sockets.ours.get());
    world.finished = packet.has_value() && packet->data == "done";
  }
  if (world.finished) TryFromOutside(child.pid(), maps, (namespaces & CLONE_NEWNET) != 0, world);
  world.exists = true;
  world.full_ids = !maps.single;
  world.inside = *shared.get();
  return {};
}

IdMaps OneId() {
  return {.uids = {{0, getuid(), 1}}, .gids = {{0, getgid(), 1}}, .single = true};
}

}  // namespace

HostTrial::HostTrial(const Context& context, const Settings& settings)
    : context_(context),
      settings_(settings),
      store_(Store::Open({settings.storage_root, settings.storage_runroot, settings.durability})) {}

void HostTrial::StartContentTrial() {
  if (content_ || content_problem_) return;
  if (!store_) {
    content_problem_ = store_.error().what;
    return;
  }
  auto started = ContentTrial::Start(*store_);
  if (started)
    content_.emplace(std::move(*started));
  else
    content_problem_ = started.error().what;
}

const std::string& HostTrial::ContentProblem() {
  StartContentTrial();
  if (!content_problem_) content_problem_ = content_->Finish();
  return *content_problem_;
}

const HostFacts& HostTrial::Facts() {
  if (!facts_) {
    auto facts = HostFacts::Gather(context_);
    facts_ = facts ? std::move(*facts) : HostFacts::ForLaunch(context_);
  }
  return *facts_;
}

int HostTrial::NamespaceError(uint64_t flag) {
  if (auto known = namespaces_.find(flag); known != namespaces_.end()) return known->second;
  int pidfd = -1;
  long pid = CloneInto(CLONE_NEWUSER | flag, &pidfd);
  if (pid == 0) _exit(0);
  int error = pid < 0 ? errno : 0;
  if (pid > 0) (void)Child(static_cast<pid_t>(pid), Fd(pidfd)).Wait();
  return namespaces_[flag] = error;
}

Result<std::pair<IdMaps, IdMaps>> HostTrial::TwoRanges() {
  const HostFacts& host = Facts();
  IdsInUse used;
  auto range = [&] {
    return BuildAutoMaps({}, kLeastAutoIds, host.subordinate, used, host.uid, host.gid);
  };
  IdMaps one = TRY(range()).maps;
  used.Add(one.uids, one.gids);
  IdMaps other = TRY(range()).maps;
  return std::pair(std::move(one), std::move(other));
}

const World& HostTrial::InWorld() {
  if (world_) return *world_;
  World& world = world_.emplace();
  uint64_t all = 0;
  for (uint64_t flag : kNamespaces) all |= flag;
  // What is refused together is found out one by one.
  if (NamespaceError(all) != 0)
    for (uint64_t flag : kNamespaces)
      if (NamespaceError(flag) != 0) all &= ~flag;
  if (NamespaceError(all) != 0) return world;
  auto ids = BuildIdMaps({}, Facts().subordinate, Facts().uid, Facts().gid);
  Result<> tried;
  if (ids && !ids->maps.single) tried = TryWorld(ids->maps, all, *this, world);
  if (!tried) world.no_ids = tried.error().what;
  if (!world.exists) (void)TryWorld(OneId(), all, *this, world);
  return world;
}

}  // namespace wolffia
