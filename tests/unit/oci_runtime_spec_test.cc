// config.json of the runtime specification: what other programs write, our own round trip, and what is
// refused.
#include <gtest/gtest.h>

#include "engine/base/file.h"
#include "engine/oci/json.h"
#include "engine/oci/runtime_spec.h"

namespace wolffia {
namespace {

RuntimeSpec Full() {
  RuntimeSpec spec;
  spec.hostname = "box";
  spec.root_path = "/rootfs";
  spec.root_readonly = true;
  spec.process.terminal = true;
  spec.process.user = {.uid = 1000, .gid = 100, .umask = 022, .additional_gids = {4, 4294967295}};
  spec.process.args = {"/bin/sh", "-c", "echo \"caf\xc3\xa9\"", ""};
  spec.process.env = {"A=b", "EMPTY="};
  spec.process.cwd = "/work";
  spec.process.capabilities = {
      .bounding = {"CAP_CHOWN"}, .effective = {"CAP_CHOWN"}, .ambient = {"CAP_KILL"}};
  spec.process.rlimits = {{"RLIMIT_NOFILE", 1024, UINT64_MAX}, {"RLIMIT_CORE", 0, 0}};
  spec.process.no_new_privileges = true;
  spec.process.oom_score_adj = -5;
  spec.mounts = {
      {"/proc", "proc", "proc", {}}, {"/data", "bind", "/host/data", {"rbind", "ro"}}, {"/x", "", "", {}}};
  spec.annotations = {{"a.b", "c"}};
  spec.uid_mappings = {{0, 1000, 1}, {1, 100000, 65535}};
  spec.gid_mappings = {{0, 4294967295, 1}};
  spec.namespaces = {{"pid", ""}, {"uts", ""}, {"network", "/proc/1/ns/net"}};
  spec.devices = {{"/dev/fuse", "c"}};
  spec.sysctl = {{"net.ipv4.ip_forward", "1"}};
  spec.masked_paths = {"/proc/kcore"};
  spec.readonly_paths = {"/proc/sys"};
  spec.rootfs_propagation = "rslave";
  SpecSeccompRule rule{.names = {"clone", "clone3"}, .action = "SCMP_ACT_ERRNO", .errno_ret = 38};
  rule.args = {{.index = 0, .value = UINT64_MAX, .value_two = 1, .op = "SCMP_CMP_MASKED_EQ"}};
  spec.seccomp = SpecSeccomp{.default_action = "SCMP_ACT_ERRNO",
                             .default_errno_ret = 1,
                             .architectures = {"SCMP_ARCH_X86_64"},
                             .flags = {"SECCOMP_FILTER_FLAG_LOG"},
                             .syscalls = {rule, {.names = {"read"}, .action = "SCMP_ACT_ALLOW"}}};
  return spec;
}

TEST(RuntimeSpec, RoundTrip) {
  RuntimeSpec least;
  least.process.args = {"true"};
  for (const RuntimeSpec& spec : {Full(), least}) {
    auto again = RuntimeSpec::Parse(spec.Serialize());
    ASSERT_TRUE(again.has_value()) << again.error().what;
    EXPECT_EQ(*again, spec);
    EXPECT_EQ(again->Serialize(), spec.Serialize());
  }
}

// The names of the specification, spelt out once, so that a mistake made alike in reader and writer shows.
TEST(RuntimeSpec, WritesTheNamesOfTheSpecification) {
  const Json json = ParseJson(Full().Serialize()).value();
  EXPECT_EQ(json["ociVersion"], "1.0.2");
  EXPECT_EQ(json["root"], Json::parse(R"({"path":"/rootfs","readonly":true})"));
  EXPECT_EQ(json["process"]["user"],
            Json::parse(R"({"uid":1000,"gid":100,"umask":18,"additionalGids":[4,4294967295]})"));
  EXPECT_EQ(json["process"]["capabilities"]["bounding"][0], "CAP_CHOWN");
  EXPECT_EQ(json["process"]["rlimits"][1], Json::parse(R"({"type":"RLIMIT_CORE","soft":0,"hard":0})"));
  EXPECT_EQ(json["process"]["noNewPrivileges"], true);
  EXPECT_EQ(json["process"]["oomScoreAdj"], -5);
  EXPECT_EQ(
      json["mounts"][1],
      Json::parse(R"({"destination":"/data","type":"bind","source":"/host/data","options":["rbind","ro"]})"));
  const Json& linux_json = json["linux"];
  EXPECT_EQ(linux_json["uidMappings"][1], Json::parse(R"({"containerID":1,"hostID":100000,"size":65535})"));
  EXPECT_EQ(linux_json["namespaces"][2], Json::parse(R"({"type":"network","path":"/proc/1/ns/net"})"));
  EXPECT_EQ(linux_json["maskedPaths"][0], "/proc/kcore");
  EXPECT_EQ(linux_json["rootfsPropagation"], "rslave");
  EXPECT_EQ(linux_json["seccomp"]["defaultErrnoRet"], 1);
  EXPECT_EQ(linux_json["seccomp"]["syscalls"][0]["args"][0]["valueTwo"], 1);
}

TEST(RuntimeSpec, ReadsWhatOtherProgramsWrite) {
  for (const char* name : {"runc-spec-rootless.json", "crun-spec-rootless.json", "crun-spec.json"}) {
    auto text = ReadFile(std::string(WOLFFIA_TEST_DATA) + "/oci/" + name, 1 << 20);
    ASSERT_TRUE(text.has_value()) << text.error().what;
    auto spec = RuntimeSpec::Parse(*text);
    ASSERT_TRUE(spec.has_value()) << name << ": " << spec.error().what;
    EXPECT_EQ(spec->process.args, std::vector<std::string>{"sh"});
    EXPECT_EQ(spec->root_path, "rootfs");
    EXPECT_TRUE(spec->HasNamespace("mount"));
    EXPECT_FALSE(spec->HasNamespace("time"));
    EXPECT_GT(spec->mounts.size(), 5u);
    EXPECT_EQ(RuntimeSpec::Parse(spec->Serialize()).value(), *spec) << name;
  }
}

// Each row changes one value of a good document.
TEST(RuntimeSpec, Refused) {
  struct Row {
    const char *pointer, *value, *why;
    Code code = Code::kInvalid;
  };
  const Row rows[] = {
      {"/ociVersion", "\"2.0.0\"", "ociVersion: '2.0.0' is not 1.x"},
      {"/ociVersion", "7", "ociVersion: not a string"},
      {"/hooks", R"({"prestart":[{"path":"/x"}]})", "hooks: not supported", Code::kUnsupported},
      {"/domainname", "\"x\"", "domainname: not supported", Code::kUnsupported},
      {"/windows", R"({"layerFolders":["x"]})", "windows: not supported", Code::kUnsupported},
      {"/vm", R"({"kernel":{"path":"/x"}})", "vm: not supported", Code::kUnsupported},
      {"/hostname", "7", "hostname: not a string"},
      {"/process", "null", "process: missing"},
      {"/process/args", "[]", "process.args: no command"},
      {"/process/args", "\"sh\"", "process.args: not an array"},
      {"/process/cwd", "\"relative\"", "process.cwd: 'relative' is not an absolute path"},
      {"/process/cwd", "null", "process.cwd"},
      {"/process/apparmorProfile", "\"p\"", "process.apparmorProfile: not supported", Code::kUnsupported},
      {"/process/selinuxLabel", "\"l\"", "process.selinuxLabel", Code::kUnsupported},
      {"/process/scheduler", R"({"policy":"SCHED_FIFO"})", "process.scheduler", Code::kUnsupported},
      {"/process/ioPriority", R"({"class":"IOPRIO_CLASS_RT"})", "process.ioPriority", Code::kUnsupported},
      {"/process/user/uid", "-1", "process.user.uid: not an integer from 0"},
      {"/process/user/uid", "4294967296", "process.user.uid"},
      {"/process/user/umask", "512", "umask: above 0777"},
      {"/process/user/additionalGids", "[\"x\"]", "additionalGids"},
      {"/process/rlimits", R"([{"type":"NOFILE","soft":1,"hard":1}])", "rlimits[0].type"},
      {"/process/rlimits", R"([{"type":"RLIMIT_AS","soft":2,"hard":1}])", "above the hard"},
      {"/process/rlimits", R"([{"type":"RLIMIT_AS"},{"type":"RLIMIT_AS"}])", "appears twice"},
      {"/process/rlimits", "[7]", "process.rlimits[0]: not an object"},
      {"/process/oomScoreAdj", "1001", "oomScoreAdj"},
      {"/mounts/0/destination", "\"proc\"", "mounts[0].destination"},
      {"/mounts/1/uidMappings", R"([{"containerID":0,"hostID":0,"size":1}])", "mounts[1].uidMappings",
       Code::kUnsupported},
      {"/linux/uidMappings/0/size", "0", "linux.uidMappings[0].size: 0"},
      {"/linux/uidMappings/0/hostID", "4294967295", ""},
      {"/linux/uidMappings/1/hostID", "4294967295", "above the highest id"},
      {"/linux/namespaces/0/type", "\"time\"", "time namespaces", Code::kUnsupported},
      {"/linux/namespaces/0/type", "\"pod\"", "unknown namespace 'pod'"},
      {"/linux/namespaces/0/type", "\"network\"", "'network' appears twice"},
      {"/linux/namespaces/2/path", "\"x\"", "namespaces[2].path"},
      {"/linux/namespaces/1/type", "\"ipc\"", "hostname: needs a namespace of type uts"},
      {"/linux/devices/0/type", "\"x\"", "devices[0].type"},
      {"/linux/resources", R"({"memory":{"limit":1}})", "linux.resources.memory", Code::kUnsupported},
      {"/linux/resources", R"({"pids":{"limit":1}})", "linux.resources.pids", Code::kUnsupported},
      {"/linux/resources", R"({"unified":{"a":"b"}})", "linux.resources.unified", Code::kUnsupported},
      {"/linux/resources", R"({"devices":7})", "linux.resources.devices"},
      {"/linux/resources", R"({"devices":[{"allow":false,"access":"rwm"}],"memory":{},"cpu":null})", ""},
      {"/linux/cgroupsPath", "\"/x\"", "linux.cgroupsPath", Code::kUnsupported},
      {"/linux/intelRdt", R"({"closID":"x"})", "linux.intelRdt", Code::kUnsupported},
      {"/linux/personality", R"({"domain":"LINUX32"})", "linux.personality", Code::kUnsupported},
      {"/linux/timeOffsets", R"({"boottime":{"secs":1}})", "linux.timeOffsets", Code::kUnsupported},
      {"/linux/mountLabel", "\"l\"", "linux.mountLabel", Code::kUnsupported},
      {"/linux/maskedPaths", "[\"x\"]", "linux.maskedPaths: 'x'"},
      {"/linux/rootfsPropagation", "\"x\"", "unknown mode 'x'"},
      {"/linux/seccomp/defaultAction", "null", "linux.seccomp.defaultAction: missing"},
      {"/linux/seccomp/listenerPath", "\"/x\"", "linux.seccomp.listenerPath", Code::kUnsupported},
      {"/linux/seccomp/syscalls/0/args/0/index", "6", "linux.seccomp.syscalls[0].args[0].index"},
      {"/linux/seccomp", "null", ""},
      {"/process/consoleSize", R"({"height":24,"width":80})", ""},
      {"/org.example.extension", R"({"any":"thing"})", ""},
      {"/hooks", R"({"prestart":[]})", ""},
      {"/root", "null", ""},
  };
  const Json good = ParseJson(Full().Serialize()).value();
  for (const Row& row : rows) {
    Json document = good;
    document[Json::json_pointer(row.pointer)] = Json::parse(row.value);
    auto parsed = RuntimeSpec::Parse(document.dump());
    if (*row.why == 0) {
      EXPECT_TRUE(parsed.has_value()) << row.pointer << ": " << parsed.error().what;
      continue;
    }
    ASSERT_FALSE(parsed.has_value()) << row.pointer << " " << row.value;
    EXPECT_EQ(parsed.error().code, row.code) << parsed.error().what;
    EXPECT_NE(parsed.error().what.find(row.why), std::string::npos) << parsed.error().what;
  }
  EXPECT_FALSE(RuntimeSpec::Parse("").has_value());
  EXPECT_FALSE(RuntimeSpec::Parse("[]").has_value());
}

}  // namespace
}  // namespace wolffia
