#include <gtest/gtest.h>

#include "engine/cgroup/bus_message.h"

namespace wolffia {
namespace {

// The same bytes as GLib writes for this call (D-Bus specification, "Message Format").
TEST(BusMessage, Call) {
  BusWriter body;
  body.String("x");
  const std::string text = EncodeBusCall({"", "/o", "a.b", "M", "s", body.text()}, 7);
  const std::string expected(
      "l\1\0\1" "\6\0\0\0" "\7\0\0\0" "\x37\0\0\0"
      "\1\1o\0" "\2\0\0\0" "/o\0" "\0\0\0\0\0"
      "\2\1s\0" "\3\0\0\0" "a.b\0" "\0\0\0\0"
      "\3\1s\0" "\1\0\0\0" "M\0" "\0\0\0\0\0\0"
      "\x08\1g\0" "\1s\0" "\0"
      "\1\0\0\0" "x\0", 78);
  EXPECT_EQ(text, expected);
}

TEST(BusMessage, ArraysOfStructures) {
  BusWriter out;
  size_t array = out.BeginArray(8);
  out.Pad(8);
  out.String("ab");
  out.EndArray(array, 8);
  EXPECT_EQ(out.text(), std::string("\7\0\0\0" "\0\0\0\0" "\2\0\0\0" "ab\0", 15));
  BusWriter empty;
  empty.EndArray(empty.BeginArray(8), 8);
  EXPECT_EQ(empty.text(), std::string(8, '\0'));
}

TEST(BusMessage, TakesWholeMessagesOnly) {
  const std::string one = EncodeBusCall({"d", "/o", "a.b", "First", "", ""}, 1);
  const std::string two = EncodeBusCall({"d", "/o", "a.b", "Second", "", ""}, 2);
  const std::string both = one + two;
  std::string buffer;
  std::vector<std::string> members;
  for (char byte : both) {
    buffer.push_back(byte);
    auto message = TakeBusMessage(buffer);
    ASSERT_TRUE(message);
    if (*message) members.push_back((*message)->member);
  }
  EXPECT_EQ(members, (std::vector<std::string>{"First", "Second"}));
  EXPECT_TRUE(buffer.empty());
}

// No byte changed anywhere may crash it, or make it wait for more than a message can be long.
TEST(BusMessage, SurvivesWhatIsNone) {
  const std::string good = EncodeBusCall({"d", "/o", "a.b", "Member", "s", std::string("\1\0\0\0x\0", 6)}, 1);
  for (size_t at = 0; at < good.size(); at++)
    for (int value : {0, 1, 7, 127, 128, 255}) {
      std::string bytes = good;
      bytes[at] = static_cast<char>(value);
      (void)TakeBusMessage(bytes);
    }
  std::string endless("l\4\0\1\377\377\377\177\1\0\0\0\0\0\0\0", 16);
  EXPECT_EQ(TakeBusMessage(endless).error().code, Code::kCorrupt);
  std::string foreign("B\4\0\1\0\0\0\0\1\0\0\0\0\0\0\0", 16);
  EXPECT_EQ(TakeBusMessage(foreign).error().code, Code::kCorrupt);
}

TEST(BusMessage, ReaderStopsAtTheEnd) {
  BusReader in(std::string_view("\377\0\0\0ab", 6));
  EXPECT_EQ(in.String(), "");
  EXPECT_FALSE(in.ok());
  EXPECT_EQ(in.Uint32(), 0u);
}

}  // namespace
}  // namespace wolffia
