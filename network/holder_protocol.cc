#include "network/holder_protocol.h"

#include <cstring>
#include <type_traits>

namespace wolffia {
namespace {

// Each packet begins with these two. Of the version the programs know their own only: a holder outlives an
// upgrade.
constexpr uint32_t kVersion = 1;
enum Kind : uint32_t { kJoin = 1, kAttach, kAnswer, kStart };

template <typename Codec, typename T>
void Each(Codec& codec, T& value);

class Writer {
 public:
  template <typename Number>
    requires std::is_arithmetic_v<Number>
  void operator()(const Number& number) {
    const auto wide = static_cast<int64_t>(number);
    bytes_.append(reinterpret_cast<const char*>(&wide), sizeof wide);
  }
  void operator()(const std::string& text) {
    (*this)(text.size());
    bytes_ += text;
  }
  template <typename Part>
  void operator()(const std::vector<Part>& parts) {
    (*this)(parts.size());
    for (const Part& part : parts) Each(*this, part);
  }
  void operator()(const std::map<std::string, std::string>& pairs) {
    (*this)(pairs.size());
    for (const auto& [key, value] : pairs) (*this)(key), (*this)(value);
  }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Whatever the bytes are, it stops at their end, and no value is larger than they are.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  template <typename Number>
    requires std::is_arithmetic_v<Number>
  void operator()(Number& number) {
    int64_t wide = 0;
    if (bytes_.size() < sizeof wide) return Fail();
    memcpy(&wide, bytes_.data(), sizeof wide);
    bytes_.remove_prefix(sizeof wide);
    number = static_cast<Number>(wide);
  }
  void operator()(std::string& text) {
    const size_t size = Size();
    text = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
  }
  template <typename Part>
  void operator()(std::vector<Part>& parts) {
    const size_t count = Size();
    for (size_t i = 0; i < count && good_; i++) Each(*this, parts.emplace_back());
  }
  void operator()(std::map<std::string, std::string>& pairs) {
    const size_t count = Size();
    for (size_t i = 0; i < count && good_; i++) {
      std::string key;
      (*this)(key);
      (*this)(pairs[key]);
    }
  }
  bool Finished() const { return good_ && bytes_.empty(); }

 private:
  void Fail() {
    good_ = false;
    bytes_ = {};
  }
  size_t Size() {
    uint64_t size = 0;
    (*this)(size);
    if (size > bytes_.size()) Fail();
    return good_ ? size : 0;
  }
  std::string_view bytes_;
  bool good_ = true;
};

// Both directions of each struct at once: the order of its members is that of the bytes.
template <typename Codec, typename T>
void Each(Codec& c, T& v) {
  using Value = std::remove_const_t<T>;
  if constexpr (std::is_same_v<Value, NetworkSubnet>) {
    c(v.subnet), c(v.gateway), c(v.lease_start), c(v.lease_end);
  } else if constexpr (std::is_same_v<Value, NetworkRecord>) {
    c(v.name), c(v.id), c(v.driver), c(v.interface), c(v.created_ns), c(v.subnets), c(v.ipv6), c(v.internal),
        c(v.dns_enabled), c(v.labels), c(v.options);
  } else if constexpr (std::is_same_v<Value, NetworkUse>) {
    c(v.network), c(v.aliases), c(v.ip), c(v.ip6), c(v.mac), c(v.interface);
  } else if constexpr (std::is_same_v<Value, InterfaceState>) {
    c(v.network), c(v.interface), c(v.ip), c(v.gateway), c(v.ip6), c(v.gateway6), c(v.mac), c(v.prefix),
        c(v.prefix6), c(v.aliases);
  } else if constexpr (std::is_same_v<Value, Membership>) {
    Each(c, v.network), Each(c, v.use);
  } else if constexpr (std::is_same_v<Value, JoinRequest>) {
    c(v.container), c(v.name), c(v.networks), c(v.dns);
  } else if constexpr (std::is_same_v<Value, HolderAnswer>) {
    c(v.error), c(v.code), c(v.interfaces), c(v.name_servers);
  } else if constexpr (std::is_same_v<Value, HolderStart>) {
    c(v.newuidmap), c(v.newgidmap), c(v.uids), c(v.gids);
  } else if constexpr (!std::is_same_v<Value, AttachNetworkRequest>) {
    c(v);
  }
}

template <typename T>
std::string Pack(Kind kind, const T& value) {
  Writer writer;
  writer(kVersion), writer(static_cast<uint32_t>(kind));
  Each(writer, value);
  return writer.Take();
}

struct Heading {
  uint32_t version = 0, kind = 0;
};

Result<Heading> Open(Reader& reader) {
  Heading heading;
  reader(heading.version), reader(heading.kind);
  if (heading.version != 0 && heading.version != kVersion)
    return Fail(
        Code::kUnsupported,
        "the containers' networks are held by another version of wolffia: stop the containers that use them");
  return heading;
}

template <typename T>
Result<T> Unpack(Reader& reader, uint32_t kind, Kind expected) {
  T value;
  if (kind == expected) Each(reader, value);
  if (kind != expected || !reader.Finished())
    return Fail(Code::kCorrupt, "a malformed packet between wolffia's programs for networks");
  return value;
}

template <typename T>
Result<T> UnpackOne(std::string_view packet, Kind expected) {
  Reader reader(packet);
  const Heading heading = TRY(Open(reader));
  return Unpack<T>(reader, heading.kind, expected);
}

}  // namespace

std::string Encode(const HolderRequest& request) {
  if (auto* join = std::get_if<JoinRequest>(&request)) return Pack(kJoin, *join);
  return Pack(kAttach, std::get<AttachNetworkRequest>(request));
}

std::string Encode(const HolderAnswer& answer) {
  return Pack(kAnswer, answer);
}

std::string Encode(const HolderStart& start) {
  return Pack(kStart, start);
}

Result<HolderRequest> DecodeHolderRequest(std::string_view packet) {
  Reader reader(packet);
  const Heading heading = TRY(Open(reader));
  if (heading.kind == kAttach) return TRY(Unpack<AttachNetworkRequest>(reader, heading.kind, kAttach));
  return TRY(Unpack<JoinRequest>(reader, heading.kind, kJoin));
}

Result<HolderAnswer> DecodeHolderAnswer(std::string_view packet) {
  return UnpackOne<HolderAnswer>(packet, kAnswer);
}

Result<HolderStart> DecodeHolderStart(std::string_view packet) {
  return UnpackOne<HolderStart>(packet, kStart);
}

}  // namespace wolffia
