// Progress of a pull on standard error: on a terminal one line a layer with a bar, redrawn in place;
// elsewhere one plain line an event; nothing when quiet. Colours only where NO_COLOR is not set.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/context.h"
#include "engine/registry/pull.h"

namespace wolffia {

struct ProgressStyle {
  bool quiet = false, terminal = false, colour = false;
  size_t width = 80, height = 24;  // of the terminal
};
// Of standard error.
ProgressStyle DetectProgressStyle(const Context& context, bool quiet);

class ProgressView {
 public:
  ProgressView(const Context& context, ProgressStyle style) : context_(context), style_(style) {}
  // Leaves the cursor below the last line.
  ~ProgressView() { Finish(); }
  ProgressView(const ProgressView&) = delete;

  void Show(const ProgressEvent& event);
  // Draws the last state; called before anything else is printed.
  void Finish();

  // The line of one layer: "ab12cd34ef56  [=====>    ]  12.3 MB / 45.6 MB". Pure.
  static std::string LayerLine(std::string_view name, int64_t done, int64_t total, std::string_view state,
                               const ProgressStyle& style);

 private:
  struct Layer {
    std::string digest, state;
    int64_t done = 0, total = 0;
  };
  Layer& LayerOf(const std::string& digest);
  void ShowPlain(const ProgressEvent& event);
  void Redraw(bool now);

  const Context& context_;
  ProgressStyle style_;
  std::vector<Layer> layers_;
  size_t drawn_ = 0;  // lines on the screen that are ours
  int64_t drawn_at_ns_ = 0;
};

}  // namespace wolffia
