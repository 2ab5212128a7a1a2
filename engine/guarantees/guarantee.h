// Guarantees: every property that a rootful container engine gives, as one table: what it promises, how the
// promise is kept, and a probe that finds out on this host whether it can be kept for an ordinary user.
// `wolffia doctor`, wolffia-guarantees(7), and --require come from this table, so that they cannot disagree.
//
// The rows are in identity.cc, isolation.cc, resources.cc, storage.cc, network.cc and lifecycle.cc. A probe
// tries the thing itself, in namespaces that are thrown away (host_trial.h); it never compares versions. It
// changes nothing that outlives it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wolffia {

class HostTrial;

enum class Verdict {
  kHolds,
  kHoldsIf,        // not here and now: `remedy` says what would make it hold
  kLost,           // an ordinary user cannot have it, or wolffia does not have it
  kNotApplicable,  // this host has nothing that it could be about
};
enum class Who { kNobody, kYou, kAdministrator };  // can apply the remedy

// What a probe found. Reason, remedy and who are empty for kHolds, and the remedy where nobody has one.
struct Finding {
  Verdict verdict = Verdict::kHolds;
  std::string reason;  // a sentence without a full stop
  std::string remedy;  // "install the package uidmap": what `who` does
  Who who = Who::kNobody;
  std::string command;     // for a shell, where the remedy is one
  bool stops_run = false;  // without it a plain `wolffia run` fails
  bool operator==(const Finding&) const = default;
};

struct Guarantee {
  std::string_view id;         // lower-case words with hyphens: for --require
  std::string_view title;      // the promise, one line
  std::string_view rootful;    // how an engine that runs as root keeps it
  std::string_view mechanism;  // how wolffia does
  std::string_view needs;      // of the host or the command line; empty: nothing that a host could lack
  std::string_view instead;    // what wolffia does where it does not hold; empty: nothing
  bool attainable;             // false: the verdict is LOST or NOT-APPLICABLE on every host
  Finding (*probe)(HostTrial& host);
};

struct GuaranteeGroup {
  std::string_view name, title;
  std::span<const Guarantee> rows;
};

// In the order of the manual page.
std::span<const GuaranteeGroup> GuaranteeGroups();
const Guarantee* FindGuarantee(std::string_view id);  // nullptr if there is none

std::string_view VerdictName(Verdict verdict);  // "HOLDS" "HOLDS-IF" "LOST" "NOT-APPLICABLE"
std::string_view WhoName(Who who);              // "you" "the administrator" "nobody"

// wolffia-guarantees(7), in the Markdown of man/.
std::string GuaranteePage();

// For the rows.
inline Finding Holds() {
  return {};
}
inline Finding HoldsIf(std::string reason, std::string remedy, Who who, std::string command = "") {
  return {Verdict::kHoldsIf, std::move(reason), std::move(remedy), who, std::move(command)};
}
inline Finding Lost(std::string reason) {
  return {.verdict = Verdict::kLost, .reason = std::move(reason)};
}
inline Finding NotApplicable(std::string reason) {
  return {.verdict = Verdict::kNotApplicable, .reason = std::move(reason)};
}

}  // namespace wolffia
