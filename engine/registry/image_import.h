// From a source into the store: the layers that are missing, several at once, then configuration, manifest,
// indexes, and the name last. Killed at any moment it leaves layers without a name (the next pull finds them,
// gc removes them) and a staging directory without a lock (the next sweep removes it).
#pragma once

#include <mutex>
#include <optional>

#include "engine/registry/backoff.h"
#include "engine/registry/image_source.h"
#include "engine/registry/pull.h"

namespace wolffia {

// Calls of several threads, one after another.
class ProgressGate {
 public:
  explicit ProgressGate(Progress progress) : progress_(std::move(progress)) {}
  void Report(const ProgressEvent& event) {
    std::lock_guard lock(mutex_);
    if (progress_) progress_(event);
  }

 private:
  std::mutex mutex_;
  Progress progress_;
};

struct ImageImport {
  const Context& context;
  const Settings& settings;
  const Store& store;
  ProgressGate& progress;
  Cancel& cancel;  // set at the first failure
  Platform platform;
  bool require_platform = true;  // else an image of another platform is only warned of
};

// `names` in full; none: a nameless image. Returns the saved records, one a name, at least one.
Result<std::vector<ImageRecord>> ImportImage(const ImageImport& import, ImageSource& source,
                                             const std::vector<std::string>& names);

// True if the store has everything of the record: its layers and documents.
bool IsComplete(const Store& store, const ImageRecord& record);

}  // namespace wolffia
