#include "engine/runtime/damage_reports.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/oci/quote.h"

namespace wolffia {

std::string Damage::Sentence() const {
  return "layer " + layer.str() + " is damaged: " + Quote("/" + path) + ": " + what +
         "; to fetch it again: " + kHealCommand;
}

Result<std::unique_ptr<DamageReports>> DamageReports::Create() {
  Fd event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) return FailErrno("eventfd");
  return std::unique_ptr<DamageReports>(new DamageReports(std::move(event)));
}

void DamageReports::Watch(Lower& lower, const std::vector<Digest>& diff_ids) {
  lower.WhenDamaged([this, &index = lower.index(), diff_ids](const IndexNode& file, const std::string& what) {
    Add({file.layer < diff_ids.size() ? diff_ids[file.layer] : Digest(), index.PathOf(file), what});
  });
}

void DamageReports::Add(Damage damage) {
  std::lock_guard lock(mutex_);
  if (known_.size() >= kMost || !known_.insert(damage.layer.hex() + "/" + damage.path).second) return;
  fresh_.push_back(std::move(damage));
  const uint64_t one = 1;
  (void)!write(event_.get(), &one, sizeof one);
}

std::vector<Damage> DamageReports::Take() {
  uint64_t count = 0;
  (void)!read(event_.get(), &count, sizeof count);
  std::lock_guard lock(mutex_);
  return std::exchange(fresh_, {});
}

}  // namespace wolffia
