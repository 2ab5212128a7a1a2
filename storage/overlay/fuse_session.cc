#include "storage/overlay/fuse_session.h"

#include <linux/fuse.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>

namespace wolffia {
namespace {

// Requests for metadata take microseconds, so one thread keeps up with any one process; more than four only
// help reads that wait for a disk, which the kernel's readahead overlaps already. Each costs about 30 KiB of
// resident memory.
constexpr int kMaxThreads = 4;
// The deepest path through libfuse and our operations uses less than 16 KiB; PATH_MAX buffers and a signal
// frame with AVX-512 state come on top. Untouched pages cost nothing.
constexpr size_t kStackSize = 128 << 10;
// Interrupts a read(2) of /dev/fuse; its handler does nothing. Real-time, because no library gives those a
// meaning.
const int kKickSignal = SIGRTMIN;
constexpr auto kKickInterval = std::chrono::milliseconds(2);
constexpr auto kStopPatience = std::chrono::seconds(3);

constexpr size_t kOpcodes = 64;
struct OpcodeName {
  uint32_t opcode;
  const char* name;
};
constexpr OpcodeName kOpcodeNames[] = {
    {FUSE_LOOKUP, "lookup"},
    {FUSE_FORGET, "forget"},
    {FUSE_GETATTR, "getattr"},
    {FUSE_READLINK, "readlink"},
    {FUSE_OPEN, "open"},
    {FUSE_READ, "read"},
    {FUSE_STATFS, "statfs"},
    {FUSE_RELEASE, "release"},
    {FUSE_GETXATTR, "getxattr"},
    {FUSE_LISTXATTR, "listxattr"},
    {FUSE_FLUSH, "flush"},
    {FUSE_INIT, "init"},
    {FUSE_OPENDIR, "opendir"},
    {FUSE_READDIR, "readdir"},
    {FUSE_RELEASEDIR, "releasedir"},
    {FUSE_ACCESS, "access"},
    {FUSE_INTERRUPT, "interrupt"},
    {FUSE_DESTROY, "destroy"},
    {FUSE_IOCTL, "ioctl"},
    {FUSE_BATCH_FORGET, "batch_forget"},
    {FUSE_READDIRPLUS, "readdirplus"},
    {FUSE_LSEEK, "lseek"},
};

const char* NameOfOpcode(uint32_t opcode) {
  for (const OpcodeName& n : kOpcodeNames)
    if (n.opcode == opcode) return n.name;
  return nullptr;
}

bool IsForget(uint32_t opcode) {
  return opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET;
}

// libfuse would print to stderr; what it has to say is an errno that we see as well.
void DropLog(fuse_log_level, const char*, va_list) {}

}  // namespace

struct FuseSession::State {
  fuse_session* session = nullptr;
  std::shared_ptr<void> userdata;
  std::atomic<bool> stopping = false;
  std::atomic<int> idle = 0;
  std::array<std::atomic<uint64_t>, kOpcodes> counts{};

  std::mutex mutex;  // guards what follows; a leaf
  std::condition_variable ended;
  std::array<pthread_t, kMaxThreads> threads{};
  std::array<bool, kMaxThreads> running{};
  int started = 0;
  int alive = 0;

  ~State() {
    if (session != nullptr)
      fuse_session_destroy(session);  // closes the descriptor: the kernel aborts the connection
  }

  // Its arguments, for a thread: what it keeps alive, and its slot.
  struct Launch {
    std::shared_ptr<State> state;
    int slot;
  };

  static int AddThread(const std::shared_ptr<State>& state);
  static void* ThreadMain(void* argument);
  void Serve(const std::shared_ptr<State>& self);
};

// 0, or an errno. No thread is added once the last slot is taken or the session ends.
int FuseSession::State::AddThread(const std::shared_ptr<State>& state) {
  std::lock_guard lock(state->mutex);
  if (state->started == kMaxThreads || state->stopping) return 0;
  auto* launch = new (std::nothrow) Launch{state, state->started};
  if (launch == nullptr) return ENOMEM;
  sigset_t blocked, before;
  sigfillset(&blocked);
  sigdelset(&blocked, kKickSignal);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackSize);
  pthread_sigmask(SIG_SETMASK, &blocked,
                  &before);  // inherited, so that no signal meets the thread unprepared
  int error =
      pthread_create(&state->threads[static_cast<size_t>(state->started)], &attributes, ThreadMain, launch);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (error != 0) {
    delete launch;
    return error;
  }
  state->running[static_cast<size_t>(state->started++)] = true;
  ++state->alive;
  return 0;
}

void* FuseSession::State::ThreadMain(void* argument) {
  std::unique_ptr<Launch> launch(static_cast<Launch*>(argument));
  State& state = *launch->state;
  state.Serve(launch->state);
  std::lock_guard lock(state.mutex);
  state.running[static_cast<size_t>(launch->slot)] = false;
  --state.alive;
  state.ended.notify_all();
  return nullptr;
}

void FuseSession::State::Serve(const std::shared_ptr<State>& self) {
  fuse_buf buffer{};  // libfuse allocates it; the pages that no request reaches are never touched
  idle.fetch_add(1);
  while (!stopping.load(std::memory_order_relaxed)) {
    int size = fuse_session_receive_buf(session, &buffer);
    if (size == -EINTR || size == -EAGAIN) continue;
    if (size <= 0) break;  // unmounted, or the descriptor is of no more use
    uint32_t opcode = static_cast<const fuse_in_header*>(buffer.mem)->opcode;
    if (opcode < kOpcodes) counts[opcode].fetch_add(1, std::memory_order_relaxed);
    bool last_idle = idle.fetch_sub(1) == 1;
    // The handshake is done by one thread alone; libfuse has no lock around it.
    if (last_idle && opcode != FUSE_INIT && !IsForget(opcode)) AddThread(self);
    fuse_session_process_buf(session, &buffer);
    idle.fetch_add(1);
  }
  idle.fetch_sub(1);
  free(buffer.mem);
}

Result<std::unique_ptr<FuseSession>> FuseSession::Start(const fuse_lowlevel_ops& operations,
                                                        std::shared_ptr<void> userdata, Fd fuse_fd) {
  fuse_set_log_func(DropLog);
  mallopt(M_ARENA_MAX,
          1);  // operations hardly allocate; an arena a thread would cost more memory than it saves time
  struct sigaction kick{};
  kick.sa_handler = [](int) {};
  if (sigaction(kKickSignal, &kick, nullptr) != 0) return FailErrno("install a signal handler");

  auto state = std::make_shared<State>();
  state->userdata = std::move(userdata);
  char name[] = "wolffia";
  char* argv[] = {name, nullptr};
  fuse_args args = FUSE_ARGS_INIT(1, argv);
  state->session = fuse_session_new(&args, &operations, sizeof operations, state->userdata.get());
  fuse_opt_free_args(&args);
  if (state->session == nullptr) return Fail(Code::kIo, "start a FUSE session: out of memory", ENOMEM);
  std::string mounted = "/dev/fd/" + std::to_string(fuse_fd.get());
  if (fuse_session_mount(state->session, mounted.c_str()) != 0)
    return Fail(Code::kIo, "start a FUSE session: the descriptor of /dev/fuse is not valid", EBADF);
  (void)fuse_fd.Release();  // the session closes it
  if (int error = State::AddThread(state); error != 0) return FailErrno("start a FUSE thread", error);
  return std::unique_ptr<FuseSession>(new FuseSession(std::move(state)));
}

FuseSession::~FuseSession() {
  Stop();
}

void FuseSession::Stop() {
  if (state_ == nullptr) return;
  state_->stopping = true;
  std::unique_lock lock(state_->mutex);
  auto deadline = std::chrono::steady_clock::now() + kStopPatience;
  while (state_->alive > 0 && std::chrono::steady_clock::now() < deadline) {
    // Again and again: a signal that comes just before the read starts is lost.
    for (size_t i = 0; i < kMaxThreads; ++i)
      if (state_->running[i]) pthread_kill(state_->threads[i], kKickSignal);
    state_->ended.wait_for(lock, kKickInterval);
  }
  auto threads = state_->threads;
  auto running = state_->running;
  int started = state_->started;
  lock.unlock();
  for (size_t i = 0; i < static_cast<size_t>(started); ++i) {
    if (running[i])
      pthread_detach(threads[i]);
    else
      pthread_join(threads[i], nullptr);
  }
  final_counters_ = Counters();
  state_.reset();
}

std::vector<FuseCounter> FuseSession::Counters() const {
  if (state_ == nullptr) return final_counters_;
  std::vector<FuseCounter> counters;
  for (uint32_t i = 0; i < kOpcodes; ++i) {
    uint64_t count = state_->counts[i].load(std::memory_order_relaxed);
    if (count == 0) continue;
    const char* name = NameOfOpcode(i);
    counters.push_back({name != nullptr ? name : "opcode " + std::to_string(i), count});
  }
  return counters;
}

}  // namespace wolffia
