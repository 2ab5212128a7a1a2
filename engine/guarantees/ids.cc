#include "engine/guarantees/ids.h"

#include <algorithm>

namespace wolffia {
namespace {

constexpr size_t kMaxTyped = 64;  // longer ones are near to nothing

std::vector<std::string_view> AllIds() {
  std::vector<std::string_view> ids;
  for (std::string_view rest = kGuaranteeIds; !rest.empty();) {
    std::string_view id = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(id.size() + 1, rest.size()));
    ids.push_back(id);
  }
  return ids;
}

// How many letters must be changed, put in or taken out (Levenshtein).
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j < row.size(); j++) row[j] = j;
  for (size_t i = 0; i < a.size(); i++) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); j++) {
      const size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

std::string NearTo(const std::string& typed) {
  std::string near;
  for (std::string_view id : AllIds()) {
    const bool part = typed.size() >= 3 && id.find(typed) != std::string_view::npos;
    if (part || (typed.size() <= kMaxTyped && Distance(typed, id) <= 1 + id.size() / 4))
      near += (near.empty() ? "" : ", ") + std::string(id);
  }
  return near;
}

}  // namespace

std::vector<std::string> RequiredGuarantees(const std::map<std::string, std::string>& annotations) {
  auto found = annotations.find(kRequireAnnotation);
  if (found == annotations.end()) return {};
  std::vector<std::string> ids;
  for (std::string_view rest = found->second;; rest.remove_prefix(rest.find(',') + 1)) {
    ids.emplace_back(rest.substr(0, rest.find(',')));
    if (rest.find(',') == std::string_view::npos) return ids;
  }
}

Result<> CheckGuaranteeIds(const std::vector<std::string>& ids) {
  const std::vector<std::string_view> known = AllIds();
  for (const std::string& id : ids) {
    if (std::ranges::find(known, id) != known.end()) continue;
    const std::string near = NearTo(id);
    return Fail(Code::kInvalid,
                "unknown guarantee \"" + id.substr(0, kMaxTyped) +
                    "\": " + (near.empty() ? "wolffia doctor lists them" : "did you mean " + near + "?"));
  }
  return {};
}

}  // namespace wolffia
