#include "cmd/store_confinement.h"

#include "engine/landlock/policy.h"
#include "engine/registry/credentials.h"

namespace wolffia {
namespace {

void Enter(const Command& command, LandlockPolicy policy) {
  policy.best_effort = true;
  policy.bind_tcp.emplace();
  auto compiled = CompileLandlock(policy, LandlockVersion());
  if (!compiled) return;
  for (const std::string& lost : compiled->lost)
    command.context.Debug("this kernel cannot keep wolffia-image from " + lost);
  // A limit of rulesets inside one another, say: it is one wall of several.
  if (auto confined = RestrictSelf(compiled->ruleset); !confined)
    command.context.Debug("wolffia-image is not confined: " + confined.error().what);
}

LandlockPolicy StorePolicy(const Session& session, Network network) {
  LandlockPolicy policy;
  policy.write = {{session.store.root_path(), session.store.runroot_path(), "/dev"}};
  policy.exec.emplace();
  policy.scope_signals = true;
  if (network == Network::kNone) {
    policy.connect_tcp.emplace();
    policy.scope_abstract_sockets = true;
  }
  return policy;
}

}  // namespace

void ConfineToStore(const Command& command, const Session& session, Network network) {
  Enter(command, StorePolicy(session, network));
}

void ConfineVerification(const Command& command, const Session& session, const Policies& policies) {
  LandlockPolicy policy = StorePolicy(session, Network::kNone);
  if (policies.WantGpg()) policy.exec.reset();
  Enter(command, std::move(policy));
}

void ConfinePull(const Command& command, const Session& session, const PullOptions& options) {
  LandlockPolicy policy;
  if (!NamesCredentialHelpers(command.context, options.authfile)) {
    policy = StorePolicy(session, Network::kAny);
    if (options.policies.WantGpg()) policy.exec.reset();
  }
  Enter(command, std::move(policy));
}

}  // namespace wolffia
