#include "network/port_mapping.h"

#include <gmock/gmock.h>

namespace wolffia {
namespace {

using ::testing::HasSubstr;

PortMapping Mapping(std::string ip, int host, int container, int count = 1,
                    Protocol protocol = Protocol::kTcp) {
  return {std::move(ip), static_cast<uint16_t>(host), static_cast<uint16_t>(container),
          static_cast<uint16_t>(count), protocol};
}

TEST(PortMapping, ReadsWhatPodmanReads) {
  struct Case {
    const char* text;
    PortMapping expected;
  };
  const Case cases[] = {
      {"80", Mapping("", 0, 80)},
      {":80", Mapping("", 0, 80)},
      {"8080:80", Mapping("", 8080, 80)},
      {"8080:80/udp", Mapping("", 8080, 80, 1, Protocol::kUdp)},
      {"53/sctp", Mapping("", 0, 53, 1, Protocol::kSctp)},
      {"8000-8010:80-90/tcp", Mapping("", 8000, 80, 11)},
      {"80-90", Mapping("", 0, 80, 11)},
      {"1-65535:1-65535", Mapping("", 1, 1, 65535)},
      {"127.0.0.1:8080:80", Mapping("127.0.0.1", 8080, 80)},
      {"127.0.0.1::80", Mapping("127.0.0.1", 0, 80)},
      {"0.0.0.0:8080:80", Mapping("0.0.0.0", 8080, 80)},
      {"[::1]:8080:80", Mapping("::1", 8080, 80)},
      {"[::]::80", Mapping("::", 0, 80)},
      {"[2001:DB8:0::1]:8080-8081:80-81/udp", Mapping("2001:db8::1", 8080, 80, 2, Protocol::kUdp)},
      {"[127.0.0.1]:8080:80", Mapping("127.0.0.1", 8080, 80)},
  };
  for (const Case& c : cases) {
    auto port = ParsePortMapping(c.text);
    ASSERT_TRUE(port) << c.text << ": " << port.error().what;
    EXPECT_EQ(*port, c.expected) << c.text;
  }
}

TEST(PortMapping, RefusesTheRest) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "non-empty container port"},
      {"8080:", "non-empty container port"},
      {"/tcp", "non-empty container port"},
      {"http", "invalid port number \"http\""},
      {"80x", "invalid port number \"80x\""},
      {"+80", "invalid port number"},
      {"0x50", "invalid port number"},
      {"8080:0", "between 1 and 65535 (inclusive), got 0"},
      {"0:80", "error parsing host port: port numbers must be"},
      {"65536", "got 65536"},
      {"99999999999999999999", "invalid port number"},
      {"-80", "cannot be negative"},
      {"8080:-80", "cannot be negative"},
      {"80-", "ending number"},
      {"80-70", "70 is not higher than 80"},
      {"80-80", "not higher"},
      {"80-81-82", "startPort-stopPort"},
      {"8000-8001:80", "different lengths: 2 vs 1"},
      {"8000:80-81", "different lengths: 1 vs 2"},
      {"1.2.3:80:80", "cannot parse \"1.2.3\""},
      {"localhost:80:80", "cannot parse \"localhost\""},
      {":80:80", "non-empty container host IP"},
      {"1:2:3:4", "[[hostIP:]hostPort:]containerPort"},
      {"::1:80:80", "brackets"},
      {"[::1]80:80", "followed by a colon"},
      {"::1]:80:80", "enclosed by []"},
      {"[::1]:80", "host and destination port"},
      {"[::1]:1:2:3", "[ipv6]:hostPort:ctrPort"},
      {"[::1]:[::1]:80", "at most one IPv6"},
      {"[]:80:80", "non-empty container host IP"},
      {"[fe80::1%eth0]:80:80", "cannot parse"},
      {"80/", "non-empty protocol"},
      {"80/TCP", "unrecognized protocol \"TCP\""},
      {"80/icmp", "unrecognized protocol"},
      {"80/tcp/udp", "only be specified once"},
      {"80 ", "invalid port format"},
      {std::string("80\0", 3), "invalid port format"},
      {"\x1b[2J80", "invalid port format"},
      {std::string(1000, '8'), "invalid port format"},
  };
  for (const auto& [text, part] : cases) {
    auto port = ParsePortMapping(text);
    ASSERT_FALSE(port) << text;
    EXPECT_EQ(port.error().code, Code::kInvalid);
    EXPECT_THAT(port.error().what, HasSubstr(part)) << text;
    EXPECT_EQ(port.error().what.find('\x1b'), std::string::npos);
  }
}

TEST(PortMapping, ReadsExposedPorts) {
  EXPECT_EQ(*ParseExposedPort("80"), Mapping("", 0, 80));
  EXPECT_EQ(*ParseExposedPort("8000-8002/udp"), Mapping("", 0, 8000, 3, Protocol::kUdp));
  for (const char* bad : {"", "8080:80", "127.0.0.1:80", "80/", "0", "70000", "a"})
    EXPECT_FALSE(ParseExposedPort(bad)) << bad;
}

TEST(PortMapping, FindsConflicts) {
  auto shares = [](PortMapping one, PortMapping other) {
    EXPECT_EQ(SharesHostPort(one, other), SharesHostPort(other, one));
    return SharesHostPort(one, other);
  };
  EXPECT_TRUE(shares(Mapping("", 80, 1), Mapping("", 80, 2)));
  EXPECT_TRUE(shares(Mapping("", 80, 1, 10), Mapping("", 89, 2)));
  EXPECT_FALSE(shares(Mapping("", 80, 1, 10), Mapping("", 90, 2)));
  EXPECT_FALSE(shares(Mapping("", 80, 1), Mapping("", 80, 2, 1, Protocol::kUdp)));
  EXPECT_TRUE(shares(Mapping("", 80, 1), Mapping("127.0.0.1", 80, 2)));
  EXPECT_TRUE(shares(Mapping("", 80, 1), Mapping("::1", 80, 2)));
  EXPECT_TRUE(shares(Mapping("0.0.0.0", 80, 1), Mapping("127.0.0.1", 80, 2)));
  EXPECT_FALSE(shares(Mapping("0.0.0.0", 80, 1), Mapping("::", 80, 2)));
  EXPECT_FALSE(shares(Mapping("127.0.0.1", 80, 1), Mapping("127.0.0.2", 80, 2)));
  EXPECT_FALSE(shares(Mapping("", 0, 1), Mapping("", 0, 2)));  // chosen later

  EXPECT_TRUE(CheckPortMappings({Mapping("", 80, 80), Mapping("", 81, 80)}));
  auto conflict = CheckPortMappings({Mapping("", 80, 80, 2), Mapping("127.0.0.1", 81, 80)});
  ASSERT_FALSE(conflict);
  EXPECT_THAT(conflict.error().what, HasSubstr("0.0.0.0:80-81->80-81/tcp and 127.0.0.1:81->80/tcp"));
  auto sctp = CheckPortMappings({Mapping("", 80, 80, 1, Protocol::kSctp)});
  ASSERT_FALSE(sctp);
  EXPECT_EQ(sctp.error().code, Code::kUnsupported);
  EXPECT_THAT(sctp.error().what, HasSubstr("--network host"));
}

TEST(PortMapping, PublishesWhatIsExposed) {
  std::vector<PortMapping> ports = {Mapping("", 8080, 80, 2)};
  ASSERT_TRUE(PublishExposed({"80/tcp", "81", "82-83/tcp", "80/udp"}, ports));
  const std::vector<PortMapping> expected = {Mapping("", 8080, 80, 2), Mapping("", 0, 80, 1, Protocol::kUdp),
                                             Mapping("", 0, 82), Mapping("", 0, 83)};
  EXPECT_EQ(ports, expected);
  EXPECT_FALSE(PublishExposed({"x"}, ports));
  EXPECT_FALSE(PublishExposed({"1-65535"}, ports));
}

TEST(PortMapping, Prints) {
  EXPECT_EQ(FormatPortMapping(Mapping("", 8080, 80)), "0.0.0.0:8080->80/tcp");
  EXPECT_EQ(FormatPortMapping(Mapping("::1", 8080, 80, 3, Protocol::kUdp)), "[::1]:8080-8082->80-82/udp");
  EXPECT_EQ(HostAddressOf(Mapping("127.0.0.1", 8080, 80, 3), 2), "127.0.0.1:8082");
}

}  // namespace
}  // namespace wolffia
