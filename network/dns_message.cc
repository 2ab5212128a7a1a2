#include "network/dns_message.h"

#include <algorithm>
#include <charconv>

namespace wolffia {
namespace {

constexpr size_t kMaxLabel = 63, kMaxName = 255;
constexpr uint16_t kIsAnswer = 0x8000, kOpcode = 0x7800, kAuthoritative = 0x0400, kWantsRecursion = 0x0100,
                   kOffersRecursion = 0x0080;
constexpr uint16_t kInternet = 1;
constexpr uint16_t kQuestionsName = 0xc000 | dns::kHeaderBytes;  // a pointer to it (section 4.1.4)

uint16_t Read16(std::string_view bytes, size_t at) {
  return static_cast<uint16_t>(static_cast<uint8_t>(bytes[at]) << 8 | static_cast<uint8_t>(bytes[at + 1]));
}

void Write16(std::string& bytes, uint16_t value) {
  bytes += static_cast<char>(value >> 8);
  bytes += static_cast<char>(value);
}

// Header and question of the answer, with room for `answers`.
std::string Heading(std::string_view query, const DnsQuestion& question, uint16_t code, uint16_t answers) {
  std::string bytes;
  Write16(bytes, question.id);
  const uint16_t flags = Read16(query, 2);
  Write16(bytes, static_cast<uint16_t>(kIsAnswer | kAuthoritative | kOffersRecursion |
                                       (flags & kWantsRecursion) | code));
  Write16(bytes, 1);
  Write16(bytes, answers);
  Write16(bytes, 0);
  Write16(bytes, 0);
  bytes += query.substr(dns::kHeaderBytes, question.end - dns::kHeaderBytes);
  return bytes;
}

// Its time to live is 0: the container may be gone in a moment.
std::string Record(uint16_t type, std::string_view data) {
  std::string bytes;
  for (uint16_t value :
       {kQuestionsName, type, kInternet, uint16_t{0}, uint16_t{0}, static_cast<uint16_t>(data.size())})
    Write16(bytes, value);
  bytes += data;
  return bytes;
}

std::string EncodeName(std::string_view name) {
  std::string bytes;
  while (!name.empty()) {
    const std::string_view label = name.substr(0, std::min(name.find('.'), kMaxLabel));
    bytes += static_cast<char>(label.size());
    bytes += label;
    name.remove_prefix(std::min(label.size() + 1, name.size()));
  }
  bytes += '\0';
  return bytes;
}

std::vector<std::string_view> Labels(std::string_view name) {
  std::vector<std::string_view> labels;
  for (;;) {
    const size_t dot = name.find('.');
    labels.push_back(name.substr(0, dot));
    if (dot == std::string_view::npos) return labels;
    name.remove_prefix(dot + 1);
  }
}

bool ReadNumber(std::string_view text, int base, unsigned most, uint8_t& number) {
  unsigned value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  number = static_cast<uint8_t>(value);
  return error == std::errc() && end == text.data() + text.size() && value <= most;
}

}  // namespace

std::optional<DnsQuestion> ParseDnsQuestion(std::string_view packet) {
  if (packet.size() < dns::kHeaderBytes) return std::nullopt;
  if ((Read16(packet, 2) & (kIsAnswer | kOpcode)) != 0 || Read16(packet, 4) != 1) return std::nullopt;
  DnsQuestion question{.id = Read16(packet, 0)};
  size_t at = dns::kHeaderBytes;
  for (;;) {
    if (at >= packet.size()) return std::nullopt;
    const size_t size = static_cast<uint8_t>(packet[at++]);
    if (size == 0) break;
    if (size > kMaxLabel || size > packet.size() - at || question.name.size() + size + 1 > kMaxName)
      return std::nullopt;
    if (!question.name.empty()) question.name += '.';
    for (char c : packet.substr(at, size)) {
      if (c == '.') return std::nullopt;
      question.name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    at += size;
  }
  if (packet.size() - at < 4) return std::nullopt;
  question.type = Read16(packet, at);
  question.record_class = Read16(packet, at + 2);
  question.end = at + 4;
  if (question.record_class != kInternet) return std::nullopt;
  return question;
}

std::optional<IpAddress> AddressOfPtrName(std::string_view name) {
  std::vector<std::string_view> labels = Labels(name);
  IpAddress address;
  if (labels.size() == 6 && name.ends_with(".in-addr.arpa")) {
    for (size_t i = 0; i < 4; i++)
      if (!ReadNumber(labels[3 - i], 10, 255, address.bytes[i])) return std::nullopt;
    return address;
  }
  if (labels.size() != 34 || !name.ends_with(".ip6.arpa")) return std::nullopt;
  address.v6 = true;
  for (size_t i = 0; i < 16; i++) {
    uint8_t high = 0, low = 0;
    if (!ReadNumber(labels[31 - 2 * i], 16, 15, high) || !ReadNumber(labels[30 - 2 * i], 16, 15, low))
      return std::nullopt;
    address.bytes[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return address;
}

std::string MakeDnsAnswer(std::string_view query, const DnsQuestion& question,
                          const std::vector<IpAddress>& addresses, const std::string& name, size_t limit) {
  std::vector<std::string> records;
  for (const IpAddress& address : addresses)
    if (question.type == dns::kAny || question.type == (address.v6 ? dns::kAaaa : dns::kA))
      records.push_back(Record(address.v6 ? dns::kAaaa : dns::kA,
                               {reinterpret_cast<const char*>(address.bytes.data()), address.size()}));
  if (question.type == dns::kPtr && !name.empty()) records.push_back(Record(dns::kPtr, EncodeName(name)));
  std::string body;
  uint16_t count = 0;
  for (const std::string& record : records) {
    if (question.end + body.size() + record.size() > limit) break;
    body += record;
    count++;
  }
  std::string heading = Heading(query, question, dns::kNoError, count);
  constexpr char kCut = 2;  // TC, in the third byte
  if (count < records.size()) heading[2] = static_cast<char>(heading[2] | kCut);
  return heading + body;
}

std::string MakeDnsError(std::string_view query, const DnsQuestion& question, uint16_t code) {
  return Heading(query, question, code, 0);
}

}  // namespace wolffia
