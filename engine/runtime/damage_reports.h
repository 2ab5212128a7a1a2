// DamageReports: what the threads that serve a container's layers find damaged, on its way to the monitor's
// loop. Each file is told once, and of no more than kMost files: a disk that dies must not fill another.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "engine/base/fd.h"
#include "engine/oci/digest.h"
#include "storage/overlay/lower_index.h"

namespace wolffia {

struct Damage {
  Digest layer;
  std::string path;  // in the image, without a leading slash
  std::string what;
  std::string Sentence() const;  // and how to heal it
};

inline constexpr char kHealCommand[] = "wolffia system check --repair";

class DamageReports {
 public:
  static constexpr size_t kMost = 100;

  static Result<std::unique_ptr<DamageReports>> Create();
  int fd() const { return event_.get(); }  // readable when there is something to Take

  // What `lower`, of these layers, finds from now on. This outlives its reads.
  void Watch(Lower& lower, const std::vector<Digest>& diff_ids);
  std::vector<Damage> Take();

 private:
  explicit DamageReports(Fd event) : event_(std::move(event)) {}
  void Add(Damage damage);

  Fd event_;
  std::mutex mutex_;
  std::set<std::string> known_;  // layer and path
  std::vector<Damage> fresh_;
};

}  // namespace wolffia
