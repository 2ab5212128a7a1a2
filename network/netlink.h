// Netlink, raw: messages built in a buffer, sent, and answered (netlink(7), rtnetlink(7)). No library, so
// that it costs nothing at start and links statically. What the messages mean is said by links.h, rate.h and
// nft.h.
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/fd.h"

namespace wolffia {

// One message, or several one after the other (nftables wants batches).
class NetlinkMessage {
 public:
  // NLM_F_REQUEST is added. Begins a message; the one before it, if there is one, is complete.
  NetlinkMessage& Start(uint16_t type, uint16_t flags);
  template <typename Header>
  NetlinkMessage& Put(const Header& header) {  // ifinfomsg, rtmsg, tcmsg ...
    return PutBytes(&header, sizeof header);
  }
  NetlinkMessage& Attribute(uint16_t type, const void* data, size_t size);
  NetlinkMessage& Attribute(uint16_t type, std::string_view bytes) {  // without a NUL
    return Attribute(type, bytes.data(), bytes.size());
  }
  NetlinkMessage& Text(uint16_t type, const std::string& text) {  // with a NUL
    return Attribute(type, text.c_str(), text.size() + 1);
  }
  template <typename Number>
  NetlinkMessage& Value(uint16_t type, Number number) {
    return Attribute(type, &number, sizeof number);
  }
  NetlinkMessage& U8(uint16_t type, uint8_t value) { return Value(type, value); }
  NetlinkMessage& U16(uint16_t type, uint16_t value) { return Value(type, value); }
  NetlinkMessage& U32(uint16_t type, uint32_t value) { return Value(type, value); }
  NetlinkMessage& Be16(uint16_t type, uint16_t value) { return U16(type, __builtin_bswap16(value)); }
  NetlinkMessage& Be32(uint16_t type, uint32_t value) { return U32(type, __builtin_bswap32(value)); }
  // An attribute that holds those that follow, until End. `type` with NLA_F_NESTED where the protocol wants
  // it.
  size_t Begin(uint16_t type);
  void End(size_t begun);

  std::span<char> bytes() { return buffer_; }
  size_t messages() const { return starts_.size(); }

 private:
  friend class NetlinkSocket;
  NetlinkMessage& PutBytes(const void* data, size_t size);
  std::string buffer_;
  std::vector<size_t> starts_;  // of each message in the buffer
};

// An answer: header, payload, attributes.
struct NetlinkAnswer {
  uint16_t type = 0;
  std::string_view payload;
};
// Walks the attributes of `bytes` (rtattr); malformed ends the walk.
void ForEachAttribute(std::string_view bytes,
                      const std::function<void(uint16_t type, std::string_view value)>& each);

class NetlinkSocket {
 public:
  // In the network namespace that the calling thread is in. `protocol`: NETLINK_ROUTE, NETLINK_NETFILTER.
  // `groups`: multicast groups (RTMGRP_*) for Await.
  static Result<NetlinkSocket> Open(int protocol, uint32_t groups = 0);
  // Of another namespace (namespace_socket.h).
  static Result<NetlinkSocket> Adopt(Fd socket, uint32_t groups = 0);

  // Sends and waits for the acknowledgement. The error is "what: " and the kernel's words (extended ACK where
  // it has one). `each` gets what comes before it: the answer of a message that asks for something.
  Result<> Request(NetlinkMessage message, std::string_view what,
                   const std::function<void(const NetlinkAnswer&)>& each = {});
  // All answers of a dump (NLM_F_DUMP is added), or of a request that has an answer.
  Result<> Dump(NetlinkMessage message, std::string_view what,
                const std::function<void(const NetlinkAnswer&)>& each);
  // A batch of nftables: acknowledged as one; the first error counts.
  Result<> Batch(NetlinkMessage messages, std::string_view what);

  int fd() const { return fd_.get(); }

 private:
  explicit NetlinkSocket(Fd fd) : fd_(std::move(fd)) {}
  Result<> Send(NetlinkMessage& message);
  Fd fd_;
  uint32_t sequence_ = 0;
};

}  // namespace wolffia
