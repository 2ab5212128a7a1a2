// policy.toml: whatever is accepted is complete, and answers for every image.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/signature/policy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace wolffia;
  auto policy = Policy::Parse({reinterpret_cast<const char*>(data), size}, "/p/policy.toml");
  if (!policy) return 0;
  for (const PolicyRule& rule : policy->rules()) {
    if ((rule.answer == PolicyRule::Answer::kSigned) == rule.required.empty()) abort();
    for (const SignatureRequirement& required : rule.required) {
      if (required.keys.empty()) abort();
      if ((required.kind == SignatureKind::kGpg) == required.lookaside.empty()) abort();
      for (const std::string& key : required.keys)
        if (!key.starts_with('/')) abort();
    }
    // A scope that names a repository is about that repository, or a longer one is.
    if (auto name = Reference::Parse(rule.scope); name && !name->IsShort())
      (void)policy->RuleFor(ImageOrigin::OfRegistry(*name)).str();
  }
  for (const char* text : {"docker://r.example/team/x:1", "oci-archive:/srv/x", "import:"})
    if (policy->RuleFor(*ImageOrigin::Parse(text)).scope.empty()) abort();
  return 0;
}
