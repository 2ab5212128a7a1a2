// From a source into the store: the layers that are missing, several at once, then configuration, manifest,
// indexes, and the name last. Killed at any moment it leaves layers without a name (the next pull finds them,
// gc removes them) and a staging directory without a lock (the next sweep removes it).
#pragma once

#include <mutex>
#include <optional>
#include <set>

#include "engine/registry/admission.h"
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
  const Policies& policies;
  Platform platform;
  bool require_platform = true;  // else an image of another platform is only warned of
  const std::set<Digest>* broken = nullptr;  // blobs of the store that are as good as missing
};

// `names` in full; none: a nameless image. `registry`: where its signatures are, if it comes from one.
// Returns the saved records, one a name, at least one.
Result<std::vector<ImageRecord>> ImportImage(const ImageImport& import, ImageSource& source,
                                             const Admission& admission,
                                             const std::vector<std::string>& names,
                                             RegistryClient* registry = nullptr);

// Puts back what is broken or missing of an image that the store has a record of; the record stays. kNotFound
// if the source has another image.
Result<> RestoreContent(const ImageImport& import, ImageSource& source, const ImageRecord& record);

// True if the store has everything of the record: its layers and documents.
bool IsComplete(const Store& store, const ImageRecord& record);

}  // namespace wolffia
