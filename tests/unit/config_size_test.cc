#include <gtest/gtest.h>

#include "engine/config/settings.h"

namespace wolffia {
namespace {

TEST(Size, Parse) {
  const std::pair<const char*, uint64_t> rows[] = {
      {"0", 0},
      {"1024", 1024},
      {"10b", 10},
      {"10B", 10},
      {"1k", 1024},
      {"1K", 1024},
      {"1kb", 1024},
      {"1KiB", 1024},
      {"10m", 10u << 20},
      {"10 MB", 10u << 20},
      {"64GiB", uint64_t{64} << 30},
      {"1.5g", uint64_t{3} << 29},
      {"0.5k", 512},
      {"2t", uint64_t{2} << 40},
      {"1p", uint64_t{1} << 50},
      {"9223372036854775807", INT64_MAX},
  };
  for (const auto& [text, bytes] : rows) {
    auto size = ParseSize(text);
    ASSERT_TRUE(size.has_value()) << text << ": " << size.error().what;
    EXPECT_EQ(*size, bytes) << text;
  }
  for (const char* bad : {"",
                          " ",
                          "k",
                          "-1",
                          "+1",
                          "1x",
                          "1ki",
                          "1kib x",
                          "1..5k",
                          "1.k",
                          ".5k",
                          "1.5",
                          "1.5b",
                          "0x10",
                          "1e3",
                          "1bb",
                          "1bi",
                          "9223372036854775808",
                          "9999999999p",
                          "99999999999999999999999999",
                          "1\n",
                          "8192p",
                          "999999999999999999999999p"})
    EXPECT_EQ(ParseSize(bad).error().code, Code::kInvalid) << bad;
}

}  // namespace
}  // namespace wolffia
