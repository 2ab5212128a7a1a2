#include "engine/cgroup/bus_message.h"

#include <cstring>

namespace wolffia {
namespace {

constexpr size_t kMaxMessage = 1 << 20;  // far above any answer to what is asked
constexpr size_t kFixedHeader = 16;      // with the length of the fields

enum Field : uint8_t {
  kPath = 1,
  kInterface = 2,
  kMember = 3,
  kErrorName = 4,
  kReplySerial = 5,
  kDestination = 6,
  kSignature = 8
};

void WriteField(BusWriter& out, Field field, std::string_view type, std::string_view value) {
  if (value.empty()) return;
  out.Pad(8);
  out.Byte(field);
  out.Signature(type);
  if (type == "g")
    out.Signature(value);
  else
    out.String(value);
}

size_t RoundUp(size_t size, size_t alignment) {
  return (size + alignment - 1) / alignment * alignment;
}

uint32_t NumberAt(std::string_view text, size_t at) {
  uint32_t value = 0;
  memcpy(&value, text.data() + at, sizeof value);
  return value;
}

Result<> ReadFields(std::string_view fields, BusMessage& message) {
  BusReader in(fields);
  while (in.ok() && in.at() < fields.size()) {
    in.Pad(8);
    const uint8_t field = in.Byte();
    const std::string_view type = in.Signature();
    const bool text = type == "s" || type == "o";
    if (field == kReplySerial && type == "u")
      message.reply_serial = in.Uint32();
    else if (field == kInterface && text)
      message.interface = in.String();
    else if (field == kMember && text)
      message.member = in.String();
    else if (field == kErrorName && text)
      message.error_name = in.String();
    else if (field == kSignature && type == "g")
      message.signature = in.Signature();
    else
      in.Skip(type);
  }
  if (!in.ok()) return Fail(Code::kCorrupt, "the bus sent a malformed message");
  return {};
}

}  // namespace

void BusWriter::Pad(size_t alignment) {
  text_.resize(RoundUp(text_.size(), alignment), '\0');
}

void BusWriter::Uint32(uint32_t value) {
  Pad(4);
  text_.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void BusWriter::Uint64(uint64_t value) {
  Pad(8);
  text_.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void BusWriter::String(std::string_view value) {
  Uint32(static_cast<uint32_t>(value.size()));
  text_.append(value).push_back('\0');
}

void BusWriter::Signature(std::string_view value) {
  Byte(static_cast<uint8_t>(value.size()));
  text_.append(value).push_back('\0');
}

// The padding before the first element does not count as content.
size_t BusWriter::BeginArray(size_t alignment) {
  Uint32(0);
  const size_t begun = text_.size();
  Pad(alignment);
  return begun;
}

void BusWriter::EndArray(size_t begun, size_t alignment) {
  const auto size = static_cast<uint32_t>(text_.size() - RoundUp(begun, alignment));
  memcpy(text_.data() + begun - sizeof size, &size, sizeof size);
}

std::string EncodeBusCall(const BusCall& call, uint32_t serial) {
  BusWriter out;
  for (uint8_t byte : {uint8_t{'l'}, uint8_t{1}, uint8_t{0}, uint8_t{1}}) out.Byte(byte);
  out.Uint32(static_cast<uint32_t>(call.body.size()));
  out.Uint32(serial);
  const size_t fields = out.BeginArray(8);
  WriteField(out, kPath, "o", call.path);
  WriteField(out, kInterface, "s", call.interface);
  WriteField(out, kMember, "s", call.member);
  WriteField(out, kDestination, "s", call.destination);
  WriteField(out, kSignature, "g", call.signature);
  out.EndArray(fields, 8);
  out.Pad(8);
  return out.text() + call.body;
}

Result<std::optional<BusMessage>> TakeBusMessage(std::string& buffer) {
  if (buffer.size() < kFixedHeader) return std::optional<BusMessage>();
  const size_t body = NumberAt(buffer, 4), fields = NumberAt(buffer, 12);
  if (buffer[0] != 'l' || buffer[3] != 1 || buffer[1] < 1 || buffer[1] > 4 || body > kMaxMessage ||
      fields > kMaxMessage)
    return Fail(Code::kCorrupt, "the bus sent what is no message of D-Bus");
  const size_t header = RoundUp(kFixedHeader + fields, 8);
  if (buffer.size() < header + body) return std::optional<BusMessage>();
  BusMessage message;
  message.type = static_cast<BusMessage::Type>(buffer[1]);
  TRY(ReadFields(std::string_view(buffer).substr(kFixedHeader, fields), message));
  message.body = buffer.substr(header, body);
  buffer.erase(0, header + body);
  return std::optional(std::move(message));
}

std::string_view BusReader::Take(size_t size) {
  if (!ok_ || size > text_.size() - at_) {
    ok_ = false;
    at_ = text_.size();
    return {};
  }
  at_ += size;
  return text_.substr(at_ - size, size);
}

void BusReader::Pad(size_t alignment) {
  Take(RoundUp(at_, alignment) - at_);
}

uint8_t BusReader::Byte() {
  const std::string_view byte = Take(1);
  return byte.empty() ? uint8_t{0} : static_cast<uint8_t>(byte[0]);
}

uint32_t BusReader::Uint32() {
  Pad(4);
  const std::string_view bytes = Take(4);
  return bytes.empty() ? 0 : NumberAt(bytes, 0);
}

std::string_view BusReader::String() {
  const uint32_t size = Uint32();
  const std::string_view value = Take(size);
  Take(1);
  return value;
}

std::string_view BusReader::Signature() {
  const std::string_view value = Take(Byte());
  Take(1);
  return value;
}

void BusReader::Skip(std::string_view type) {
  if (type == "s" || type == "o")
    String();
  else if (type == "g")
    Signature();
  else if (type == "u")
    Uint32();
  else
    ok_ = false;
}

}  // namespace wolffia
