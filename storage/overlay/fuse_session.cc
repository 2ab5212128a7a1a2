#include "storage/overlay/fuse_session.h"

#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <utility>

#include "storage/overlay/request_reader.h"

namespace wolffia {
namespace {

// The deepest path through libfuse and our operations uses less than 16 KiB; PATH_MAX buffers and a signal
// frame with AVX-512 state come on top. Untouched pages cost nothing.
constexpr size_t kStackSize = 128 << 10;
// Interrupts a wait for /dev/fuse; its handler does nothing. Real-time, because no library gives those a
// meaning.
const int kKickSignal = SIGRTMIN;
constexpr auto kKickInterval = std::chrono::milliseconds(2);
constexpr auto kStopPatience = std::chrono::seconds(3);
// The kernel wants room for the largest write and what precedes it.
constexpr size_t kBufferSize = kFuseMaxWrite + 4096;
// What a thread keeps of its buffer after a large write.
constexpr size_t kKeptBuffer = 128 << 10;

// Memory for requests, of one thread. Pages that no request reaches are never touched.
class RequestBuffer {
 public:
  RequestBuffer() {
    memory_ = mmap(nullptr, kBufferSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  }
  ~RequestBuffer() {
    if (valid()) munmap(memory_, kBufferSize);
  }
  RequestBuffer(const RequestBuffer&) = delete;
  RequestBuffer& operator=(const RequestBuffer&) = delete;
  bool valid() const { return memory_ != MAP_FAILED; }
  char* bytes() const { return static_cast<char*>(memory_); }
  // A request of this size has been read. Gives back what a large one took when the large ones are over.
  void Used(size_t size) {
    if (size > kKeptBuffer) {
      large_ = true;
    } else if (large_) {
      large_ = false;
      madvise(bytes() + kKeptBuffer, kBufferSize - kKeptBuffer, MADV_DONTNEED);
    }
  }

 private:
  void* memory_;
  bool large_ = false;
};

// libfuse would print to stderr; what it has to say is an errno that we see as well.
void DropLog(fuse_log_level, const char*, va_list) {}

// What is to be added to the reply that this thread writes next, if that is one to INIT.
thread_local uint32_t added_init_flags = 0;

// The size of the FUSE_WRITE that this thread serves, 0 if it is another request.
thread_local uint32_t write_size = 0;

bool HoldBack(const iovec* parts, int count) {
  const int error = -static_cast<const fuse_out_header*>(parts[0].iov_base)->error;
  const bool written = write_size != 0 && count >= 2 && parts[1].iov_len >= sizeof(fuse_write_out);
  return second_try.Hold(error,
                         written && static_cast<const fuse_write_out*>(parts[1].iov_base)->size < write_size);
}

// libfuse's way to the kernel. An INIT reply gets our flags on its way.
ssize_t WriteReply(int fd, iovec* parts, int count, void*) {
  if (HoldBack(parts, count)) return 0;
  if (added_init_flags != 0 && count >= 2 && parts[1].iov_len >= offsetof(fuse_init_out, max_background))
    static_cast<fuse_init_out*>(parts[1].iov_base)->flags |= added_init_flags;
  ssize_t written = writev(fd, parts, count);
  // The kernel did not take it: the request was interrupted, or the file system is gone. libfuse prints a
  // message for every errno but this one.
  if (written < 0) errno = ENOENT;
  return written;
}
ssize_t ReadRequest(int fd, void* buffer, size_t size, void*) {
  return read(fd, buffer, size);
}

}  // namespace

struct FuseSession::State {
  fuse_session* session = nullptr;
  int fd = -1;
  std::shared_ptr<void> userdata;
  FuseSessionOptions options;
  FuseCounts own_counts;
  FuseCounts* counts = &own_counts;
  std::atomic<uint32_t> init_flags = 0;  // of options.init_flags, those that the kernel has
  std::atomic<bool> stopping = false;
  std::optional<RequestReader> reader;

  std::mutex mutex;  // guards what follows; a leaf
  std::condition_variable ended;
  std::array<pthread_t, kMaxFuseThreads + 1> threads{};
  std::array<bool, kMaxFuseThreads + 1> running{};
  int started = 0;
  int alive = 0;
  bool stopped = false;    // Stop has been here
  bool abandoned = false;  // it left threads behind; the last one closes

  ~State() { Close(); }
  // Closes the descriptor: the kernel aborts the connection. No thread uses it any more.
  void Close() {
    if (session != nullptr) fuse_session_destroy(std::exchange(session, nullptr));
    userdata.reset();
  }

  // Its arguments, for a thread: what it keeps alive, and its slot.
  struct Launch {
    std::shared_ptr<State> state;
    int slot;
    RequestReader::Role role;
  };

  static int AddThread(const std::shared_ptr<State>& state, RequestReader::Role role);
  static void* ThreadMain(void* argument);
  void Serve(const std::shared_ptr<State>& self, RequestReader::Role role);
  void Process(RequestBuffer& buffer, size_t size);
  void Handshake(const FuseRequest& request);
};

// 0, or an errno. No thread is added once the last slot is taken or the session ends.
int FuseSession::State::AddThread(const std::shared_ptr<State>& state, RequestReader::Role role) {
  std::lock_guard lock(state->mutex);
  const int limit = state->options.threads + (role == RequestReader::Role::kFollower ? 1 : 0);
  if (state->started >= limit || state->stopping) return 0;
  auto* launch = new (std::nothrow) Launch{state, state->started, role};
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
  if (launch->slot == 0 && state.options.confine) state.options.confine();
  state.Serve(launch->state, launch->role);
  std::lock_guard lock(state.mutex);
  state.running[static_cast<size_t>(launch->slot)] = false;
  if (--state.alive == 0 && state.abandoned) state.Close();
  state.ended.notify_all();
  return nullptr;
}

void FuseSession::State::Serve(const std::shared_ptr<State>& self, RequestReader::Role role) {
  RequestBuffer buffer;
  if (!buffer.valid()) return;
  while (uint64_t turn = reader->Take(role)) {
    while (reader->Has(turn)) {
      ssize_t size = reader->Read(turn, role, buffer.bytes(), kBufferSize);
      if (size == -EAGAIN) break;
      if (size < static_cast<ssize_t>(sizeof(fuse_in_header))) {
        reader->Finish();  // unmounted, or the descriptor is of no more use
        return;
      }
      const auto& header = *reinterpret_cast<const fuse_in_header*>(buffer.bytes());
      const uint32_t opcode = header.opcode;
      if (opcode < kFuseOpcodes) counts->by_opcode[opcode].fetch_add(1, std::memory_order_relaxed);
      // The handshake is done by one thread alone; libfuse has no lock around it.
      bool brief = opcode == FUSE_INIT || opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET;
      if (!brief && reader->Alone()) AddThread(self, RequestReader::Role::kAny);
      RequestReader::Service service = reader->Begin(turn, role, header);
      second_try = {.possible = true, .wanted = false};
      Process(buffer, static_cast<size_t>(size));
      if (std::exchange(second_try, {}).wanted) {
        reader->AwaitForgets(turn);
        Process(buffer, static_cast<size_t>(size));
      }
      buffer.Used(static_cast<size_t>(size));
      reader->End(service);
      if (reader->WantsFollower()) AddThread(self, RequestReader::Role::kFollower);
    }
  }
}

void FuseSession::State::Process(RequestBuffer& buffer, size_t size) {
  FuseRequest request;
  request.fd = fd;
  request.header = reinterpret_cast<const fuse_in_header*>(buffer.bytes());
  request.body = buffer.bytes() + sizeof(fuse_in_header);
  request.size = size - sizeof(fuse_in_header);
  request.init_flags = init_flags.load(std::memory_order_relaxed);
  if (int error = CheckRequest(request); error != 0) {
    if (NeedsReply(request)) Reply(request, error);
  } else if (options.intercept == nullptr || !options.intercept(userdata.get(), request)) {
    write_size = request.header->opcode == FUSE_WRITE ? request.As<fuse_write_in>().size : 0;
    if (request.header->opcode == FUSE_INIT) Handshake(request);
    fuse_buf whole{};
    whole.mem = buffer.bytes();
    whole.size = size;
    fuse_session_process_buf(session, &whole);
    added_init_flags = 0;
  }
}

void FuseSession::State::Handshake(const FuseRequest& request) {
  added_init_flags = request.As<fuse_init_in>().flags & options.init_flags;
  init_flags = added_init_flags;
}

Result<std::unique_ptr<FuseSession>> FuseSession::Start(const fuse_lowlevel_ops& operations,
                                                        std::shared_ptr<void> userdata, Fd fuse_fd,
                                                        const FuseSessionOptions& options) {
  fuse_set_log_func(DropLog);
  mallopt(M_ARENA_MAX,
          1);  // operations hardly allocate; an arena a thread would cost more memory than it saves time
  struct sigaction kick{};
  kick.sa_handler = [](int) {};
  if (sigaction(kKickSignal, &kick, nullptr) != 0) return FailErrno("install a signal handler");
  if (fcntl(fuse_fd.get(), F_GETFD) < 0)
    return Fail(Code::kIo, "start a FUSE session: the descriptor of /dev/fuse is not valid", EBADF);

  auto state = std::make_shared<State>();
  state->userdata = std::move(userdata);
  state->options = options;
  state->options.threads = std::clamp(options.threads, 1, kMaxFuseThreads);
  if (options.counts != nullptr) state->counts = options.counts;
  char name[] = "wolffia";
  char* argv[] = {name, nullptr};
  fuse_args args = FUSE_ARGS_INIT(1, argv);
  state->session = fuse_session_new(&args, &operations, sizeof operations, state->userdata.get());
  fuse_opt_free_args(&args);
  fuse_custom_io io{};
  io.read = ReadRequest;
  io.writev = WriteReply;
  state->fd = fuse_fd.get();
  if (state->session == nullptr || fuse_session_custom_io(state->session, &io, state->fd) != 0)
    return Fail(Code::kIo, "start a FUSE session: out of memory", ENOMEM);
  (void)fuse_fd.Release();  // the session closes it
  state->reader.emplace(state->fd, state->stopping);
  if (int error = State::AddThread(state, RequestReader::Role::kAny); error != 0)
    return FailErrno("start a FUSE thread", error);
  return std::unique_ptr<FuseSession>(new FuseSession(std::move(state)));
}

FuseSession::~FuseSession() {
  Stop();
}

void FuseSession::Wait() {
  std::unique_lock lock(state_->mutex);
  state_->ended.wait(lock, [&] { return state_->alive == 0; });
}

void FuseSession::Stop() {
  State& state = *state_;
  state.stopping = true;
  state.reader->Wake();
  std::unique_lock lock(state.mutex);
  if (std::exchange(state.stopped, true)) return;
  auto deadline = std::chrono::steady_clock::now() + kStopPatience;
  while (state.alive > 0 && std::chrono::steady_clock::now() < deadline) {
    // Again and again: a signal that comes just before the wait starts is lost.
    for (size_t i = 0; i < state.running.size(); ++i)
      if (state.running[i]) pthread_kill(state.threads[i], kKickSignal);
    state.ended.wait_for(lock, kKickInterval);
  }
  state.abandoned = state.alive > 0;
  // A thread that is not running any more holds the mutex for a moment at most, and needs it no more.
  for (size_t i = 0; i < static_cast<size_t>(state.started); ++i) {
    if (state.running[i])
      pthread_detach(state.threads[i]);
    else
      pthread_join(state.threads[i], nullptr);
  }
  if (!state.abandoned) state.Close();
}

void FuseSession::FollowClients(Fd proc) {
  state_->reader->FollowClients(std::move(proc));
}

std::vector<FuseCounter> FuseSession::Counters() const {
  return NamedCounters(*state_->counts);
}

}  // namespace wolffia
