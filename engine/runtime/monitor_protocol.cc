#include "engine/runtime/monitor_protocol.h"

#include <cstring>

namespace wolffia {
namespace {

// A packet: one byte that is the index of the variant, then the fields in order: integers as 8 bytes of the
// host's order (both ends are this program), strings as a length and bytes.
class Writer {
 public:
  explicit Writer(size_t kind) : out_(1, static_cast<char>(kind)) {}
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
  int Small() {
    int64_t value = Int();
    ok_ = ok_ && value >= INT32_MIN && value <= INT32_MAX;
    return ok_ ? static_cast<int>(value) : 0;
  }
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
  void operator()(const StartRequest& m) const {
    out.Text(m.store_root);
    out.Text(m.store_runroot);
    out.Text(m.container_id);
    out.Int(m.volatile_store);
    out.Int(m.stdin_open);
    out.Int(m.log_level);
  }
  void operator()(const Started& m) const { out.Int(m.pid); }
  void operator()(const Failed& m) const {
    out.Int(static_cast<int>(m.error.code));
    out.Int(m.error.os_errno);
    out.Text(std::string_view(m.error.what).substr(0, 16384));  // a packet is bounded
  }
  void operator()(const Signalled& m) const { out.Int(m.signal); }
  void operator()(const Exited& m) const { out.Int(m.exit_code); }
};

MonitorMessage ReadFields(Reader& in, size_t kind) {
  switch (kind) {
    case 0: {
      StartRequest m{in.Text(), in.Text(), in.Text()};
      m.volatile_store = in.Int() != 0;
      m.stdin_open = in.Int() != 0;
      m.log_level = in.Small();
      return m;
    }
    case 1:
      return Started{in.Small()};
    case 2: {
      int code = in.Small();
      Code known =
          code >= 0 && code <= static_cast<int>(Code::kNoCommand) ? static_cast<Code>(code) : Code::kIo;
      int os_errno = in.Small();
      return Failed{Error{known, os_errno, in.Text()}};
    }
    case 3:
      return Signalled{in.Small()};
    default:
      return Exited{in.Small()};
  }
}

}  // namespace

std::string Encode(const MonitorMessage& message) {
  Writer out(message.index());
  std::visit(Encoder{out}, message);
  return out.Take();
}

Result<MonitorMessage> Decode(std::string_view packet) {
  std::unexpected<Error> malformed =
      Fail(Code::kCorrupt, "malformed message between wolffia and wolffia-monitor");
  if (packet.empty()) return malformed;
  auto kind = static_cast<size_t>(static_cast<unsigned char>(packet[0]));
  if (kind >= std::variant_size_v<MonitorMessage>) return malformed;
  Reader in(packet.substr(1));
  MonitorMessage message = ReadFields(in, kind);
  if (!in.Done()) return malformed;
  return message;
}

}  // namespace wolffia
