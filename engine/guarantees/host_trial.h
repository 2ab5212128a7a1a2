// HostTrial: what the probes of the table ask of this host. Each answer is found out once, when it is first
// asked for.
//
// Most come from one throw-away container (World): a process with all the namespaces and ids that a container
// would get, which tries what containers and the engine do and is then killed. Nothing of it outlives the
// call: it has no image, no place in the store, and what it mounts is in its own mount namespace.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "engine/base/context.h"
#include "engine/config/settings.h"
#include "engine/guarantees/content_trial.h"
#include "engine/guarantees/trial.h"
#include "engine/runtime/host_facts.h"
#include "engine/runtime/overlay_probe.h"

namespace wolffia {

struct World {
  bool exists = false;    // it could be made, with a user namespace at least
  bool full_ids = false;  // the ids of /etc/subuid are mapped, not one id alone
  std::string no_ids;     // why they are not
  bool finished = false;  // the trials came to their end within the time allowed
  TrialResults inside;    // kNotTried: what it stands on is missing
  // Tried on it from outside, as the user.
  int ptrace = kNotTried, perf = kNotTried;
  bool is_user_outside = false;  // its root is the user, seen from the host
  bool stays_in_cgroup = false;  // it is in the control groups of the process that started it
  // A rate limit on its interface; slirp4netns as its network: what went wrong, empty if it works.
  std::string rate_problem = "its network was not tried", network_problem = rate_problem;
};

// The file system of the store, tried in a directory of the store's own that is removed again.
struct StoreTrial {
  std::string problem;  // the store cannot be opened or written: nothing else is known
  std::string path;     // its root
  std::string file_system;
  int sync = kNotTried, lock = kNotTried, rename = kNotTried, user_xattr = kNotTried,
      unnamed_file = kNotTried;
  bool network_file_system = false, in_memory = false;
  OverlayProbe overlay;
};

class HostTrial {
 public:
  HostTrial(const Context& context, const Settings& settings);

  const Context& context() const { return context_; }
  const Settings& settings() const { return settings_; }
  const HostFacts& Facts();
  // errno of a new user namespace with this one in it (CLONE_NEWNET ...); 0: it can be made.
  int NamespaceError(uint64_t flag);
  const World& InWorld();
  // Two ranges of ids as --userns=auto gives them, while no container has any.
  Result<std::pair<IdMaps, IdMaps>> TwoRanges();
  const StoreTrial& OnStore();
  // The pull of an image with false content: started early, it runs beside the other trials. Empty: refused.
  void StartContentTrial();
  const std::string& ContentProblem();

 private:
  const Context& context_;
  const Settings& settings_;
  std::optional<HostFacts> facts_;
  std::map<uint64_t, int> namespaces_;
  std::optional<World> world_;
  std::optional<StoreTrial> store_trial_;
  Result<Store> store_;
  std::optional<ContentTrial> content_;
  std::optional<std::string> content_problem_;
};

}  // namespace wolffia
