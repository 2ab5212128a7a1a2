// Whole specs, as golden files, and the errors of one. WOLFFIA_UPDATE_GOLDEN=1 writes the files anew.
#include "engine/runtime/spec_builder.h"

#include <algorithm>
#include <gtest/gtest.h>

#include <functional>

#include "engine/oci/json.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

constexpr const char* kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

// One request with everything else that BuildSpec sees made up.
struct World {
  World() {
    context.env = {{"HOME", "/home/alice"}, {"LANG", "C"}};
    host.uid = HostUid{1000};
    host.gid = HostGid{1000};
    host.user_name = "alice";
    host.subordinate = {{{100000, 65536}}, {{100000, 65536}}};
    host.cgroup2_mount = "/sys/fs/cgroup";
    host.limits = {{"RLIMIT_NOFILE", 1024, 4096}, {"RLIMIT_NPROC", 100, 200}};
    image.env = {"PATH=/usr/bin:/bin", "LANG", "IMAGE=1"};
    image.entrypoint = {"/entry"};
    image.cmd = {"serve", "--fast"};
    files = {{"/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nweb:x:33:33::/var/www:/bin/sh\n"},
             {"/etc/group", "root:x:0:\nweb:x:33:\nstaff:x:50:web\n"}};
  }

  Result<BuiltSpec> Build() {
    Result<MappedIds> ids = BuildIdMaps(request.userns, host.subordinate, host.uid, host.gid);
    EXPECT_TRUE(ids) << ids.error().what;
    return BuildSpec(context, {.request = request,
                               .image = image,
                               .ids = *ids,
                               .host = host,
                               .settings = settings,
                               .root_file = [this](const std::string& path) -> Result<std::string> {
                                 auto it = files.find(path);
                                 if (it == files.end()) return Fail(Code::kNotFound, path);
                                 return it->second;
                               },
                               .container_id = kId,
                               .container_dir = "/store/containers/x",
                               .init_path = "/libexec/wolffia-init"});
  }

  Context context;
  RunRequest request;
  ImageConfig image;
  HostFacts host;
  Settings settings;
  std::map<std::string, std::string> files;
};

// Without the profile, which has tests of its own.
std::string Golden(const BuiltSpec& built) {
  RuntimeSpec spec = built.spec;
  spec.seccomp.reset();
  std::string text = Json::parse(spec.Serialize()).dump(1) + "\n";
  for (const auto& [name, content] : built.files) text += "--- " + name + "\n" + content;
  return text;
}

void Compare(const std::string& name, const std::string& actual) {
  std::string path = std::string(WOLFFIA_TEST_DATA) + "/specs/" + name;
  if (getenv("WOLFFIA_UPDATE_GOLDEN") != nullptr) {
    ASSERT_TRUE(ReplaceFileAt(AT_FDCWD, path, actual, 0644, Durability::kVolatile));
  }
  Result<std::string> expected = ReadFile(path, 1 << 20);
  ASSERT_TRUE(expected) << expected.error().what;
  EXPECT_EQ(actual, *expected) << path;
}

struct GoldenCase {
  const char* name;
  std::function<void(World&)> set;
};
class GoldenSpec : public testing::TestWithParam<GoldenCase> {};

TEST_P(GoldenSpec, IsAsWritten) {
  World world;
  GetParam().set(world);
  Result<BuiltSpec> built = world.Build();
  ASSERT_TRUE(built) << built.error().what;
  Compare(std::string(GetParam().name) + ".json", Golden(*built));
  Result<RuntimeSpec> again = RuntimeSpec::Parse(built->spec.Serialize());
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_EQ(*again, built->spec) << "the runtime reads what we write";
}

INSTANTIATE_TEST_SUITE_P(All, GoldenSpec,
                         testing::Values(GoldenCase{"default", [](World&) {}},
                                         GoldenCase{"keep_id",
                                                    [](World& w) {
                                                      w.request.userns.mode = "keep-id";
                                                      w.image.user = "web";
                                                      w.image.working_dir = "/srv";
                                                    }},
                                         GoldenCase{"single_id",
                                                    [](World& w) {
                                                      w.host.subordinate = {};
                                                      w.host.cgroup2_mount = "";
                                                      w.files["/etc/group"] = "root:x:0:\ndisk:x:6:root\n";
                                                    }},
                                         GoldenCase{"read_only",
                                                    [](World& w) {
                                                      w.request.read_only = true;
                                                      w.request.init = true;
                                                      w.request.user = "web";
                                                      w.request.no_new_privileges = true;
                                                      w.request.cap_drop = {"ALL"};
                                                      w.request.ulimits = {"nofile=64"};
                                                      w.request.shm_size = 1 << 20;
                                                      w.request.mounts = {*ParseTmpfsFlag("/run:size=1m")};
                                                    }},
                                         GoldenCase{"mounts",
                                                    [](World& w) {
                                                      w.request.command = {"sh", "-c", "true"};
                                                      w.request.entrypoint.emplace();
                                                      w.request.hostname = "box";
                                                      w.request.name = "mine";
                                                      w.request.annotations = {{"a", "b"}};
                                                      w.request.env = {"LANG", "IMAGE=2", "HOME=/x"};
                                                      w.request.mounts = {
                                                          *ParseVolumeFlag("/usr/lib:/a/b/c:ro", "/"),
                                                          *ParseVolumeFlag("/usr:/a:rslave,exec", "/"),
                                                          *ParseVolumeFlag("/dev/null:/dev/shm", "/"),
                                                          *ParseTmpfsFlag("/a/b:mode=700")};
                                                    }}),
                         [](const testing::TestParamInfo<GoldenCase>& param) { return param.param.name; });

TEST(BuildSpec, HostNetwork) {
  World world;
  world.request.network.mode = "host";
  Result<BuiltSpec> built = world.Build();
  ASSERT_TRUE(built) << built.error().what;
  EXPECT_FALSE(built->spec.HasNamespace("network"));
  EXPECT_TRUE(built->files.contains("resolv.conf"));
  for (const SpecMount& mount : built->spec.mounts)
    EXPECT_NE(mount.type, "sysfs") << "would be refused";
}

TEST(BuildSpec, UnmaskAndSystemd) {
  const auto cgroup_options = [](const BuiltSpec& built) {
    for (const SpecMount& mount : built.spec.mounts)
      if (mount.destination == "/sys/fs/cgroup") return mount.options.back();
    return std::string();
  };
  World w;
  auto plain = w.Build();
  ASSERT_TRUE(plain);
  EXPECT_EQ(cgroup_options(*plain), "ro");
  EXPECT_FALSE(plain->systemd);
  w.request.unmask = {"/sys/fs/cgroup", "/proc/a*"};
  auto unmasked = w.Build();
  ASSERT_TRUE(unmasked);
  EXPECT_EQ(cgroup_options(*unmasked), "rw");
  EXPECT_EQ(unmasked->spec.masked_paths.size(), plain->spec.masked_paths.size() - 2);  // acpi and asound
  w.request.unmask = {"ALL"};
  EXPECT_TRUE(w.Build()->spec.masked_paths.empty());
  EXPECT_TRUE(w.Build()->spec.readonly_paths.empty());

  World init;
  init.image.entrypoint = {"/sbin/init"};
  auto systemd = init.Build();
  ASSERT_TRUE(systemd);
  EXPECT_TRUE(systemd->systemd);
  EXPECT_EQ(cgroup_options(*systemd), "rw");
  EXPECT_TRUE(std::ranges::any_of(systemd->spec.mounts,
                                  [](const SpecMount& mount) { return mount.destination == "/run/lock"; }));
  init.request.systemd = "false";
  EXPECT_FALSE(init.Build()->systemd);
  w.request.systemd = "always";
  EXPECT_TRUE(w.Build()->systemd);
  w.request.cgroup.host_namespace = true;
  EXPECT_FALSE(w.Build()->spec.HasNamespace("cgroup"));
}

TEST(BuildSpec, Seccomp) {
  World world;
  EXPECT_TRUE(world.Build()->spec.seccomp.has_value());
  world.request.seccomp = "unconfined";
  EXPECT_FALSE(world.Build()->spec.seccomp.has_value());
  TempDir directory;
  world.request.seccomp = directory / "p.json";
  EXPECT_EQ(world.Build().error().code, Code::kNotFound);
  ASSERT_TRUE(CreateFileAt(AT_FDCWD, directory / "p.json", R"({"defaultAction": "SCMP_ACT_ALLOW"})", 0600));
  EXPECT_EQ(world.Build()->spec.seccomp->default_action, "SCMP_ACT_ALLOW");
}

TEST(BuildSpec, Refusals) {
  struct Case {
    std::function<void(World&)> set;
    Code code;
    const char* words;
  } cases[] = {
      {[](World& w) { w.request.user = "ghost"; }, Code::kInvalid,
       "unable to find user ghost: no matching entries in passwd file"},
      {[](World& w) { w.request.user = "70000"; }, Code::kUnsupported, "user id 70000 is not mapped"},
      {[](World& w) {
         w.host.subordinate = {};
         w.image.user = "web";
       },
       Code::kUnsupported, "user id 33 is not mapped"},
      {[](World& w) { w.request.user = "0:70000"; }, Code::kUnsupported, "group id 70000"},
      {[](World& w) { w.image.entrypoint = w.image.cmd = {}; }, Code::kInvalid,
       "no command or entrypoint provided"},
      {[](World& w) { w.request.entrypoint.emplace(1); }, Code::kInvalid, "no command or entrypoint provided"},
      {[](World& w) { w.request.working_dir = "rel"; }, Code::kInvalid, "absolute"},
      {[](World& w) { w.request.hostname = "a b"; }, Code::kInvalid, "--hostname"},
      {[](World& w) { w.request.hostname = std::string(65, 'a'); }, Code::kInvalid, "--hostname"},
      {[](World& w) { w.request.cap_add = {"X"}; }, Code::kInvalid, "unknown capability"},
      {[](World& w) { w.request.ulimits = {"nofile=5000"}; }, Code::kUnsupported, "4096"},
      {[](World& w) { w.request.env_files = {"/nonexistent"}; }, Code::kNotFound, "--env-file"},
      {[](World& w) { w.request.env = {"=1"}; }, Code::kInvalid, "no name"},
      {[](World& w) { w.request.mounts = {*ParseVolumeFlag("/nonexistent:/a", "/")}; }, Code::kNotFound,
       "statfs /nonexistent: no such file or directory"},
      {[](World& w) { w.request.mounts = {*ParseVolumeFlag("/usr:/a", "/"), *ParseTmpfsFlag("/a")}; },
       Code::kInvalid, "/a: duplicate mount destination"},
      {[](World& w) { w.request.seccomp = "/etc/passwd"; }, Code::kInvalid, "seccomp profile /etc/passwd"},
  };
  for (const Case& c : cases) {
    World world;
    c.set(world);
    Result<BuiltSpec> built = world.Build();
    ASSERT_FALSE(built) << c.words;
    EXPECT_EQ(built.error().code, c.code) << built.error().what;
    EXPECT_NE(built.error().what.find(c.words), std::string::npos) << built.error().what;
  }
}

}  // namespace
}  // namespace wolffia
