#include "engine/runtime/stop_signal.h"

#include <charconv>
#include <csignal>

namespace wolffia {
namespace {

constexpr int kLastSignal = 64, kRtMin = 34;  // as the C library counts: it keeps two for itself

struct Name {
  std::string_view name;
  int signal;
};
constexpr Name kNames[] = {
    {"HUP", SIGHUP},       {"INT", SIGINT},   {"QUIT", SIGQUIT},   {"ILL", SIGILL},   {"TRAP", SIGTRAP},
    {"ABRT", SIGABRT},     {"BUS", SIGBUS},   {"FPE", SIGFPE},     {"KILL", SIGKILL}, {"USR1", SIGUSR1},
    {"SEGV", SIGSEGV},     {"USR2", SIGUSR2}, {"PIPE", SIGPIPE},   {"ALRM", SIGALRM}, {"TERM", SIGTERM},
    {"STKFLT", 16},        {"CHLD", SIGCHLD}, {"CONT", SIGCONT},   {"STOP", SIGSTOP}, {"TSTP", SIGTSTP},
    {"TTIN", SIGTTIN},     {"TTOU", SIGTTOU}, {"URG", SIGURG},     {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ},
    {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF}, {"WINCH", SIGWINCH}, {"IO", SIGIO},     {"PWR", SIGPWR},
    {"SYS", SIGSYS},       {"IOT", SIGABRT},  {"CLD", SIGCHLD},    {"POLL", SIGIO},
};

int Number(std::string_view text) {
  int number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return !text.empty() && error == std::errc() && rest == text.data() + text.size() ? number : -1;
}

int ByName(std::string_view name) {
  for (const Name& known : kNames)
    if (known.name == name) return known.signal;
  if (name == "RTMIN") return kRtMin;
  if (name == "RTMAX") return kLastSignal;
  int offset = name.size() > 6 ? Number(name.substr(6)) : -1;
  if (offset < 0 || offset > kLastSignal - kRtMin) return -1;
  if (name.starts_with("RTMIN+")) return kRtMin + offset;
  if (name.starts_with("RTMAX-")) return kLastSignal - offset;
  return -1;
}

}  // namespace

Result<int> ParseSignal(std::string_view text) {
  int signal = Number(text);
  if (signal < 0) {
    std::string name(text);
    for (char& c : name)
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    signal = ByName(name.starts_with("SIG") ? std::string_view(name).substr(3) : name);
  }
  if (signal < 1 || signal > kLastSignal) return Fail(Code::kInvalid, "invalid signal: " + std::string(text));
  return signal;
}

std::string SignalName(int signal) {
  for (const Name& known : kNames)
    if (known.signal == signal) return "SIG" + std::string(known.name);
  if (signal == kRtMin) return "SIGRTMIN";
  if (signal == kLastSignal) return "SIGRTMAX";
  if (signal > kRtMin && signal < kLastSignal) return "SIGRTMIN+" + std::to_string(signal - kRtMin);
  return std::to_string(signal);
}

}  // namespace wolffia
