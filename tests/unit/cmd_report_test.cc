#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cmd/human.h"
#include "cmd/image_view.h"
#include "cmd/report.h"
#include "engine/base/context.h"

namespace wolffia {
namespace {

TEST(Human, Sizes) {
  struct Case {
    int64_t bytes;
    const char* text;
  };
  for (const Case& c : {Case{0, "0 B"}, Case{999, "999 B"}, Case{1000, "1 kB"}, Case{1987700, "1.99 MB"},
                        Case{77800000, "77.8 MB"}, Case{142'000'000, "142 MB"}, Case{999'499'999, "999 MB"},
                        Case{999'500'000, "1 GB"}, Case{1'500'000'000, "1.5 GB"}, Case{INT64_MAX, "9.22 EB"}})
    EXPECT_EQ(HumanSize(c.bytes), c.text);
}

TEST(Human, Durations) {
  struct Case {
    int64_t seconds;
    const char* text;
  };
  constexpr int64_t kHour = 3600, kDay = 24 * kHour;
  for (const Case& c :
       {Case{0, "Less than a second"}, Case{1, "1 second"}, Case{59, "59 seconds"},
        Case{60, "About a minute"}, Case{119, "About a minute"}, Case{120, "2 minutes"},
        Case{59 * 60, "59 minutes"}, Case{kHour, "About an hour"}, Case{kHour + 1799, "About an hour"},
        Case{kHour + 1800, "2 hours"}, Case{47 * kHour, "47 hours"}, Case{2 * kDay, "2 days"},
        Case{13 * kDay, "13 days"}, Case{14 * kDay, "2 weeks"}, Case{59 * kDay, "8 weeks"},
        Case{60 * kDay, "2 months"}, Case{729 * kDay, "24 months"}, Case{730 * kDay, "2 years"},
        Case{3650 * kDay, "10 years"}})
    EXPECT_EQ(HumanDuration(c.seconds * 1'000'000'000), c.text) << c.seconds;
  EXPECT_EQ(HumanAgo(5'000'000'000, 1), "Less than a second ago");
  EXPECT_EQ(HumanAgo(0, 7'200'000'000'000), "2 hours ago");
  EXPECT_EQ(LongTime(*ParseTime("2026-11-22T01:11:07.5Z")), "2026-11-22 01:11:07 +0000 UTC");
}

TEST(Human, MessagesObeyNobody) {
  EXPECT_EQ(TerminalText("unable to find user \x1b]0;owned\a: no\n\tSee caf\u00e9\u2026"),
            "unable to find user ?]0;owned?: no\n\tSee caf\u00e9\u2026");
  EXPECT_EQ(TerminalText("\r\x7f\u009b2J\u00a0"), "????2J\u00a0");
}

TEST(Report, Columns) {
  EXPECT_EQ(AlignColumns("A\tB\tC\n1\tlonger than that\t3\n"),
            "A           B                 C\n1           longer than that  3\n");
  EXPECT_EQ(AlignColumns("ä\tx\n"), "ä           x\n");
  EXPECT_EQ(AlignColumns("only\n"), "only\n");
}

const std::vector<Value> kRows = {
    Value{{"ID", "1"}, {"CreatedAt", "now"}, {"Labels", {{"a", "b"}}}},
    Value{{"ID", "2\t\x1b"}, {"CreatedAt", "then"}, {"Labels", Value::object()}}};

Result<std::string> Render(const std::string& format, bool heading = true) {
  return RenderReport(kRows, {format, kRows[0], {{"ID", "IMAGE ID"}}, heading});
}

TEST(Report, Tables) {
  EXPECT_EQ(*Render("table {{.ID}}\\t{{.CreatedAt}}"),
            "IMAGE ID    CREATED AT\n1           now\n2\\x09\\x1b   then\n");
  EXPECT_EQ(*Render("table {{.ID}}", false), "1\n2\\x09\\x1b\n");
  EXPECT_EQ(*Render("{{.ID}}\\n-"), "1\n-\n2\t\x1b\n-\n");
  EXPECT_EQ(*Render("{{printf \"%s\\t|\" .CreatedAt}}"), "now\t|\nthen\t|\n");
  EXPECT_FALSE(Render("{{.Foo}}"));
  // Wrong fields are noticed without a row too, and a table without rows has its heading.
  Report report{"{{.Foo}}", kRows[0], {}};
  EXPECT_FALSE(RenderReport({}, report));
  Report table{"table {{.ID}}", kRows[0], {}};
  EXPECT_EQ(*RenderReport({}, table), "ID\n");
}

TEST(Report, Values) {
  EXPECT_EQ(*RenderValue(kRows[0], "{{.ID}}"), "1\n");
  EXPECT_EQ(*RenderValue(kRows[0], "json"), ToJsonText(kRows[0]));
  EXPECT_EQ(ToJsonText(Value{{"a", "\xff"}}), "{\n    \"a\": \"\xEF\xBF\xBD\"\n}\n");
  Value nested = {{"a", {{"b", 1}, {"c", {"x", "y: z"}}}},
                  {"l", Value::array({{{"k", true}, {"m", ""}}})},
                  {"e", Value::array()}};
  EXPECT_EQ(ToYamlText(nested),
            "a:\n  b: 1\n  c:\n    - x\n    - \"y: z\"\nl:\n  - k: true\n    m: \"\"\ne: []\n");
}

TEST(ImageView, Names) {
  EXPECT_EQ(SplitName("docker.io/library/debian:12").repository, "docker.io/library/debian");
  EXPECT_EQ(SplitName("docker.io/library/debian:12").tag, "12");
  EXPECT_EQ(SplitName("").repository, "<none>");
  EXPECT_EQ(SplitName("localhost:5000/x").tag, "<none>");
  const std::string name = "docker.io/library/debian:12";
  for (const char* pattern : {"debian", "debian:12", "deb*", "library/debian", "library/*:1?",
                              "docker.io/library/debian:12", "*:12"})
    EXPECT_TRUE(NameMatches(name, pattern)) << pattern;
  for (const char* pattern : {"debian:11", "ebian", "docker.io/debian", "docker.io/*", "library"})
    EXPECT_FALSE(NameMatches(name, pattern)) << pattern;
}

TEST(ImageView, Groups) {
  Digest one = *Digest::OfHex(std::string(64, '1')), two = *Digest::OfHex(std::string(64, '2'));
  auto groups = GroupImages({{.name = "a/x:1", .manifest = two, .config = one},
                             {.name = "", .config = two},
                             {.name = "a/x:2", .manifest = two, .config = one}});
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_THAT(groups[0].Names(), testing::ElementsAre("a/x:1", "a/x:2"));
  EXPECT_THAT(groups[0].RepoDigests(), testing::ElementsAre("a/x@" + two.str()));
  EXPECT_TRUE(groups[1].Names().empty());
}

}  // namespace
}  // namespace wolffia
