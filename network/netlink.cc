#include "network/netlink.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace wolffia {
namespace {

constexpr size_t kAnswerBytes = 64 << 10;  // the kernel's dumps come in packets of at most 32 KiB

size_t Aligned(size_t size) {
  return (size + NLMSG_ALIGNTO - 1) & ~static_cast<size_t>(NLMSG_ALIGNTO - 1);
}

// The kernel's own words, where it has some (NLMSGERR_ATTR_MSG).
std::string WordsOf(std::string_view error) {
  nlmsgerr body;
  if (error.size() < sizeof body) return "";
  memcpy(&body, error.data(), sizeof body);
  // After the error comes the request: its header alone (NETLINK_CAP_ACK).
  std::string words;
  ForEachAttribute(error.substr(sizeof body), [&](uint16_t type, std::string_view value) {
    if (type == NLMSGERR_ATTR_MSG) words = value.substr(0, value.find('\0'));
  });
  return words;
}

Result<> ResultOfError(std::string_view payload, uint16_t flags, std::string_view what) {
  nlmsgerr error;
  if (payload.size() < sizeof error) return Fail(Code::kIo, std::string(what) + ": a malformed answer");
  memcpy(&error, payload.data(), sizeof error);
  if (error.error == 0) return {};
  std::string words = (flags & NLM_F_ACK_TLVS) != 0 ? WordsOf(payload) : "";
  return FailErrno(std::string(what) + (words.empty() ? "" : " (" + words + ")"), -error.error);
}

}  // namespace

NetlinkMessage& NetlinkMessage::PutBytes(const void* data, size_t size) {
  buffer_.append(static_cast<const char*>(data), size);
  buffer_.resize(Aligned(buffer_.size()));
  const auto length = static_cast<uint32_t>(buffer_.size() - starts_.back());
  memcpy(buffer_.data() + starts_.back(), &length, sizeof length);  // nlmsg_len is the first member
  return *this;
}

NetlinkMessage& NetlinkMessage::Start(uint16_t type, uint16_t flags) {
  starts_.push_back(buffer_.size());
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<uint16_t>(flags | NLM_F_REQUEST);
  return Put(header);
}

NetlinkMessage& NetlinkMessage::Attribute(uint16_t type, const void* data, size_t size) {
  const nlattr header{static_cast<uint16_t>(sizeof header + size), type};
  buffer_.append(reinterpret_cast<const char*>(&header), sizeof header);
  return PutBytes(data, size);
}

size_t NetlinkMessage::Begin(uint16_t type) {
  size_t begun = buffer_.size();
  Attribute(type, nullptr, 0);
  return begun;
}

void NetlinkMessage::End(size_t begun) {
  const auto length = static_cast<uint16_t>(buffer_.size() - begun);
  memcpy(buffer_.data() + begun, &length, sizeof length);  // nla_len is the first member
}

void ForEachAttribute(std::string_view bytes,
                      const std::function<void(uint16_t type, std::string_view value)>& each) {
  nlattr header;
  while (bytes.size() >= sizeof header) {
    memcpy(&header, bytes.data(), sizeof header);
    if (header.nla_len < sizeof header || header.nla_len > bytes.size()) return;
    each(static_cast<uint16_t>(header.nla_type & NLA_TYPE_MASK),
         bytes.substr(sizeof header, header.nla_len - sizeof header));
    bytes.remove_prefix(std::min(Aligned(header.nla_len), bytes.size()));
  }
}

Result<NetlinkSocket> NetlinkSocket::Open(int protocol, uint32_t groups) {
  Fd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  if (!fd) return FailErrno("open a netlink socket");
  return Adopt(std::move(fd), groups);
}

Result<NetlinkSocket> NetlinkSocket::Adopt(Fd fd, uint32_t groups) {
  const int one = 1;
  (void)setsockopt(fd.get(), SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof one);
  (void)setsockopt(fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
    return FailErrno("bind a netlink socket");
  return NetlinkSocket(std::move(fd));
}

Result<> NetlinkSocket::Send(NetlinkMessage& message) {
  for (size_t start : message.starts_) {
    sequence_++;
    memcpy(message.buffer_.data() + start + offsetof(nlmsghdr, nlmsg_seq), &sequence_, sizeof sequence_);
  }
  ssize_t n;
  do n = send(fd_.get(), message.buffer_.data(), message.buffer_.size(), 0);
  while (n < 0 && errno == EINTR);
  if (n < 0) return FailErrno("send to the kernel by netlink");
  return {};
}

namespace {

// Packets until `each` has seen the end. It gets every message whose number is from `first` on.
Result<> Receive(int fd, uint32_t first,
                 const std::function<Result<bool>(const nlmsghdr&, std::string_view payload)>& each) {
  std::string buffer(kAnswerBytes, '\0');
  for (bool more = true; more;) {
    ssize_t n = recv(fd, buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno("receive from the kernel by netlink");
    std::string_view rest(buffer.data(), static_cast<size_t>(n));
    nlmsghdr header;
    while (more && rest.size() >= sizeof header) {
      memcpy(&header, rest.data(), sizeof header);
      if (header.nlmsg_len < sizeof header || header.nlmsg_len > rest.size()) break;
      if (header.nlmsg_seq >= first && header.nlmsg_seq != 0)
        more = TRY(each(header, rest.substr(sizeof header, header.nlmsg_len - sizeof header)));
      rest.remove_prefix(std::min(Aligned(header.nlmsg_len), rest.size()));
    }
  }
  return {};
}

void AddFlags(std::span<char> bytes, size_t start, uint16_t more) {
  uint16_t flags;
  char* at = bytes.data() + start + offsetof(nlmsghdr, nlmsg_flags);
  memcpy(&flags, at, sizeof flags);
  flags |= more;
  memcpy(at, &flags, sizeof flags);
}

}  // namespace

Result<> NetlinkSocket::Request(NetlinkMessage message, std::string_view what,
                                const std::function<void(const NetlinkAnswer&)>& each) {
  AddFlags(message.bytes(), 0, NLM_F_ACK);
  TRY(Send(message));
  Result<> result;
  TRY(Receive(fd_.get(), sequence_, [&](const nlmsghdr& header, std::string_view payload) -> Result<bool> {
    if (header.nlmsg_type != NLMSG_ERROR) {
      if (each) each({header.nlmsg_type, payload});
      return true;
    }
    result = ResultOfError(payload, header.nlmsg_flags, what);
    return false;
  }));
  return result;
}

Result<> NetlinkSocket::Dump(NetlinkMessage message, std::string_view what,
                             const std::function<void(const NetlinkAnswer&)>& each) {
  AddFlags(message.bytes(), 0, NLM_F_DUMP);
  TRY(Send(message));
  Result<> result;
  TRY(Receive(fd_.get(), sequence_, [&](const nlmsghdr& header, std::string_view payload) -> Result<bool> {
    if (header.nlmsg_type == NLMSG_DONE) return false;
    if (header.nlmsg_type == NLMSG_ERROR) {
      result = ResultOfError(payload, header.nlmsg_flags, what);
      return false;
    }
    each({header.nlmsg_type, payload});
    return (header.nlmsg_flags & NLM_F_MULTI) != 0;
  }));
  return result;
}

// Only the last message asks for an acknowledgement; the kernel answers those that fail in any case, before
// it.
Result<> NetlinkSocket::Batch(NetlinkMessage messages, std::string_view what) {
  if (messages.messages() < 3) return Fail(Code::kInvalid, std::string(what) + ": an empty batch");
  const size_t last = messages.starts_[messages.starts_.size() - 2];  // before the end of the batch
  AddFlags(messages.bytes(), last, NLM_F_ACK);
  TRY(Send(messages));
  const uint32_t end = sequence_, first = end - static_cast<uint32_t>(messages.messages()) + 1;
  Result<> result;
  TRY(Receive(fd_.get(), first, [&](const nlmsghdr& header, std::string_view payload) -> Result<bool> {
    if (header.nlmsg_type != NLMSG_ERROR) return true;
    Result<> one = ResultOfError(payload, header.nlmsg_flags, what);
    if (!one && result) result = std::move(one);
    return header.nlmsg_seq < end - 1 && result.has_value();
  }));
  return result;
}

}  // namespace wolffia
