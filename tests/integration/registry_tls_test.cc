// A real registry (docker-registry) on loopback with TLS and passwords, filled by skopeo. Skipped where these
// programs are missing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "engine/base/base64.h"
#include "engine/base/process.h"
#include "engine/registry/credentials.h"
#include "engine/registry/pull.h"
#include "storage/gc.h"
#include "tests/unit/registry_images.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

using testing::HasSubstr;

bool Missing(const char* program) {
  auto ran =
      RunForOutput({.program = "sh", .argv = {"sh", "-c", std::string("command -v ") + program}}, "", 4096);
  return !ran || ran->status.ShellCode() != 0;
}

class RealRegistry : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* program : {"docker-registry", "skopeo", "openssl", "htpasswd"})
      if (Missing(program)) GTEST_SKIP() << program << " is not installed";
    Shell(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test "
        "-addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out ca.crt && htpasswd -Bbn tester secret > "
        "htpasswd");
    Write("config.yml",
          "version: 0.1\nlog: {level: info}\nstorage: {filesystem: {rootdirectory: " + dir.path() +
              "/data}}\nhttp:\n  addr: 127.0.0.1:0\n  tls: {certificate: " + dir.path() + "/ca.crt, key: " +
              dir.path() + "/key.pem}\nauth: {htpasswd: {realm: test, path: " + dir.path() + "/htpasswd}}\n");
    Fd log = *Open(dir / "log", O_RDWR | O_CREAT, 0600);
    server = *Spawn({.program = "docker-registry",
                     .argv = {"docker-registry", "serve", dir / "config.yml"},
                     .donations = {{log.get(), 1}, {log.get(), 2}}});
    const std::string key = "listening on 127.0.0.1:";
    for (int i = 0; i < 200 && port.empty();
         ++i, std::this_thread::sleep_for(std::chrono::milliseconds(50))) {
      std::string text = *ReadFile(dir / "log", 1 << 20);
      if (size_t at = text.find(key); at != std::string::npos)
        port = text.substr(at + key.size(),
                           text.find_first_not_of("0123456789", at + key.size()) - at - key.size());
    }
    ASSERT_FALSE(port.empty()) << *ReadFile(dir / "log", 1 << 20);
    host = "127.0.0.1:" + port;
    for (const TarItem& item : LayoutFiles({{"v1", image}})) Write("layout/" + item.name, item.data);
    ASSERT_TRUE(MakeDirectories(dir / "certs"));
    Shell(
        "cp ca.crt certs/ && skopeo --insecure-policy copy -q --dest-creds tester:secret --dest-cert-dir "
        "certs oci:layout:v1 "
        "docker://" +
        host + "/team/app:v1");
    store.emplace(*Store::Open({dir / "store", dir / "run", Durability::kVolatile}));
    context.env = {{"HOME", dir / "home"}};
    context.now = [] { return int64_t{1}; };
    settings.retries = 0;
    options.platform = *Platform::Parse("linux/amd64");
  }

  void Shell(const std::string& script) {
    auto ran = RunForOutput({.program = "sh", .argv = {"sh", "-ec", "cd " + dir.path() + "; " + script}}, "",
                            1 << 20);
    ASSERT_TRUE(ran) << ran.error().what;
    ASSERT_EQ(ran->status.ShellCode(), 0) << ran->err;
  }
  void Write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(MakeDirectories(SplitPath(dir / name).first));
    ASSERT_TRUE(ReplaceFileAt(AT_FDCWD, dir / name, text, 0600, Durability::kVolatile));
  }
  std::string Pull(const std::string& at) {
    auto record = PullImage(context, settings, *store, at + "/team/app:v1", options);
    auto left = ListDirectory(store->root(), "tmp");
    EXPECT_TRUE(left && left->empty());
    return record ? "ok" : record.error().what;
  }

  TempDir dir;
  TestImage image =
      MakeImage({MakeTar({{"a", Noise(300'000)}}), MakeTar({{"b", "2"}}), MakeTar({{"c", "3"}})});
  Child server;
  std::string port, host;
  std::optional<Store> store;
  Context context;
  Settings settings;
  PullOptions options;
};

TEST_F(RealRegistry, TrustAndPasswords) {
  options.credentials = "tester:secret";
  EXPECT_THAT(Pull(host), HasSubstr("is not trusted"));
  EXPECT_THAT(Pull(host), HasSubstr("certs.d/" + host + "/ca.crt"));
  // The same place under a name that the certificate does not have.
  settings.registries.rules = {{.prefix = "localhost:" + port, .ca_file = dir / "ca.crt"}};
  EXPECT_THAT(Pull("localhost:" + port), HasSubstr("is not trusted"));
  // Plain HTTP is never the answer to a certificate that is not trusted.
  settings.registries.rules = {{.prefix = host, .ca_file = dir / "ca.crt"}};
  options.credentials = "";
  EXPECT_THAT(Pull(host), HasSubstr("podman login " + host));
  options.credentials = "tester:wrong";
  EXPECT_THAT(Pull(host), HasSubstr("refuses the credentials"));
  options.credentials = "";
  Write("home/.docker/config.json",
        "{\"auths\":{\"" + host + "\":{\"auth\":\"" + Base64("tester:secret") + "\"}}}");
  EXPECT_EQ(Pull(host), "ok");
  auto records = ImageStore(*store).List();
  ASSERT_TRUE(records && records->size() == 1);
  EXPECT_EQ(records->front().diff_ids, image.diff_ids);
  auto findings = CheckStore(*store, nullptr, [](const std::string&) {});
  ASSERT_TRUE(findings);
  EXPECT_TRUE(findings->empty());
}

TEST_F(RealRegistry, CertificatesWhereOthersKeepThem) {
  options.credentials = "tester:secret";
  Write("home/.config/containers/certs.d/" + host + "/ca.crt", *ReadFile(dir / "ca.crt", 1 << 20));
  EXPECT_EQ(Pull(host), "ok");
  ASSERT_TRUE(RemoveTreeAt(AT_FDCWD, dir / "home"));
  EXPECT_THAT(Pull(host), HasSubstr("is not trusted"));
  options.cert_dir = dir / "certs";
  EXPECT_EQ(Pull(host), "ok");
  options.cert_dir = "";
  options.tls_verify = false;
  EXPECT_EQ(Pull(host), "ok");
  Write("certs/ca.crt", "no certificate");
  options.tls_verify.reset();
  options.cert_dir = dir / "certs";
  EXPECT_NE(Pull(host), "ok");
}

}  // namespace
}  // namespace wolffia
