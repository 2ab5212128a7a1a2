#include "cmd/copy_verbs.h"
#include "cmd/dispatch.h"

namespace wolffia {

std::span<const VerbEntry> ImageCopyEntries() {
  static constexpr VerbEntry kEntries[] = {
      {"cp", CpVerb}, {"diff", DiffVerb}, {"export", ExportVerb}, {"import", ImportVerb}};
  return kEntries;
}

}  // namespace wolffia
