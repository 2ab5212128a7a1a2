// wolffia-guarantees(7) from the table.
#include "engine/guarantees/guarantee.h"

namespace wolffia {
namespace {

constexpr const char* kBegin = R"(% wolffia-guarantees 7 "" "wolffia" "Miscellaneous"

# NAME

wolffia-guarantees - what a rootful container engine guarantees, and what of it holds without root

# DESCRIPTION

An engine that runs as root can promise things that an ordinary user's engine cannot, or can where the host lets it. Here is each of them:
how a rootful engine keeps it, how wolffia does, what it needs of the host, and what wolffia does where it cannot be had.
**wolffia doctor** tries each of them on this host and says HOLDS, HOLDS-IF (with the remedy, and who can apply it), LOST or NOT-APPLICABLE;
**wolffia run --require=**_ID_ refuses to start a container for which one does not hold.

This page is made from the table that they use.
)";

constexpr const char* kEnd = R"(
# SEE ALSO

**wolffia-doctor**(1), **wolffia-run**(1), **wolffia-network**(7), **wolffia-supervision**(7), **wolffia-storage**(5), **user_namespaces**(7)
)";

// Asterisks, underscores and angle brackets of the table's plain text are no Markdown.
std::string Plain(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '*' || c == '_' || c == '<' || c == '>' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

enum class Standing { kAlways, kIf, kLost };

Standing StandingOf(const Guarantee& row) {
  return !row.attainable ? Standing::kLost : row.needs.empty() ? Standing::kAlways : Standing::kIf;
}

std::string Listed(const char* heading, Standing standing) {
  std::string ids;
  for (const GuaranteeGroup& group : GuaranteeGroups())
    for (const Guarantee& row : group.rows)
      if (StandingOf(row) == standing) ids += (ids.empty() ? "" : ", ") + std::string(row.id);
  return "\n**" + std::string(heading) + "**\n:   " + ids + ".\n";
}

std::string Entry(const Guarantee& row) {
  std::string text = "\n**" + std::string(row.id) + "**\n:   " + Plain(row.title) + ".\n";
  auto line = [&](const char* label, std::string_view words) {
    if (!words.empty()) text += "\n    " + std::string(label) + ": " + Plain(words) + ".\n";
  };
  line("With root", row.rootful);
  if (row.attainable)
    line("Without", row.mechanism);
  else
    text += "\n    Without: lost.\n";
  line("Needs", row.needs);
  line("Instead", row.instead);
  return text;
}

}  // namespace

std::string GuaranteePage() {
  std::string text = kBegin;
  text += "\n# SUMMARY\n";
  text += Listed("Hold wherever containers run", Standing::kAlways);
  text += Listed("Hold if the host, or a flag, gives what they need", Standing::kIf);
  text += Listed("Lost", Standing::kLost);
  for (const GuaranteeGroup& group : GuaranteeGroups()) {
    std::string title(group.title);
    for (char& c : title) c = static_cast<char>(toupper(c));
    text += "\n# " + title + "\n";
    for (const Guarantee& row : group.rows) text += Entry(row);
  }
  return text + kEnd;
}

}  // namespace wolffia
