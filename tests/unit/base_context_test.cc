#include <gtest/gtest.h>

#include "engine/base/context.h"
#include "engine/base/result.h"

namespace wolffia {
namespace {

TEST(Time, FormatsAndParsesBack) {
  for (int64_t t :
       {int64_t{0}, int64_t{1'700'000'000'123'456'789}, int64_t{-1}, int64_t{951'782'400'000'000'000}})
    EXPECT_EQ(ParseTime(FormatTime(t)), t) << FormatTime(t);
  EXPECT_EQ(FormatTime(1'000'000'001), "1970-01-01T00:00:01.000000001Z");
  EXPECT_EQ(ParseTime("2026-01-02T03:04:05+01:30"), ParseTime("2026-01-02T01:34:05Z"));
  EXPECT_EQ(ParseTime("2026-01-02T03:04:05.5Z"), *ParseTime("2026-01-02T03:04:05Z") + 500'000'000);
  for (const char* bad : {"", "2026", "2026-01-02T03:04:05", "2026-01-02T03:04:05Zx", "2026-13-02T03:04:05Z"})
    EXPECT_EQ(ParseTime(bad), std::nullopt) << bad;
}

Result<int> Half(int n) {
  if (n % 2 != 0) return Fail(Code::kInvalid, "odd");
  return n / 2;
}
Result<int> Quarter(int n) {
  return TRY_WITH(Half(TRY(Half(n))), "second half");
}

TEST(Result, TryPassesErrorsOutwardWithContext) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_EQ(Quarter(7).error().what, "odd");
  EXPECT_EQ(Quarter(6).error().what, "second half: odd");
  EXPECT_EQ(FailErrno("open /x", ENOENT).error().what, "open /x: No such file or directory");
  EXPECT_EQ(FailErrno("open /x", EDQUOT).error().code, Code::kNoSpace);
}

}  // namespace
}  // namespace wolffia
