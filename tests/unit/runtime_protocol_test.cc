#include <gtest/gtest.h>

#include "engine/base/random.h"
#include "engine/runtime/monitor_protocol.h"

namespace wolffia {
namespace {

TEST(MonitorProtocol, EveryMessageSurvives) {
  StartRequest request{"/data", "/run", std::string(64, 'a'), true, true, 3};
  auto start = Decode(Encode(request));
  ASSERT_TRUE(start);
  const auto& copy = std::get<StartRequest>(*start);
  EXPECT_EQ(copy.store_root, "/data");
  EXPECT_EQ(copy.store_runroot, "/run");
  EXPECT_EQ(copy.container_id, request.container_id);
  EXPECT_TRUE(copy.volatile_store && copy.stdin_open);
  EXPECT_EQ(copy.log_level, 3);
  EXPECT_EQ(std::get<Started>(*Decode(Encode(Started{42}))).pid, 42);
  EXPECT_EQ(std::get<Signalled>(*Decode(Encode(Signalled{15}))).signal, 15);
  EXPECT_EQ(std::get<Exited>(*Decode(Encode(Exited{137}))).exit_code, 137);
  Error error{Code::kNoCommand, ENOENT, "execute x: No such file or directory"};
  EXPECT_EQ(std::get<Failed>(*Decode(Encode(Failed{error}))).error, error);
}

TEST(MonitorProtocol, LongSentencesFitAPacket) {
  auto decoded = Decode(Encode(Failed{Error{Code::kIo, 0, std::string(200'000, 'x')}}));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(std::get<Failed>(*decoded).error.what.size(), 16384u);
}

TEST(MonitorProtocol, NonsenseIsRefused) {
  std::string good = Encode(StartRequest{"/data", "/run", "id"});
  for (size_t n = 0; n < good.size(); n++) EXPECT_FALSE(Decode(good.substr(0, n))) << n;
  EXPECT_FALSE(Decode(good + "x"));
  EXPECT_FALSE(Decode("\x09"));
  std::string huge = good;
  huge[8] = '\x7f';  // the length of the first string
  EXPECT_FALSE(Decode(huge));
}

}  // namespace
}  // namespace wolffia
