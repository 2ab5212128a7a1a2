// JSON from outside: what is refused, and typed access to what is not.
#include <gtest/gtest.h>

#include "engine/oci/json.h"

namespace wolffia {
namespace {

std::string Repeat(std::string_view text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; i++) out += text;
  return out;
}

TEST(Json, BuildsTheDocument) {
  const char* text = R"({"a":[1,-2,3.5,true,null,"x\u00e9"],"b":{"c":{}},"d":18446744073709551615})";
  EXPECT_EQ(DumpJson(ParseJson(text).value()), DumpJson(Json::parse(text)));
  EXPECT_TRUE(ParseJson(" 7 ").value() == 7);
  EXPECT_EQ(DumpJson(Json("\xff")), "\"\xef\xbf\xbd\"");
}

TEST(Json, Refused) {
  struct Row {
    std::string text, why;
  };
  const Row rows[] = {
      {"", "at byte 1"},
      {"{", "at byte 2"},
      {"{} {}", "at byte 4"},
      {"{'a':1}", "at byte 2"},
      {"[1,]", "at byte 4"},
      {"nul", "not valid JSON"},
      {"[1e999]", "not valid JSON"},
      {"\"\xff\"", "not valid JSON"},
      {"\"\xed\xa0\x80\"", "not valid JSON"},
      {R"("\ud800")", "not valid JSON"},
      {R"({"a":1,"a":2})", "key 'a' appears twice"},
      {R"([{"x":{"b":1,"c":2,"b":{}}}])", "key 'b' appears twice"},
      {R"(["a\u0000b"])", "NUL"},
      {R"({"a\u0000b":1})", "NUL"},
      {Repeat("[", 65) + Repeat("]", 65), "deeper than 64"},
      {Repeat("{\"a\":", 65) + "1" + Repeat("}", 65), "deeper than 64"},
      {"[" + Repeat("0,", 1 << 17) + "0]", "more than 131072 values"},
      {std::string((4 << 20) + 1, ' '), "the limit is 4194304"},
      {Repeat("[", 1 << 20), "deeper than 64"},
  };
  for (const Row& row : rows) {
    auto parsed = ParseJson(row.text);
    ASSERT_FALSE(parsed.has_value()) << row.text.substr(0, 80);
    EXPECT_EQ(parsed.error().code, Code::kInvalid);
    EXPECT_NE(parsed.error().what.find(row.why), std::string::npos) << parsed.error().what;
  }
  EXPECT_TRUE(ParseJson(Repeat("[", 64) + Repeat("]", 64)).has_value());
}

// The library's own parser is the oracle: the same texts are accepted, and mean the same.
TEST(Json, AsTheLibrary) {
  const std::string seeds[] = {
      R"({"a":[1,-2,3.5e+2,true,null,"x\u00e9\ud83d\ude00\n"],"b":{"c":{},"d":[[]]},"d":18446744073709551616})",
      "[0,-0,-1,0.5,1E2,9223372036854775807,-9223372036854775809,1e-400,false]",
      " \t\r\n{ \"k\" : [ ] , \"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\" : {} } ",
      "\xef\xbb\xbf[\"byte order mark\"]",
  };
  uint32_t state = 1;
  auto random = [&](size_t below) {
    state = state * 1664525 + 1013904223;
    return static_cast<size_t>(state >> 8) % below;
  };
  static constexpr std::string_view kBytes = "{}[]:,\"\\/ue019-+.tfn \n\x01\x7f\x80\xc3\xed\xff";
  for (int round = 0; round < 40'000; round++) {
    std::string text = seeds[random(std::size(seeds))];
    for (size_t changes = random(4); changes > 0; changes--) {
      const size_t at = random(text.size());
      const size_t what = random(3);
      if (what == 0) text[at] = kBytes[random(kBytes.size())];
      if (what == 1) text.erase(at, 1 + random(3));
      if (what == 2) text.insert(at, 1, kBytes[random(kBytes.size())]);
      if (text.empty()) break;
    }
    auto ours = ParseJson(text);
    Json theirs = Json::parse(text, nullptr, false);
    // What ours refuses beyond the grammar.
    if (!ours && ours.error().what.find("not valid JSON") == std::string::npos) continue;
    ASSERT_EQ(ours.has_value(), !theirs.is_discarded()) << text;
    ASSERT_TRUE(!ours || *ours == theirs) << text;
  }
}

TEST(Json, TypedMembers) {
  const Json o =
      Json::parse(R"({"s":"x","n":null,"i":-3,"u":18446744073709551615,"f":1.5,"b":true,"a":["x","y"],
                                 "m":{"k":"v"},"mixed":[1,"x"]})");
  EXPECT_EQ(StringMember(o, "s", "").value(), "x");
  EXPECT_EQ(IntMember(o, "i", "").value(), -3);
  EXPECT_EQ(UintMember(o, "u", "", UINT64_MAX).value(), UINT64_MAX);
  EXPECT_TRUE(BoolMember(o, "b", "").value());
  EXPECT_EQ(StringsMember(o, "a", "").value(), (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(StringMapMember(o, "m", "").value().at("k"), "v");
  EXPECT_TRUE(ObjectMember(o, "m", "").value()->contains("k"));
  for (const char* missing : {"n", "nothing"}) {
    EXPECT_EQ(StringMember(o, missing, "").value(), "");
    EXPECT_EQ(IntMember(o, missing, "").value(), 0);
    EXPECT_EQ(UintMember(o, missing, "", 9).value(), 0u);
    EXPECT_FALSE(BoolMember(o, missing, "").value());
    EXPECT_TRUE(StringsMember(o, missing, "").value().empty());
    EXPECT_TRUE(StringMapMember(o, missing, "").value().empty());
    EXPECT_EQ(ObjectMember(o, missing, "").value(), nullptr);
    EXPECT_EQ(ArrayMember(o, missing, "").value(), nullptr);
  }
  EXPECT_EQ(StringMember(o, "i", "config").error().what, "config.i: not a string");
  EXPECT_EQ(IntMember(o, "f", "").error().what, "f: not an integer");
  EXPECT_EQ(IntMember(o, "u", "").error().what, "u: not a 64-bit integer");
  EXPECT_EQ(UintMember(o, "i", "", 7).error().what, "i: not an integer from 0 to 7");
  EXPECT_EQ(BoolMember(o, "s", "").error().what, "s: not true or false");
  EXPECT_EQ(StringsMember(o, "mixed", "config").error().what, "config.mixed: not an array of strings");
  EXPECT_EQ(StringMapMember(o, "a", "").error().what, "a: not an object of strings");
  EXPECT_EQ(ObjectMember(o, "a", "").error().what, "a: not an object");
  EXPECT_EQ(ArrayMember(o, "m", "").error().what, "m: not an array");
  EXPECT_EQ(StringMember(Json::array(), "a", "").error().what, "document: not an object");
}

}  // namespace
}  // namespace wolffia
