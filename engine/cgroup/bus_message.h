// BusMessage: one message of the D-Bus protocol (dbus.freedesktop.org/doc/dbus-specification.html,
// little-endian, version 1), as much of it as a request to systemd needs. Pure. No library does this here:
// the monitor is a static program, into which none can be loaded, and the whole of it is less than what
// loading one costs.
//
// What comes in is the user's own systemd's, but bounded and checked like anything else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace wolffia {

// A body, value by value. Alignment is that of the message's beginning, which is a multiple of 8.
class BusWriter {
 public:
  void Byte(uint8_t value) { text_.push_back(static_cast<char>(value)); }
  void Bool(bool value) { Uint32(value ? 1 : 0); }
  void Uint32(uint32_t value);
  void Uint64(uint64_t value);
  void String(std::string_view value);  // also an object path
  void Signature(std::string_view value);
  void Pad(size_t alignment);
  // An array of elements with this alignment: what is written between the two is its content.
  size_t BeginArray(size_t alignment);
  void EndArray(size_t begun, size_t alignment);
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

struct BusCall {
  std::string destination;  // empty on a connection without a bus
  std::string path, interface, member, signature, body;
};
std::string EncodeBusCall(const BusCall& call, uint32_t serial);

struct BusMessage {
  enum class Type { kCall = 1, kReturn = 2, kError = 3, kSignal = 4 };
  Type type = Type::kCall;
  uint32_t reply_serial = 0;
  std::string interface, member, error_name, signature, body;
};

// Takes the first whole message off the front of `buffer`; nullopt if more is needed. kCorrupt for what is
// none.
Result<std::optional<BusMessage>> TakeBusMessage(std::string& buffer);

// Values of a body, from its beginning. A read past the end makes ok() false, and gives zeros.
class BusReader {
 public:
  explicit BusReader(std::string_view text) : text_(text) {}
  uint8_t Byte();
  uint32_t Uint32();
  std::string_view String();
  std::string_view Signature();
  void Pad(size_t alignment);
  void Skip(std::string_view type);  // of the basic types
  size_t at() const { return at_; }
  bool ok() const { return ok_; }

 private:
  std::string_view Take(size_t size);
  std::string_view text_;
  size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace wolffia
