// Identity: who the processes and files of a container are.
#include <unistd.h>

#include "engine/guarantees/apart_trial.h"
#include "engine/guarantees/groups.h"
#include "engine/guarantees/judgement.h"

namespace wolffia {
namespace {

Finding RootIsOrdinary(HostTrial& host) {
  if (getuid() == 0)
    return HoldsIf("wolffia was started by root, so a container's root is the host's",
                   "run it as an ordinary user", Who::kYou);
  if (auto refused = NamespaceRefused(host, 0)) return *refused;
  const World& world = host.InWorld();
  if (world.inside[Trial::kHostPrivilege] > 0)
    return Lost("root of a user namespace was allowed what only root of the host may do");
  if (!world.is_user_outside)
    return Lost("the root of a user namespace is not seen as this user from the host");
  return *Settled(host, Trial::kHostPrivilege);
}

Finding UsersSeparated(HostTrial& host) {
  if (auto one = OneIdOnly(host)) return *one;
  if (auto settled = Settled(host, Trial::kUsersSeparated)) return *settled;
  return Lost("a user inside could read the private file of another: " +
              Words(host.InWorld().inside[Trial::kUsersSeparated]));
}

Finding ContainersApart(HostTrial& host) {
  if (auto one = OneIdOnly(host)) return *one;
  auto ranges = host.TwoRanges();
  if (!ranges && ranges.error().code == Code::kUnsupported) {
    const uint32_t first = FreeSubordinateId();
    const std::string range = std::to_string(first) + "-" + std::to_string(first + 65'535);
    return HoldsIf(
        "two containers need more subordinate ids: " + FindingOf(ranges.error().what).reason,
        "give the account a second range, that no other account has", Who::kAdministrator,
        "usermod --add-subuids " + range + " --add-subgids " + range + " " + host.Facts().user_name);
  }
  if (!ranges) return Lost(ranges.error().what);
  const std::string problem = TryApart(ranges->first, ranges->second, host.Facts());
  return problem.empty() ? Holds() : Lost(problem);
}

Finding GroupsInside(HostTrial& host) {
  if (auto one = OneIdOnly(host)) return *one;
  if (auto settled = Settled(host, Trial::kSetGroups)) return *settled;
  return Lost("the kernel refuses supplementary groups inside: " +
              Words(host.InWorld().inside[Trial::kSetGroups]));
}

Finding OwnGroups(HostTrial& host) {
  if (auto settled = Settled(host, Trial::kOwnGroups)) return *settled;
  return Lost("the user's groups were lost on the way into a user namespace");
}

Finding Execution(HostTrial& host, Trial trial, const char* what) {
  if (auto one = OneIdOnly(host)) return *one;
  if (auto settled = Settled(host, trial)) return *settled;
  return Lost(std::string("the kernel does not honour ") + what + ": " + Words(host.InWorld().inside[trial]));
}
Finding Setuid(HostTrial& host) {
  return Execution(host, Trial::kSetuid, "setuid bits inside");
}
Finding FileCapabilities(HostTrial& host) {
  return Execution(host, Trial::kFileCapabilities, "file capabilities inside");
}

Finding HighIds(HostTrial& host) {
  if (auto one = OneIdOnly(host)) return *one;
  if (auto settled = Settled(host, Trial::kHighIds)) return *settled;
  const std::string& user = host.Facts().user_name;
  const uint32_t first = FreeSubordinateId();
  const std::string range = std::to_string(first) + "-" + std::to_string(first + 999'999);
  return HoldsIf(user + " has too few subordinate ids: the highest one that can be mapped is below 65,600",
                 "give the account a second range, that no other account has", Who::kAdministrator,
                 "usermod --add-subuids " + range + " --add-subgids " + range + " " + user);
}

constexpr Guarantee kRows[] = {
    {.id = "root-unprivileged",
     .title = "Root in a container is not root on the host",
     .rootful = "only with user namespaces, which are off by default: a container's root is the host's",
     .mechanism = "a user namespace whose root is the user: user_namespaces(7)",
     .needs = "a user who is not root",
     .instead = "",
     .attainable = true,
     .probe = RootIsOrdinary},
    {.id = "users-separated",
     .title = "The users inside a container are separated from each other",
     .rootful = "the host's ids, or a user namespace with a range of them",
     .mechanism = "subordinate ids of the user, mapped by newuidmap(1) and newgidmap(1)",
     .needs = "newuidmap and newgidmap, and a range for the user in /etc/subuid and /etc/subgid",
     .instead = "a container has one id, root, and every file of the image is its own; programs that become "
                "another user fail, and run says so",
     .attainable = true,
     .probe = UsersSeparated},
    {.id = "containers-by-uid",
     .title = "Containers are separated from each other by ids of the host",
     .rootful = "--userns=auto gives each container a range of its own",
     .mechanism =
         "the same: with --userns=auto a container has subordinate ids that no other one has, and the user "
         "is not among them; a container without it has all ids of the user",
     .needs = "--userns=auto, and 1,024 subordinate ids or more for each such container",
     .instead = "all containers of a user have the same ids; each has user, process and mount namespaces of "
                "its own, so that none sees, signals or traces another's processes, or has its files",
     .attainable = true,
     .probe = ContainersApart},
    {.id = "groups-inside",
     .title = "Supplementary groups work inside",
     .rootful = "setgroups(2) of the host's ids",
     .mechanism = "setgroups(2) in the user namespace, allowed where newgidmap(1) wrote the map",
     .needs = "the same as users-separated",
     .instead = "setgroups is denied, as the kernel demands for a map that a user writes alone; --group-add "
                "is an error that says so",
     .attainable = true,
     .probe = GroupsInside},
    {.id = "own-groups",
     .title = "A container can keep the user's own groups, to reach files of a project",
     .rootful = "--group-add with the group's number",
     .mechanism =
         "the process keeps its groups, with --group-add keep-groups; inside they have no names or numbers",
     .needs = "",
     .instead = "",
     .attainable = true,
     .probe = OwnGroups},
    {.id = "setuid",
     .title = "Setuid programs of the image work inside",
     .rootful = "the file system has the bit",
     .mechanism = "the root file system is mounted inside the user namespace, where the kernel honours the "
                  "bit for the ids that are mapped; it never reaches a file of the host",
     .needs = "the same as users-separated",
     .instead = "with one id there is nobody to become",
     .attainable = true,
     .probe = Setuid},
    {.id = "file-capabilities",
     .title = "File capabilities of the image work inside",
     .rootful = "the file system has the attribute security.capability",
     .mechanism = "the kernel honours them for the user namespace in which the root file system is mounted: "
                  "capabilities(7)",
     .needs = "the same as users-separated",
     .instead = "",
     .attainable = true,
     .probe = FileCapabilities},
    {.id = "high-ids",
     .title = "Ids above 65,536 can be used inside",
     .rootful = "every id of the host",
     .mechanism = "subordinate ranges of the user, mapped one after the other",
     .needs = "more than 65,600 subordinate ids",
     .instead = "a file of the image with an id that is not mapped belongs to 65534 (nobody) inside; pulling "
                "never fails for it",
     .attainable = true,
     .probe = HighIds},
};

}  // namespace

std::span<const Guarantee> IdentityGuarantees() {
  return kRows;
}

}  // namespace wolffia
