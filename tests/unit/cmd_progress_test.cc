#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "cmd/progress.h"
#include "engine/base/fd.h"
#include "engine/base/file.h"

namespace wolffia {
namespace {

const std::string kLayer = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

// What a sequence of events writes to the standard error.
std::string Shown(ProgressStyle style, const std::vector<ProgressEvent>& events) {
  Pipe pipe = *MakePipe();
  Fd saved(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10));
  dup2(pipe.write.get(), STDERR_FILENO);
  {
    Context context;
    context.now = [] { return int64_t{1}; };
    ProgressView view(context, style);
    for (const ProgressEvent& event : events) view.Show(event);
  }
  dup2(saved.get(), STDERR_FILENO);
  pipe.write.Reset();
  return *ReadFd(pipe.read.get(), 1 << 20, "pipe");
}

const std::vector<ProgressEvent> kEvents = {
    {ProgressEvent::kResolving, "docker.io/library/x:1", 0, 0, ""},
    {ProgressEvent::kLayerProgress, kLayer, 500'000, 1'000'000, ""},
    {ProgressEvent::kRetry, kLayer, 0, 0, "connection reset"},
    {ProgressEvent::kLayerDone, kLayer, 0, 0, ""},
    {ProgressEvent::kDone, "docker.io/library/x:1", 0, 0, ""},
};

TEST(Progress, QuietPrintsNothing) {
  EXPECT_EQ(Shown({.quiet = true, .terminal = true}, kEvents), "");
}

TEST(Progress, PlainLines) {
  EXPECT_EQ(Shown({}, kEvents),
            "Pulling docker.io/library/x:1\nTrying 0123456789ab again: connection reset\nLayer 0123456789ab: "
            "done\n");
}

TEST(Progress, TerminalRedrawsInPlace) {
  std::string shown = Shown({.terminal = true, .width = 80}, kEvents);
  EXPECT_NE(shown.find("\x1b[1A\x1b[J0123456789ab  done\n"), std::string::npos) << shown;
  EXPECT_TRUE(shown.ends_with("done\n"));
}

// More layers than lines: the screen is never overrun.
TEST(Progress, SmallTerminal) {
  std::vector<ProgressEvent> events;
  for (char c : {'1', '2', '3', '4', '5', '6'})
    events.push_back({ProgressEvent::kLayerProgress, "sha256:" + std::string(64, c), 0, 10, ""});
  events.push_back({ProgressEvent::kLayerDone, "sha256:" + std::string(64, '1'), 0, 0, ""});
  std::string shown = Shown({.terminal = true, .width = 80, .height = 5}, events);
  std::string last = shown.substr(shown.rfind("\x1b[J"));
  EXPECT_EQ(std::ranges::count(last, '\n'), 4) << last;
  EXPECT_EQ(last.find("111111111111"), std::string::npos);
}

TEST(Progress, Lines) {
  ProgressStyle plain{.terminal = true, .width = 80};
  EXPECT_EQ(ProgressView::LayerLine(kLayer, 500'000, 1'000'000, "", plain),
            "0123456789ab  [================>               ]  500 kB / 1 MB");
  EXPECT_EQ(ProgressView::LayerLine(kLayer, 1, 0, "", plain), "0123456789ab  1 B");
  EXPECT_EQ(ProgressView::LayerLine(kLayer, 9, 5, "", plain).find("[================================]"), 14u);
  ProgressStyle narrow{.terminal = true, .width = 20};
  EXPECT_EQ(ProgressView::LayerLine(kLayer, 500'000, 1'000'000, "", narrow), "0123456789ab  500 k");
  ProgressStyle colour{.terminal = true, .colour = true, .width = 80};
  EXPECT_NE(ProgressView::LayerLine(kLayer, 1, 2, "", colour).find("\x1b[36m"), std::string::npos);
}

}  // namespace
}  // namespace wolffia
