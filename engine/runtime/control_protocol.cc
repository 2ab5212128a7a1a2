#include "engine/runtime/control_protocol.h"

#include <cstring>

namespace wolffia {
namespace {

constexpr size_t kMaxSentence = 16384;

// After version and kind (the index of the variant) the fields in order: integers as 8 bytes of the host's
// order, strings as a length and bytes.
class Writer {
 public:
  explicit Writer(size_t kind) : out_{static_cast<char>(kControlVersion), static_cast<char>(kind)} {}
  void Int(int64_t value) { out_.append(reinterpret_cast<const char*>(&value), sizeof value); }
  void Text(std::string_view text) {
    Int(static_cast<int64_t>(text.size()));
    out_.append(text);
  }
  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
};

class Reader {
 public:
  explicit Reader(std::string_view data) : rest_(data) {}
  int64_t Int() {
    int64_t value = 0;
    if (rest_.size() < sizeof value) {
      ok_ = false;
      return 0;
    }
    memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value;
  }
  int64_t Within(int64_t low, int64_t high) {
    int64_t value = Int();
    ok_ = ok_ && value >= low && value <= high;
    return ok_ ? value : low;
  }
  int Small() { return static_cast<int>(Within(INT32_MIN, INT32_MAX)); }
  uint16_t Short() { return static_cast<uint16_t>(Within(0, UINT16_MAX)); }
  bool Bool() { return Within(0, 1) != 0; }
  std::string Text() {
    int64_t size = Int();
    if (size < 0 || static_cast<uint64_t>(size) > rest_.size()) ok_ = false;
    if (!ok_) return "";
    std::string text(rest_.substr(0, static_cast<size_t>(size)));
    rest_.remove_prefix(static_cast<size_t>(size));
    return text;
  }
  bool Done() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

struct Encoder {
  Writer& out;
  void operator()(const TerminalSize& m) const {
    out.Int(m.rows);
    out.Int(m.columns);
  }
  void operator()(const AttachRequest& m) const {
    out.Int(m.streams);
    out.Int(m.lossless);
    (*this)(m.size);
  }
  void operator()(const StartRequest& m) const {
    out.Text(m.store_root);
    out.Text(m.store_runroot);
    out.Text(m.container_id);
    out.Int(m.volatile_store);
    out.Int(m.verify_reads);
    out.Int(m.log_level);
    out.Int(static_cast<int>(m.mode));
    (*this)(m.attach);
  }
  void operator()(const ResizeRequest& m) const { (*this)(m.size); }
  void operator()(const SignalRequest& m) const { out.Int(m.signal); }
  void operator()(const StopRequest& m) const {
    out.Int(m.signal);
    out.Int(m.timeout_ms);
  }
  void operator()(const RestartRequest& m) const { out.Int(m.timeout_ms); }
  void operator()(const PauseRequest& m) const { out.Int(m.pause); }
  void operator()(const GoRequest&) const {}
  void operator()(const RestartPolicyRequest& m) const {
    out.Text(m.policy);
    out.Int(m.retries);
  }
  void operator()(const ProcessRequest&) const {}
  void operator()(const HealthRequest&) const {}
  void operator()(const NetworkRequest&) const {}
  void operator()(const NotifierRequest&) const {}
  void operator()(const Started& m) const { out.Int(m.pid); }
  void operator()(const Failed& m) const {
    out.Int(static_cast<int>(m.error.code));
    out.Int(m.error.os_errno);
    out.Text(std::string_view(m.error.what).substr(0, kMaxSentence));  // a packet is bounded
  }
  void operator()(const Exited& m) const {
    out.Int(m.exit_code);
    out.Text(std::string_view(m.error).substr(0, kMaxSentence));
  }
  void operator()(const Attached& m) const { out.Int(m.tty); }
  void operator()(const Done& m) const { out.Int(m.forced); }
  void operator()(const Overrun& m) const {
    out.Int(m.stream);
    out.Int(m.bytes);
  }
  void operator()(const Process& m) const { out.Int(m.pid); }
  void operator()(const Health& m) const {
    out.Int(m.exit_code);
    out.Text(std::string_view(m.output).substr(0, kMaxSentence));
  }
};

struct Decoder {
  Reader& in;
  void operator()(TerminalSize& m) const {
    m.rows = in.Short();
    m.columns = in.Short();
  }
  void operator()(AttachRequest& m) const {
    m.streams = static_cast<int>(in.Within(0, kStdin | kStdout | kStderr));
    m.lossless = in.Bool();
    (*this)(m.size);
  }
  void operator()(StartRequest& m) const {
    m.store_root = in.Text();
    m.store_runroot = in.Text();
    m.container_id = in.Text();
    m.volatile_store = in.Bool();
    m.verify_reads = in.Bool();
    m.log_level = in.Small();
    m.mode = static_cast<StartMode>(in.Within(0, static_cast<int>(StartMode::kRootOnly)));
    (*this)(m.attach);
  }
  void operator()(ResizeRequest& m) const { (*this)(m.size); }
  void operator()(SignalRequest& m) const { m.signal = in.Small(); }
  void operator()(StopRequest& m) const {
    m.signal = in.Small();
    m.timeout_ms = in.Int();
  }
  void operator()(RestartRequest& m) const { m.timeout_ms = in.Int(); }
  void operator()(PauseRequest& m) const { m.pause = in.Bool(); }
  void operator()(GoRequest&) const {}
  void operator()(RestartPolicyRequest& m) const {
    m.policy = in.Text();
    m.retries = in.Small();
  }
  void operator()(ProcessRequest&) const {}
  void operator()(HealthRequest&) const {}
  void operator()(NetworkRequest&) const {}
  void operator()(NotifierRequest&) const {}
  void operator()(Started& m) const { m.pid = in.Small(); }
  void operator()(Failed& m) const {
    const int code = in.Small();
    const bool known = code >= 0 && code <= static_cast<int>(Code::kNoCommand);
    m.error.code = known ? static_cast<Code>(code) : Code::kIo;
    m.error.os_errno = in.Small();
    m.error.what = in.Text();
  }
  void operator()(Exited& m) const {
    m.exit_code = in.Small();
    m.error = in.Text();
  }
  void operator()(Attached& m) const { m.tty = in.Bool(); }
  void operator()(Done& m) const { m.forced = in.Bool(); }
  void operator()(Overrun& m) const {
    m.stream = in.Small();
    m.bytes = in.Int();
  }
  void operator()(Process& m) const { m.pid = in.Small(); }
  void operator()(Health& m) const {
    m.exit_code = in.Small();
    m.output = in.Text();
  }
};

template <size_t N = 0>
ControlMessage EmptyOfKind(size_t kind) {
  if constexpr (N + 1 < std::variant_size_v<ControlMessage>)
    if (kind != N) return EmptyOfKind<N + 1>(kind);
  return ControlMessage(std::in_place_index<N>);
}

}  // namespace

std::string Encode(const ControlMessage& message) {
  Writer out(message.index());
  std::visit(Encoder{out}, message);
  return out.Take();
}

Result<ControlMessage> DecodeControl(std::string_view packet) {
  std::unexpected<Error> malformed = Fail(Code::kCorrupt, "malformed message between wolffia's programs");
  if (packet.size() < 2) return malformed;
  if (static_cast<uint8_t>(packet[0]) != kControlVersion)
    return Fail(
        Code::kUnsupported,
        "wolffia and the container's monitor are of different versions; stop the container with a signal "
        "and start it again");
  const auto kind = static_cast<size_t>(static_cast<uint8_t>(packet[1]));
  if (kind >= std::variant_size_v<ControlMessage>) return malformed;
  ControlMessage message = EmptyOfKind(kind);
  Reader in(packet.substr(2));
  std::visit(Decoder{in}, message);
  if (!in.Done()) return malformed;
  return message;
}

}  // namespace wolffia
