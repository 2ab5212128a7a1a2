#include "engine/runtime/health_probe.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "engine/base/random.h"
#include "engine/base/socket.h"
#include "engine/runtime/exec_request.h"

namespace wolffia {
namespace {

constexpr size_t kKeptOutput = 500;  // bytes
constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kHelperPatience = 2'000'000'000;

int ExitCodeOf(const Error& error) {
  return error.code == Code::kNoCommand ? 127 : error.code == Code::kNotExecutable ? 126 : 125;
}

// "30s", "1.5s": for people.
std::string Seconds(int64_t nanoseconds) {
  std::string text = std::to_string(nanoseconds / 1'000'000'000);
  if (int64_t tenths = nanoseconds / 100'000'000 % 10; tenths != 0) text += "." + std::to_string(tenths);
  return text + "s";
}

}  // namespace

void HealthProbe::Start(const Store& store, const std::string& container_id, int init_pidfd) {
  result_.start_ns = context_.now();
  auto begun = Begin(store, container_id, init_pidfd);
  if (begun) return;
  Close();
  exit_code_ = ExitCodeOf(begun.error());
  result_.output = begun.error().what;
  timer_ = loop_.After(0, [this] { Finish(exit_code_); });
}

Result<> HealthProbe::Begin(const Store& store, const std::string& container_id, int init_pidfd) {
  Fd null = TRY(Open("/dev/null", O_RDWR));
  Pipe pipe = TRY(MakePipe());
  Fd init(fcntl(init_pidfd, F_DUPFD_CLOEXEC, 3));
  if (!init) return FailErrno("the container's first process");
  ContainerStatus status;
  status.record.id = container_id;
  // The helper kills the command, and reaps it: its own end would leave that to the container's first
  // process.
  ExecRequest request{.command = probe_.argv, .id = RandomHex(32)};
  request.timeout_ms = probe_.timeout_ns / kMillisecond + 1;
  request.events = false;
  std::vector<Donation> stdio = {{null.get(), 0}, {pipe.write.get(), 1}, {pipe.write.get(), 2}};
  helper_ =
      TRY(StartExecHelper(context_, store, status, std::move(init), request, std::move(stdio), &control_));
  output_ = std::move(pipe.read);
  fcntl(output_.get(), F_SETFL, O_NONBLOCK);
  TRY(loop_.Watch(output_.get(), EPOLLIN, [this](uint32_t) { ReadOutput(); }));
  TRY(loop_.Watch(control_.get(), EPOLLIN, [this](uint32_t) { HearHelper(); }));
  TRY(loop_.Watch(helper_.pidfd(), EPOLLIN, [this](uint32_t) { End(); }));
  timer_ = loop_.After(probe_.timeout_ns, [this] {
    too_long_ = true;
    timer_ = loop_.After(kHelperPatience, [this] {
      timer_ = 0;
      (void)helper_.Signal(SIGKILL);  // the command dies with it
    });
  });
  return {};
}

// All of it is read, so that the command never waits for us; the first bytes are kept.
void HealthProbe::ReadOutput() {
  char buffer[4096];
  ssize_t n = read(output_.get(), buffer, sizeof buffer);
  if (n < 0) return;
  if (n == 0) {
    loop_.Forget(output_.get());
    return output_.Reset();
  }
  size_t room = kKeptOutput - result_.output.size();
  result_.output.append(buffer, std::min(static_cast<size_t>(n), room));
}

void HealthProbe::HearHelper() {
  auto packet = ReceivePacket(control_.get());
  auto message = packet ? DecodeControl(packet->data) : std::unexpected(packet.error());
  if (!message) {
    loop_.Forget(control_.get());
    return control_.Reset();
  }
  if (const auto* exited = std::get_if<Exited>(&*message)) exit_code_ = exited->exit_code;
  if (const auto* failed = std::get_if<Failed>(&*message)) {
    exit_code_ = ExitCodeOf(failed->error);
    result_.output = failed->error.what;
  }
}

// The helper has ended: what it and the command have said is in the socket and in the pipe.
void HealthProbe::End() {
  while (control_) HearHelper();
  for (size_t before = SIZE_MAX; output_ && before != result_.output.size();) {
    before = result_.output.size();
    ReadOutput();
  }
  if (too_long_) {
    exit_code_ = -1;
    result_.output = "Health check exceeded timeout (" + Seconds(probe_.timeout_ns) + ")";
  }
  Finish(exit_code_);
}

void HealthProbe::Finish(int exit_code) {
  Close();
  result_.exit_code = exit_code;
  result_.end_ns = context_.now();
  // Whoever is told may destroy us.
  HealthSchedule::Done done = std::move(done_);
  HealthResult result = std::move(result_);
  done(result);
}

void HealthProbe::Close() {
  if (timer_ != 0) loop_.Cancel(std::exchange(timer_, 0));
  for (Fd* fd : {&control_, &output_})
    if (*fd) {
      loop_.Forget(fd->get());
      fd->Reset();
    }
  if (!helper_.running()) return;
  loop_.Forget(helper_.pidfd());
  helper_ = Child();  // killed if it runs, and reaped
}

}  // namespace wolffia
