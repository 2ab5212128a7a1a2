// DNS messages of the networks' resolver.
#include <gtest/gtest.h>

#include "network/dns_message.h"

namespace wolffia {
namespace {

std::string Query(const std::string& labels, uint16_t type, uint16_t record_class = 1) {
  std::string packet("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
  packet += labels + std::string(1, '\0');
  for (uint16_t value : {type, record_class})
    packet += {static_cast<char>(value >> 8), static_cast<char>(value)};
  return packet;
}

TEST(Dns, ReadsAQuestion) {
  const std::string query = Query(
      "\x03WeB\x07"
      "example",
      dns::kAaaa);
  auto question = ParseDnsQuestion(query + "trailing");
  ASSERT_TRUE(question);
  EXPECT_EQ(question->id, 0x1234);
  EXPECT_EQ(question->name, "web.example");
  EXPECT_EQ(question->type, dns::kAaaa);
  EXPECT_EQ(question->end, query.size());
  for (size_t i = 0; i < query.size(); i++) EXPECT_FALSE(ParseDnsQuestion(query.substr(0, i))) << i;
}

TEST(Dns, RefusesWhatIsNoQuestion) {
  const std::string good = Query("\x03web", dns::kA);
  for (auto [at, byte] :
       {std::pair{2, 0x81}, {2, 0x29}, {5, 0x02}, {5, 0x00}, {12, 0xc0}, {12, 0x40}, {12, 0x3f}}) {
    std::string bad = good;
    bad[static_cast<size_t>(at)] = static_cast<char>(byte);
    EXPECT_FALSE(ParseDnsQuestion(bad)) << at << " " << byte;
  }
  EXPECT_FALSE(ParseDnsQuestion(Query("\x03w.b", dns::kA)));
  EXPECT_FALSE(ParseDnsQuestion(Query("\x03web", dns::kA, 3)));
  std::string longest;
  for (int i = 0; i < 5; i++) longest += "\x3f" + std::string(63, 'a');
  EXPECT_FALSE(ParseDnsQuestion(Query(longest, dns::kA)));
}

TEST(Dns, AnswersByType) {
  const std::string query = Query("\x03web", dns::kA);
  auto question = ParseDnsQuestion(query);
  ASSERT_TRUE(question);
  const std::vector<IpAddress> both = {*ParseIp("10.89.0.2"), *ParseIp("fd00::2")};
  const std::string answer = MakeDnsAnswer(query, *question, both);
  EXPECT_EQ(answer.substr(0, 12), std::string("\x12\x34\x85\x80\x00\x01\x00\x01\x00\x00\x00\x00", 12));
  EXPECT_EQ(answer.substr(12, query.size() - 12), query.substr(12));
  EXPECT_EQ(answer.substr(query.size()),
            std::string("\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\x0a\x59\x00\x02", 16));
  question->type = dns::kAaaa;
  EXPECT_EQ(MakeDnsAnswer(query, *question, both).size(), query.size() + 28);
  const std::vector<IpAddress> many(1000, both[0]);
  question->type = dns::kA;
  EXPECT_LE(MakeDnsAnswer(query, *question, many).size(), dns::kMaxUdpBytes);
  EXPECT_EQ(MakeDnsAnswer(query, *question, many)[2] & 2, 2) << "it is cut";
  EXPECT_EQ(answer[2] & 2, 0);
  const std::string whole = MakeDnsAnswer(query, *question, many, "", dns::kMaxTcpBytes);
  EXPECT_EQ(whole.size(), query.size() + 16 * many.size());
  EXPECT_EQ(MakeDnsError(query, *question, dns::kNoName)[3] & 15, 3);
}

TEST(Dns, TurnsAddressesAround) {
  EXPECT_EQ(FormatIp(*AddressOfPtrName("2.0.89.10.in-addr.arpa")), "10.89.0.2");
  EXPECT_EQ(
      FormatIp(*AddressOfPtrName("2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa")),
      "fd00::2");
  for (const char* bad :
       {"", "in-addr.arpa", "1.2.3.in-addr.arpa", "256.0.0.1.in-addr.arpa", "a.0.0.1.in-addr.arpa",
        "1.2.3.4.5.in-addr.arpa", "2.0.89.10.in-addr.arpax", "....in-addr.arpa"})
    EXPECT_FALSE(AddressOfPtrName(bad)) << bad;
  const std::string query = Query(
      "\x01"
      "2",
      dns::kPtr);
  auto question = ParseDnsQuestion(query);
  EXPECT_TRUE(MakeDnsAnswer(query, *question, {}, "web").ends_with(std::string("\x03web\0", 5)));
}

}  // namespace
}  // namespace wolffia
