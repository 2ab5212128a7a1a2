#include "cmd/image_policy.h"

#include "cmd/heavy_program.h"
#include "engine/signature/policy_paths.h"

namespace wolffia {

Result<> CheckPolicyOfNow(const Command& command, const ImageRecord& record) {
  if (record.verdict.source.empty()) return {};  // made on this host
  const std::string flag = command.options().String("signature-policy");
  const auto paths = TRY(PolicyPaths(command.context, flag));
  if (flag.empty() && !PolicyChangedSince(paths, record.verdict.checked_ns)) return {};
  std::vector<std::string> words = {"internal-verify"};
  if (!flag.empty()) words.push_back("--signature-policy=" + flag);
  words.insert(words.end(), {"--", record.name.empty() ? record.config.hex() : record.name});
  TRY(RunHeavyProgram(command, words));
  return {};
}

}  // namespace wolffia
