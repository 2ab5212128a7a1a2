// Policies: the policies of this host that are in force together, the site's and the user's. An image must
// satisfy every one of them.
#pragma once

#include <string>
#include <vector>

#include "engine/base/context.h"
#include "engine/signature/policy.h"
#include "engine/signature/policy_paths.h"

namespace wolffia {

class Policies {
 public:
  // Files that are not there say nothing; what cannot be read or understood is an error. `flag`:
  // --signature-policy, which must be there. Without any file everything is accepted, and a policy.json of
  // other engines that asks for more is warned of, because it is not read.
  static Result<Policies> Load(const Context& context, const std::string& flag,
                               const std::string& site = kSitePolicyFile);

  bool empty() const { return files_.empty(); }
  // When they were read: what is verified by them holds until a file is changed after that. 0 with a flag:
  // then it holds for that command alone.
  int64_t loaded_ns() const { return loaded_ns_; }
  // True if a rule wants GPG signatures: then gpgv may have to be run.
  bool WantGpg() const;
  // One of each file. They live as long as this object.
  std::vector<const PolicyRule*> RulesFor(const ImageOrigin& origin) const;

 private:
  std::vector<Policy> files_;
  int64_t loaded_ns_ = 0;
};

// kInvalid if one of the rules rejects; nothing is asked of the image.
Result<> CheckNotRejected(const std::vector<const PolicyRule*>& rules, const ImageOrigin& origin);
// All that signatures must satisfy; nothing if the rules only accept.
bool WantsSignatures(const std::vector<const PolicyRule*>& rules);

}  // namespace wolffia
