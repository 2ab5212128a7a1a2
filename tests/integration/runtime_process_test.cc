// What the container's process is given, and what becomes of it.
#include "tests/integration/runtime_run.h"

namespace wolffia {
namespace {

TEST_F(RuntimeRun, ExitCodes) {
  EXPECT_EQ(Run(Spec({"true"})).code, 0);
  EXPECT_EQ(Shell("exit 1").code, 1);
  EXPECT_EQ(Shell("exit 125").code, 125);
  EXPECT_EQ(Run(Spec({"sh", "-c", "sh -c 'kill -9 $$'; exit $?"})).code, 137);
  struct Case {
    const char* program;
    Code code;
    const char* words;
  };
  for (const Case& c : {Case{"nothing", Code::kNoCommand, "executable file `nothing` not found in $PATH"},
                        Case{"/bin/nothing", Code::kNoCommand, "execute /bin/nothing: No such file"},
                        Case{"/bin/orphan", Code::kNoCommand, "the interpreter or dynamic loader"},
                        Case{"/etc/plain", Code::kNotExecutable, "execute /etc/plain: Permission denied"},
                        Case{"/etc", Code::kNotExecutable, "execute /etc: Permission denied"},
                        Case{"/bin/garbage", Code::kNotExecutable, "not a program of this architecture"}}) {
    Outcome outcome = Run(Spec({c.program}));
    ASSERT_TRUE(outcome.error) << c.program;
    EXPECT_EQ(outcome.error->code, c.code) << c.program;
    EXPECT_THAT(outcome.error->what, HasSubstr(c.words));
  }
}

TEST_F(RuntimeRun, WhatTheProcessSees) {
  Outcome outcome = Shell(
      "echo pid $$; hostname; id; cat /proc/self/status | grep -E "
      "'^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|Umask|Groups)'; "
      "ls -l /proc/self/fd | grep -c -- '->'; cat /sys/class/net/lo/flags; ls /dev; echo session $(cat "
      "/proc/1/stat | "
      "cut -d' ' -f6)");
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  for (const char* words :
       {"pid 1\n", "wolf\n", "uid=0", "CapInh:\t0000000000000000", "CapAmb:\t0000000000000000",
        "CapEff:\t00000000000001eb", "CapBnd:\t00000000000001eb", "Umask:\t0022", "NoNewPrivs:\t0",
        "Groups:\t \n", "0x9\n", "null\n", "ptmx\n", "pts\n", "shm\n", "urandom\n", "session 1\n"})
    EXPECT_THAT(outcome.out, HasSubstr(words));
  EXPECT_THAT(outcome.out, HasSubstr("\n3\n")) << "0, 1 and 2";
}

TEST_F(RuntimeRun, StandardStreams) {
  EXPECT_EQ(Run(Spec({"cat"}), "").out, "");
  RuntimeSpec spec = Spec({"sh", "-c", "read line; echo got $line; echo err >&2"});
  Outcome outcome = Run(spec, "hello\n");
  EXPECT_THAT(outcome.out, HasSubstr("got hello\nerr\n"));
}

TEST_F(RuntimeRun, UsersCapabilitiesAndDirectories) {
  RuntimeSpec spec = Spec(
      {"sh", "-c", "id; pwd; umask; cat /proc/self/status | grep -E 'CapEff|CapBnd|NoNew'; touch /tmp/x"});
  spec.process.user = {1000, 1001, 0077, {1002, 1003}};
  spec.process.capabilities.effective.clear();
  spec.process.capabilities.permitted.clear();
  spec.process.no_new_privileges = true;
  spec.process.cwd = "/new/directory";
  Outcome outcome = Run(spec);
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  for (const char* words : {"uid=1000 gid=1001 groups=1002,1003", "/new/directory\n", "0077\n",
                            "CapEff:\t0000000000000000", "CapBnd:\t00000000000001eb", "NoNewPrivs:\t1"})
    EXPECT_THAT(outcome.out, HasSubstr(words));
  struct stat st;
  ASSERT_EQ(stat((rootfs_ + "/tmp/x").c_str(), &st), 0);
  EXPECT_EQ(st.st_uid, facts_.subordinate.uids.at(0).first + 999);
  spec.process.capabilities.ambient = spec.process.capabilities.inheritable =
      spec.process.capabilities.permitted = {"CAP_CHOWN"};
  EXPECT_THAT(Run(spec).out, HasSubstr("CapEff:\t0000000000000001"));
}

TEST_F(RuntimeRun, SingleId) {
  RuntimeSpec spec =
      Spec({"sh", "-c", "id; cat /proc/self/setgroups; ls -ld /dev/pts/ptmx; touch /root/mine; echo ok"});
  spec.uid_mappings = {{0, static_cast<uint32_t>(facts_.uid), 1}};
  spec.gid_mappings = {{0, static_cast<uint32_t>(facts_.gid), 1}};
  Outcome outcome = Run(spec);
  EXPECT_EQ(outcome.code, 0) << outcome.out << (outcome.error ? outcome.error->what : "");
  EXPECT_THAT(outcome.out, HasSubstr("uid=0"));
  EXPECT_THAT(outcome.out, HasSubstr("deny\n"));
  EXPECT_THAT(outcome.out, HasSubstr("ok\n"));
  spec.uid_mappings[0].container_id = spec.process.user.uid = 1000;
  spec.gid_mappings[0].container_id = spec.process.user.gid = 1000;
  outcome = Run(spec);
  EXPECT_EQ(outcome.code, 0) << outcome.out << (outcome.error ? outcome.error->what : "");
  EXPECT_THAT(outcome.out, HasSubstr("uid=1000"));
}

TEST_F(RuntimeRun, KeepId) {
  RuntimeSpec spec =
      Spec({"sh", "-c", "id; touch /new; stat -c %u /new /private; touch /bind/seen; ls -n /bind"});
  MappedIds ids = *BuildIdMaps({.mode = "keep-id"}, facts_.subordinate, facts_.uid, facts_.gid);
  spec.uid_mappings = ids.maps.uids;
  spec.gid_mappings = ids.maps.gids;
  spec.process.user = {ids.keep_uid, ids.keep_gid};
  spec.process.capabilities.effective = spec.process.capabilities.permitted = {};
  ASSERT_EQ(mkdir((base_ + "/bound").c_str(), 0700), 0);
  spec.mounts.push_back({"/bind", "bind", base_ + "/bound", {"rbind"}});
  Outcome outcome = Run(spec);
  EXPECT_EQ(outcome.code, 0) << outcome.out << (outcome.error ? outcome.error->what : "");
  EXPECT_TRUE(ExistsAt(AT_FDCWD, base_ + "/bound/seen"));
}

TEST_F(RuntimeRun, Seccomp) {
  RuntimeSpec spec =
      Spec({"sh", "-c", "cat /proc/self/status | grep Seccomp; mount -t tmpfs none /tmp || echo refused"});
  spec.seccomp = DefaultSeccomp(spec.process.capabilities.bounding);
  for (bool no_new_privileges : {false, true}) {
    spec.process.no_new_privileges = no_new_privileges;
    Outcome outcome = Run(spec);
    EXPECT_EQ(outcome.code, 0) << outcome.out << (outcome.error ? outcome.error->what : "");
    EXPECT_THAT(outcome.out, HasSubstr("Seccomp:\t2"));
    EXPECT_THAT(outcome.out, HasSubstr("refused"));
  }
}

}  // namespace
}  // namespace wolffia
