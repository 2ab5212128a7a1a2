// The table of guarantees is sound, and what is made from it agrees with it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <set>

#include "cmd/doctor_view.h"
#include "engine/guarantees/configuration.h"
#include "engine/guarantees/host_trial.h"
#include "engine/guarantees/ids.h"
#include "engine/guarantees/inside_trial.h"
#include "engine/guarantees/judgement.h"
#include "temp_dir.h"

namespace wolffia {
namespace {

using testing::HasSubstr;

std::vector<const Guarantee*> AllRows() {
  std::vector<const Guarantee*> rows;
  for (const GuaranteeGroup& group : GuaranteeGroups())
    for (const Guarantee& row : group.rows) rows.push_back(&row);
  return rows;
}

// Words for a reader, who meets them in the middle of a line.
bool IsPlain(std::string_view text) {
  return text.find('\n') == std::string_view::npos && !text.ends_with('.') && !text.ends_with(' ');
}

TEST(Guarantees, RowsAreSound) {
  std::set<std::string_view> ids;
  for (const Guarantee* row : AllRows()) {
    SCOPED_TRACE(row->id);
    EXPECT_TRUE(ids.insert(row->id).second);
    EXPECT_EQ(row->id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"), std::string_view::npos);
    EXPECT_FALSE(row->title.empty() || row->rootful.empty());
    for (std::string_view text : {row->title, row->rootful, row->mechanism, row->needs, row->instead})
      EXPECT_TRUE(IsPlain(text)) << text;
    EXPECT_EQ(row->mechanism.empty(), !row->attainable);
    EXPECT_EQ(FindGuarantee(row->id), row);
  }
  EXPECT_GE(ids.size(), 40U);
  EXPECT_EQ(FindGuarantee("no-such"), nullptr);
}

TEST(Guarantees, RequireKnowsEveryIdAndNoOther) {
  std::string ids;
  for (const Guarantee* row : AllRows()) {
    ids += (ids.empty() ? "" : " ") + std::string(row->id);
    EXPECT_TRUE(CheckGuaranteeIds({std::string(row->id)}));
  }
  EXPECT_EQ(ids, kGuaranteeIds);
  auto near = CheckGuaranteeIds({"seccomp", "secomp"});
  ASSERT_FALSE(near);
  EXPECT_EQ(near.error().code, Code::kInvalid);
  EXPECT_EQ(near.error().what, "unknown guarantee \"secomp\": did you mean seccomp?");
  EXPECT_THAT(CheckGuaranteeIds({"quota"}).error().what, HasSubstr("disk-quota-bytes, disk-quota-inodes"));
  EXPECT_THAT(CheckGuaranteeIds({std::string(100'000, 'x')}).error().what,
              HasSubstr("wolffia doctor lists them"));
  EXPECT_FALSE(CheckGuaranteeIds({""}));
}

TEST(Guarantees, PageHasEveryRowWithItsWords) {
  const std::string page = GuaranteePage();
  EXPECT_THAT(page, testing::StartsWith("% wolffia-guarantees 7 "));
  for (const Guarantee* row : AllRows()) {
    SCOPED_TRACE(row->id);
    const size_t entry = page.find("\n**" + std::string(row->id) + "**\n:   ");
    ASSERT_NE(entry, std::string::npos);
    EXPECT_EQ(page.find("\n**" + std::string(row->id) + "**\n", entry + 1), std::string::npos);
    const std::string text = page.substr(entry, page.find("\n**", entry + 3) - entry);
    EXPECT_THAT(text, HasSubstr("With root: "));
    EXPECT_EQ(text.find("Without: lost.") != std::string::npos, !row->attainable);
    EXPECT_EQ(text.find("Needs: ") != std::string::npos, !row->needs.empty());
    EXPECT_EQ(text.find("Instead: ") != std::string::npos, !row->instead.empty());
  }
}

// On this host, whatever it is.
TEST(Guarantees, EveryProbeAnswersAsTheTablePromises) {
  TempDir directory;
  Context context = Context::OfProcess();
  Settings settings;
  settings.storage_root = directory.path() + "/root";
  settings.storage_runroot = directory.path() + "/run";
  HostTrial host(context, settings);
  for (const Guarantee* row : AllRows()) {
    if (row->id == "verified-at-pull") continue;  // starts wolffia-image, which is not beside this program
    SCOPED_TRACE(row->id);
    const Finding finding = row->probe(host);
    EXPECT_TRUE(row->attainable || finding.verdict == Verdict::kLost ||
                finding.verdict == Verdict::kNotApplicable);
    EXPECT_EQ(finding.reason.empty(), finding.verdict == Verdict::kHolds);
    EXPECT_EQ(finding.remedy.empty(), finding.verdict != Verdict::kHoldsIf);
    EXPECT_EQ(finding.who == Who::kNobody, finding.verdict != Verdict::kHoldsIf);
    EXPECT_TRUE(IsPlain(finding.reason)) << finding.reason;
    EXPECT_TRUE(IsPlain(finding.remedy)) << finding.remedy;
    EXPECT_FALSE(finding.verdict == Verdict::kHolds && finding.stops_run);
  }
}

// What a host says of a refusal becomes a finding with the same words.
TEST(Guarantees, SentencesOfRefusalsAreTakenApart) {
  TempDir root;
  ASSERT_TRUE(MakeDirectories(root.path() + "/proc/self/ns"));
  ASSERT_TRUE(MakeDirectories(root.path() + "/proc/sys/user"));
  ASSERT_TRUE(MakeDirectories(root.path() + "/proc/sys/kernel"));
  ASSERT_TRUE(CreateFileAt(AT_FDCWD, root.path() + "/proc/self/ns/user", "", 0600));
  ASSERT_TRUE(
      CreateFileAt(AT_FDCWD, root.path() + "/proc/sys/kernel/unprivileged_userns_clone", "0\n", 0600));
  Finding finding = FindingOf(ExplainUsernsRefusal(EPERM, root.path()));
  EXPECT_EQ(finding.verdict, Verdict::kHoldsIf);
  EXPECT_EQ(finding.who, Who::kAdministrator);
  EXPECT_EQ(finding.reason,
            "user namespaces are forbidden to ordinary users (kernel.unprivileged_userns_clone is 0)");
  EXPECT_EQ(finding.command, "sysctl kernel.unprivileged_userns_clone=1");
  ASSERT_TRUE(CreateFileAt(AT_FDCWD, root.path() + "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
                           "1\n", 0600));
  ASSERT_EQ(unlink((root.path() + "/proc/sys/kernel/unprivileged_userns_clone").c_str()), 0);
  finding = FindingOf(ExplainUsernsRefusal(EPERM, root.path()));
  EXPECT_THAT(finding.reason, HasSubstr("AppArmor"));
  EXPECT_EQ(finding.command, "sysctl kernel.apparmor_restrict_unprivileged_userns=0");
  finding = FindingOf(ExplainFuseRefusal(ENOENT, root.path()));
  EXPECT_EQ(finding.command, "modprobe fuse");
  ASSERT_TRUE(CreateFileAt(AT_FDCWD, root.path() + "/proc/self/status", "Name:\tx\nSeccomp:\t2\n", 0600));
  finding = FindingOf(ExplainFuseRefusal(ENOENT, root.path()));
  EXPECT_EQ(finding.who, Who::kYou);
  EXPECT_THAT(finding.remedy, HasSubstr("--device /dev/fuse"));
  EXPECT_EQ(FindingOf("no remedy in sight").verdict, Verdict::kLost);
}

RuntimeSpec UsualSpec() {
  RuntimeSpec spec;
  for (const char* type : {"user", "mount", "pid", "ipc", "uts", "cgroup", "network"})
    spec.namespaces.push_back({type, ""});
  spec.uid_mappings = spec.gid_mappings = {{0, 1000, 1}, {1, 100'000, 65'536}};
  spec.seccomp.emplace();
  spec.masked_paths = {"/proc/kcore"};
  return spec;
}

TEST(Configuration, FlagsGiveGuaranteesUp) {
  ContainerRecord record;
  record.network_config.mode = "slirp4netns";
  RuntimeSpec spec = UsualSpec();
  for (const char* id : {"users-separated", "pid-namespace", "seccomp", "capabilities",
                         "host-loopback-hidden", "ping"})
    EXPECT_EQ(GivenUp(id, record, spec), "") << id;
  EXPECT_THAT(GivenUp("no-new-privileges", record, spec), HasSubstr("is not given"));
  EXPECT_THAT(GivenUp("landlock", record, spec), HasSubstr("is not given"));
  spec.process.no_new_privileges = true;
  EXPECT_EQ(GivenUp("no-new-privileges", record, spec), "");
  EXPECT_THAT(GivenUp("setuid", record, spec), HasSubstr("no_new_privs"));
  spec.seccomp.reset();
  EXPECT_THAT(GivenUp("seccomp", record, spec), HasSubstr("unconfined"));
  spec.process.capabilities.bounding = {"CAP_SYS_ADMIN"};
  EXPECT_THAT(GivenUp("capabilities", record, spec), HasSubstr("CAP_SYS_ADMIN"));
  spec.uid_mappings = {{0, 1000, 1}};
  EXPECT_THAT(GivenUp("users-separated", record, spec), HasSubstr("one id"));
  EXPECT_THAT(GivenUp("containers-by-uid", record, spec), HasSubstr("--userns=auto is not given"));
  record.userns = "auto:size=2000";
  EXPECT_EQ(GivenUp("containers-by-uid", record, spec), "");
  record.userns = "auto:uidmapping=0:0:1";
  EXPECT_THAT(GivenUp("containers-by-uid", record, spec), HasSubstr("ids by number"));
  record.pid_mode = "container:x";
  EXPECT_THAT(GivenUp("pid-namespace", record, spec), HasSubstr("another container's"));
  EXPECT_EQ(GivenUp("processes-hidden", record, spec), "");
  std::erase_if(spec.namespaces,
                [](const SpecNamespace& n) { return n.type == "pid" || n.type == "network"; });
  for (const char* id : {"pid-namespace", "processes-hidden", "network-namespace", "host-loopback-hidden",
                         "abstract-sockets-hidden"})
    EXPECT_THAT(GivenUp(id, record, spec), HasSubstr("shares the host's")) << id;
}

TEST(Configuration, WhatAStartSetsUpIsHeld) {
  ContainerRecord record;
  record.network_config.mode = "none";
  const auto held = HeldByStart(record, UsualSpec());
  EXPECT_THAT(held, testing::IsSupersetOf({"user-namespace", "seccomp", "users-separated", "masked-paths"}));
  EXPECT_THAT(held, testing::Not(testing::Contains("no-new-privileges")));
  EXPECT_THAT(held, testing::Not(testing::Contains("disk-quota-bytes")));
  record.size = 1 << 20;
  EXPECT_THAT(HeldByStart(record, UsualSpec()), testing::Contains("disk-quota-bytes"));
  for (const std::string& id : held) EXPECT_TRUE(CheckGuaranteeIds({id})) << id;
}

std::vector<Diagnosis> SomeDiagnoses() {
  return {
      {"Identity", FindGuarantee("users-separated"),
       HoldsIf("no ids", "give some", Who::kAdministrator, "usermod x")},
      {"Identity", FindGuarantee("setuid"), HoldsIf("no ids", "give some", Who::kAdministrator, "usermod x")},
      {"Network", FindGuarantee("ipv6"), HoldsIf("not asked for", "ask for it", Who::kYou)},
      {"Network", FindGuarantee("sctp"), Lost("never")},
      {"Network", FindGuarantee("ping"), Holds()}};
}

TEST(DoctorView, LinesForPeople) {
  std::vector<Diagnosis> diagnoses = SomeDiagnoses();
  std::string text = DescribeHost(diagnoses, {});
  EXPECT_THAT(text, HasSubstr("Identity\n  HOLDS-IF        users-separated"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "\n                  why: no ids\n                  remedy, by the administrator: give some\n"));
  EXPECT_THAT(text, HasSubstr("1 of 5 guarantees hold here.\n"));
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find("does not work here"), std::string::npos);
  diagnoses[0].finding.stops_run = true;
  text = DescribeHost(diagnoses, {.colour = true, .width = 80});
  EXPECT_THAT(text, HasSubstr("\x1b[1;31mHOLDS-IF"));
  EXPECT_THAT(text, HasSubstr("wolffia run does not work here until this is remedied: users-separated\n"));
  size_t begin = 0;
  for (size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
    EXPECT_LE(end - begin, 80U + 12U) << text.substr(begin, end - begin);  // with its colours
}

TEST(DoctorView, RemediesApartAndOnce) {
  const std::string text = DescribeRemedies(SomeDiagnoses(), "yourself");
  EXPECT_EQ(text,
            "# As yourself:\n# ipv6: ask for it\n\n# As root, the administrator:\n# users-separated: give "
            "some\nusermod x\n");
  EXPECT_THAT(DescribeRemedies({}, "yourself"), testing::StartsWith("# Nothing"));
}

}  // namespace
}  // namespace wolffia

// The trials execute a copy of the program that makes them: this one.
int main(int argc, char** argv) {
  if (auto said = wolffia::TrialProgram(argc, argv))
    _exit(*said);  // a leak check cannot look at a setuid program
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
