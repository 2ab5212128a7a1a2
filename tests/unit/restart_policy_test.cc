#include "engine/runtime/restart_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wolffia {
namespace {

constexpr int64_t kMillisecond = 1'000'000, kSecond = 1'000'000'000;

TEST(RestartPolicy, Parses) {
  EXPECT_EQ(*ParseRestartPolicy(""), RestartPolicy());
  EXPECT_EQ(*ParseRestartPolicy("no"), (RestartPolicy{"no", 0}));
  EXPECT_EQ(*ParseRestartPolicy("always"), (RestartPolicy{"always", 0}));
  EXPECT_EQ(*ParseRestartPolicy("unless-stopped"), (RestartPolicy{"unless-stopped", 0}));
  EXPECT_EQ(*ParseRestartPolicy("on-failure"), (RestartPolicy{"on-failure", 0}));
  EXPECT_EQ(*ParseRestartPolicy("on-failure:5"), (RestartPolicy{"on-failure", 5}));
  EXPECT_FALSE(ParseRestartPolicy("no")->Restarts() || ParseRestartPolicy("")->Restarts());
  EXPECT_TRUE(ParseRestartPolicy("on-failure:1")->Restarts());
}

TEST(RestartPolicy, RefusesInPodmansWords) {
  struct Case {
    const char *text, *words;
  };
  const Case cases[] = {
      {"sometimes", "\"sometimes\" is not a valid restart policy: invalid argument"},
      {"Always", "is not a valid restart policy"},
      {":3", "retries can only be specified with on-failure"},
      {"always:3", "retries can only be specified with on-failure"},
      {"on-failure:", "parsing restart policy retry count: \"\" is not a number"},
      {"on-failure:x", "\"x\" is not a number"},
      {"on-failure:3x", "\"3x\" is not a number"},
      {"on-failure: 3", "is not a number"},
      {"on-failure:99999999999", "is not a number"},
      {"on-failure:-1", "greater than 0"},
  };
  for (const Case& c : cases) {
    auto policy = ParseRestartPolicy(c.text);
    ASSERT_FALSE(policy) << c.text;
    EXPECT_EQ(policy.error().code, Code::kInvalid);
    EXPECT_THAT(policy.error().what, testing::HasSubstr(c.words)) << c.text;
  }
}

TEST(RestartPolicy, Wants) {
  for (const char* never : {"", "no"}) EXPECT_FALSE((RestartPolicy{never, 0}.Wants(1, 0))) << never;
  for (const char* name : {"always", "unless-stopped"})
    for (int code : {0, 1, 137}) EXPECT_TRUE((RestartPolicy{name, 0}.Wants(code, 1'000'000))) << name;
  const RestartPolicy failure{"on-failure", 0}, twice{"on-failure", 2};
  EXPECT_FALSE(failure.Wants(0, 0));
  EXPECT_TRUE(failure.Wants(1, 1'000'000)) << "no limit";
  EXPECT_TRUE(twice.Wants(137, 0) && twice.Wants(1, 1));
  EXPECT_FALSE(twice.Wants(1, 2)) << "it has run three times";
  EXPECT_FALSE(twice.Wants(0, 1));
}

TEST(RestartBackoff, DoublesToAMinute) {
  RestartBackoff backoff;
  int64_t expected = 100 * kMillisecond;
  for (int i = 0; i < 100; i++) {
    ASSERT_EQ(backoff.Next(i % 11 * kSecond), std::min(expected, 60 * kSecond)) << i;
    if (expected < 60 * kSecond) expected *= 2;
  }
}

TEST(RestartBackoff, ALongRunBeginsAnew) {
  RestartBackoff backoff;
  for (int i = 0; i < 20; i++) (void)backoff.Next(0);
  EXPECT_EQ(backoff.Next(10 * kSecond), 60 * kSecond);
  EXPECT_EQ(backoff.Next(10 * kSecond + 1), 100 * kMillisecond);
  EXPECT_EQ(backoff.Next(0), 200 * kMillisecond);
  EXPECT_EQ(backoff.Next(INT64_MAX), 100 * kMillisecond);
}

TEST(RestartBackoff, ARunOfNoTimeOrLessIsShort) {
  RestartBackoff backoff;
  EXPECT_EQ(backoff.Next(-3600 * kSecond), 100 * kMillisecond);
  EXPECT_EQ(backoff.Next(INT64_MIN), 200 * kMillisecond);
}

}  // namespace
}  // namespace wolffia
