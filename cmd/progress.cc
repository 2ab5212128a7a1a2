#include "cmd/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "cmd/human.h"
#include "cmd/session.h"

namespace wolffia {
namespace {

constexpr int64_t kRedrawNs = 100'000'000;

// A digest by its first digits, anything else as it is.
std::string ShortName(std::string_view subject) {
  if (!subject.starts_with("sha256:")) return std::string(subject);
  return std::string(subject.substr(7, 12));
}

void Write(std::string_view text) {
  (void)!write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

ProgressStyle DetectProgressStyle(const Context& context, bool quiet) {
  ProgressStyle style;
  style.quiet = quiet;
  bool dumb = context.Env("TERM").value_or("dumb") == "dumb";
  style.terminal = isatty(STDERR_FILENO) == 1 && !dumb;
  style.colour = style.terminal && !context.Env("NO_COLOR");
  winsize size{};
  if (style.terminal && ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    style.width = size.ws_col;
    style.height = size.ws_row;
  }
  return style;
}

std::string ProgressView::LayerLine(std::string_view name, int64_t done, int64_t total,
                                    std::string_view state, const ProgressStyle& style) {
  std::string line = ShortName(name) + "  ";
  std::string figures = total > 0  ? HumanSize(done) + " / " + HumanSize(total)
                        : done > 0 ? HumanSize(done)
                                   : "";
  if (!state.empty())
    figures =
        figures.empty() || state != "retrying" ? std::string(state) : figures + "  " + std::string(state);
  constexpr size_t kFigures = 30;
  size_t room = style.width > line.size() + kFigures + 4 ? style.width - line.size() - kFigures - 4 : 0;
  size_t bar = std::min<size_t>(room, 40);
  if (bar >= 5 && state.empty() && total > 0) {
    auto full = static_cast<size_t>(static_cast<double>(bar) *
                                    static_cast<double>(std::clamp<int64_t>(done, 0, total)) /
                                    static_cast<double>(total));
    std::string drawn(full, '=');
    if (full < bar) drawn += '>';
    drawn.resize(bar, ' ');
    line += "[" + (style.colour ? "\x1b[36m" + drawn + "\x1b[0m" : drawn) + "]  ";
  }
  line += figures;
  if (bar < 5 && line.size() >= style.width)
    line.resize(std::max<size_t>(style.width, 1) - 1);  // never wrapped
  return line;
}

ProgressView::Layer& ProgressView::LayerOf(const std::string& digest) {
  auto it = std::ranges::find(layers_, digest, &Layer::digest);
  if (it == layers_.end()) it = layers_.insert(layers_.end(), Layer{digest, "", 0, 0});
  return *it;
}

void ProgressView::ShowPlain(const ProgressEvent& event) {
  switch (event.kind) {
    case ProgressEvent::kResolving:
      PrintNotice("Pulling " + event.subject);
      break;
    case ProgressEvent::kLayerExists:
      PrintNotice("Layer " + ShortName(event.subject) + ": already here");
      break;
    case ProgressEvent::kLayerDone:
      PrintNotice("Layer " + ShortName(event.subject) + ": done");
      break;
    case ProgressEvent::kRetry:
      PrintNotice("Trying " + ShortName(event.subject) + " again: " + event.message);
      break;
    case ProgressEvent::kLayerProgress:
    case ProgressEvent::kDone:
      break;
  }
}

void ProgressView::Show(const ProgressEvent& event) {
  if (style_.quiet) return;
  if (!style_.terminal) return ShowPlain(event);
  switch (event.kind) {
    case ProgressEvent::kResolving:
      Finish();
      PrintNotice("Pulling " + event.subject);
      return;
    case ProgressEvent::kLayerExists:
      LayerOf(event.subject).state = "already here";
      break;
    case ProgressEvent::kLayerProgress: {
      Layer& layer = LayerOf(event.subject);
      layer.done = event.done;
      layer.total = event.total;
      layer.state.clear();
      break;
    }
    case ProgressEvent::kLayerDone:
      LayerOf(event.subject).state = "done";
      break;
    case ProgressEvent::kRetry:
      if (event.subject.starts_with("sha256:"))
        LayerOf(event.subject).state = "retrying";
      else
        PrintNotice("Trying " + event.subject + " again: " + event.message);
      break;
    case ProgressEvent::kDone:
      Finish();
      return;
  }
  Redraw(event.kind != ProgressEvent::kLayerProgress);
}

void ProgressView::Redraw(bool now) {
  int64_t time = context_.now();
  if (!now && time - drawn_at_ns_ < kRedrawNs) return;
  drawn_at_ns_ = time;
  std::string out;
  if (drawn_ > 0) out += "\x1b[" + std::to_string(drawn_) + "A\x1b[J";
  // Lines that have scrolled away cannot be drawn again: finished layers make room first.
  size_t room = std::max<size_t>(style_.height, 2) - 1;
  size_t hidden = layers_.size() > room ? layers_.size() - room : 0;
  drawn_ = 0;
  for (const Layer& layer : layers_) {
    if (hidden > 0 && (layer.state == "done" || layer.state == "already here")) {
      hidden--;
      continue;
    }
    if (drawn_ == room) break;
    out += LayerLine(layer.digest, layer.done, layer.total, layer.state, style_) + "\n";
    drawn_++;
  }
  Write(out);
}

void ProgressView::Finish() {
  if (style_.terminal && !style_.quiet && !layers_.empty()) Redraw(true);
  layers_.clear();
  drawn_ = 0;
}

}  // namespace wolffia
