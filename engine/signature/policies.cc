#include "engine/signature/policies.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "engine/base/file.h"
#include "engine/config/user_paths.h"
#include "engine/oci/json.h"

namespace wolffia {
namespace {

constexpr size_t kMaxPolicyBytes = 1 << 20;

Result<std::string> AbsolutePath(const std::string& path) {
  if (path.starts_with('/')) return path;
  char* directory = getcwd(nullptr, 0);
  if (directory == nullptr) return FailErrno("working directory");
  std::string absolute = std::string(directory) + "/" + path;
  free(directory);
  return absolute;
}

// Any requirement, at whatever depth, that is not "accept anything".
bool AsksForMore(const Json& policy) {
  if (policy.is_object())
    if (auto type = policy.find("type"); type != policy.end() && type->is_string())
      return *type != "insecureAcceptAnything";
  return policy.is_structured() && std::any_of(policy.begin(), policy.end(), AsksForMore);
}

// A user of other engines expects their policy.json to hold. It is not read: its keys, paths and transports
// are another language, and half of it would be worse than none. So say it where it matters.
void WarnOfForeignPolicy(const Context& context) {
  std::string file = "/etc/containers/policy.json";
  if (auto own = UserConfigFile(context, "containers/policy.json"); own && ExistsAt(AT_FDCWD, *own))
    file = *own;
  auto text = ReadFile(file, kMaxPolicyBytes);
  if (!text) return;
  auto policy = ParseJson(*text);
  if (policy && AsksForMore(*policy))
    context.Warn(file + " asks for more than to accept every image, and wolffia does not read it: write " +
                 kSitePolicyFile + " or ~/.config/wolffia/policy.toml (wolffia-policy.toml(5))");
}

}  // namespace

Result<Policies> Policies::Load(const Context& context, const std::string& flag, const std::string& site) {
  Policies policies;
  if (context.now && flag.empty()) policies.loaded_ns_ = context.now();
  for (const std::string& path : TRY(PolicyPaths(context, flag, site))) {
    auto text = ReadFile(path, kMaxPolicyBytes);
    const bool absent = !text && (text.error().os_errno == ENOENT || text.error().os_errno == ENOTDIR);
    if (absent && path != flag) continue;
    const std::string bytes = TRY_WITH(std::move(text), "signature policy");
    policies.files_.push_back(TRY_WITH(Policy::Parse(bytes, TRY(AbsolutePath(path))), "signature policy"));
  }
  if (policies.empty()) WarnOfForeignPolicy(context);
  return policies;
}

bool Policies::WantGpg() const {
  for (const Policy& file : files_)
    for (const PolicyRule& rule : file.rules())
      for (const SignatureRequirement& required : rule.required)
        if (required.kind == SignatureKind::kGpg) return true;
  return false;
}

std::vector<const PolicyRule*> Policies::RulesFor(const ImageOrigin& origin) const {
  std::vector<const PolicyRule*> rules;
  for (const Policy& file : files_) rules.push_back(&file.RuleFor(origin));
  return rules;
}

Result<> CheckNotRejected(const std::vector<const PolicyRule*>& rules, const ImageOrigin& origin) {
  for (const PolicyRule* rule : rules)
    if (rule->answer == PolicyRule::Answer::kReject)
      return Fail(Code::kInvalid, "the signature policy rejects " + origin.str() + ": " + rule->str());
  return {};
}

bool WantsSignatures(const std::vector<const PolicyRule*>& rules) {
  return std::ranges::any_of(
      rules, [](const PolicyRule* rule) { return rule->answer == PolicyRule::Answer::kSigned; });
}

}  // namespace wolffia
