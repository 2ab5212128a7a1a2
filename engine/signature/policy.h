// Policy: one policy.toml: for every image that could come into the store a rule that accepts it, rejects it,
// or says by whom it must be signed. Pure: a file's text in, rules out; what cannot be understood is refused
// with its place, because a rule that is misread is a door left open.
//
//   default = "reject"                       # or "accept" (without it)
//   [[rule]]
//   scope = "registry.example.com/team"      # the longest scope that matches decides
//   [[rule.require]]                         # all of these; of each, one key is enough
//   type = "sigstore"
//   keys = ["team.pub"]                      # beside this file
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"
#include "engine/config/toml_document.h"
#include "engine/signature/image_origin.h"
#include "engine/signature/payload.h"

namespace wolffia {

enum class SignatureKind { kSigstore, kGpg };
std::string_view KindName(SignatureKind kind);  // "sigstore", "gpg"

struct SignatureRequirement {
  SignatureKind kind = SignatureKind::kSigstore;
  std::vector<std::string> keys;  // absolute paths, at least one
  IdentityRule identity = IdentityRule::kRepoDigestOrExact;
  std::string lookaside;  // kGpg: absolute path or http(s) URL, without a slash at its end
  bool operator==(const SignatureRequirement&) const = default;
};

struct PolicyRule {
  enum class Answer { kAccept, kReject, kSigned };
  Answer answer = Answer::kAccept;
  std::string scope;                           // "default" for what no rule is about
  std::string place;                           // "FILE:LINE"
  std::vector<SignatureRequirement> required;  // kSigned: at least one
  std::string str() const;                     // for people: rule "SCOPE" of FILE:LINE
  bool operator==(const PolicyRule&) const = default;
};

class Policy {
 public:
  // `file`: absolute; keys are relative to its directory.
  static Result<Policy> Parse(std::string_view text, const std::string& file);

  const PolicyRule& RuleFor(const ImageOrigin& origin) const;
  const std::vector<PolicyRule>& rules() const { return rules_; }

 private:
  PolicyRule default_;
  std::vector<PolicyRule> rules_;
};

}  // namespace wolffia
