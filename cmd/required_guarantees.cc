#include "cmd/required_guarantees.h"

#include "cmd/heavy_program.h"
#include "engine/guarantees/configuration.h"
#include "engine/guarantees/ids.h"

namespace wolffia {

Result<> CheckHost(const Command& command, const std::vector<std::string>& require) {
  if (require.empty()) return {};
  std::vector<std::string> words = {"internal-probe"};
  words.insert(words.end(), require.begin(), require.end());
  TRY(RunHeavyProgram(command, words, "wolffia-doctor"));
  return {};
}

Result<> CheckConfiguration(const ContainerRecord& record, const RuntimeSpec& spec) {
  for (const std::string& id : RequiredGuarantees(record.annotations))
    if (const std::string why = GivenUp(id, record, spec); !why.empty())
      return Fail(Code::kUnsupported, "--require=" + id + ": the container does not have that: " + why);
  return {};
}

Result<> CheckRequired(const Command& command, const Store& store, const ContainerRecord& record) {
  const std::vector<std::string> require = RequiredGuarantees(record.annotations);
  if (require.empty()) return {};
  TRY(CheckConfiguration(record, TRY(ContainerStore(store).ReadSpec(record.id))));
  return CheckHost(command, require);
}

}  // namespace wolffia
