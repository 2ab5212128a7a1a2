#include <gtest/gtest.h>

#include "engine/base/random.h"
#include "engine/runtime/control_protocol.h"

namespace wolffia {
namespace {

template <typename Message>
Message Again(const Message& message) {
  auto decoded = DecodeControl(Encode(message));
  EXPECT_TRUE(decoded && std::holds_alternative<Message>(*decoded));
  return decoded && std::holds_alternative<Message>(*decoded) ? std::get<Message>(*decoded) : Message();
}

TEST(ControlProtocol, EveryMessageSurvives) {
  StartRequest request{"/data", "/run", std::string(64, 'a'), true,
                       true,    3,      StartMode::kInit,     {kStdin | kStderr, true, {25, 80}}};
  StartRequest copy = Again(request);
  EXPECT_EQ(copy.store_root, "/data");
  EXPECT_EQ(copy.store_runroot, "/run");
  EXPECT_EQ(copy.container_id, request.container_id);
  EXPECT_TRUE(copy.volatile_store && copy.verify_reads && copy.attach.lossless);
  EXPECT_EQ(copy.log_level, 3);
  EXPECT_EQ(copy.mode, StartMode::kInit);
  EXPECT_EQ(copy.attach.streams, kStdin | kStderr);
  EXPECT_EQ(copy.attach.size, (TerminalSize{25, 80}));
  EXPECT_EQ(Again(ResizeRequest{{65535, 1}}).size, (TerminalSize{65535, 1}));
  EXPECT_EQ(Again(SignalRequest{15}).signal, 15);
  StopRequest stop = Again(StopRequest{9, INT64_MAX});
  EXPECT_TRUE(stop.signal == 9 && stop.timeout_ms == INT64_MAX);
  EXPECT_EQ(Again(RestartRequest{-1}).timeout_ms, -1);
  EXPECT_FALSE(Again(PauseRequest{false}).pause);
  (void)Again(GoRequest{});
  (void)Again(ProcessRequest{});
  (void)Again(HealthRequest{});
  (void)Again(NetworkRequest{});
  (void)Again(NotifierRequest{});
  RestartPolicyRequest policy = Again(RestartPolicyRequest{"on-failure", 3});
  EXPECT_TRUE(policy.policy == "on-failure" && policy.retries == 3);
  EXPECT_EQ(Again(Started{42}).pid, 42);
  EXPECT_EQ(Again(Exited{137}).exit_code, 137);
  EXPECT_EQ(Again(Exited{125, "no such program"}).error, "no such program");
  EXPECT_TRUE(Again(Attached{true}).tty);
  EXPECT_TRUE(Again(Done{true}).forced);
  Overrun overrun = Again(Overrun{kStderr, INT64_MAX});
  EXPECT_TRUE(overrun.stream == kStderr && overrun.bytes == INT64_MAX);
  EXPECT_EQ(Again(Process{7}).pid, 7);
  Health health = Again(Health{1, std::string("a\0b", 3)});
  EXPECT_TRUE(health.exit_code == 1 && health.output.size() == 3);
  Error error{Code::kNoCommand, ENOENT, "execute x: No such file or directory"};
  EXPECT_EQ(Again(Failed{error}).error, error);
}

TEST(ControlProtocol, LongSentencesFitAPacket) {
  EXPECT_EQ(Again(Failed{Error{Code::kIo, 0, std::string(200'000, 'x')}}).error.what.size(), 16384u);
  EXPECT_LE(Encode(Health{0, std::string(200'000, 'x')}).size(), kMaxControlPacket);
}

TEST(ControlProtocol, NonsenseIsRefused) {
  std::string good = Encode(StartRequest{"/data", "/run", "id"});
  for (size_t n = 0; n < good.size(); n++) EXPECT_FALSE(DecodeControl(good.substr(0, n))) << n;
  EXPECT_FALSE(DecodeControl(good + "x"));
  EXPECT_EQ(DecodeControl("\x03\x63").error().code, Code::kCorrupt);
  EXPECT_EQ(DecodeControl("\x04\x01").error().code, Code::kUnsupported) << "another version";
  std::string huge = good;
  huge[9] = '\x7f';  // the length of the first string
  EXPECT_FALSE(DecodeControl(huge));
  std::string size = Encode(ResizeRequest{{1, 1}});
  size[4] = '\x01';  // 65537 rows
  EXPECT_FALSE(DecodeControl(size));
}

}  // namespace
}  // namespace wolffia
