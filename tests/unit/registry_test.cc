// The parts of pulling that need no network: challenges, credentials, certificates, names, decoders.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "engine/base/base64.h"
#include "engine/registry/certificates.h"
#include "engine/registry/challenge.h"
#include "engine/registry/chunk_queue.h"
#include "engine/registry/credentials.h"
#include "engine/registry/decompressor.h"
#include "engine/registry/name_resolution.h"
#include "engine/registry/url.h"
#include "tests/unit/registry_images.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Challenge, Parses) {
  using C = std::vector<Challenge>;
  const std::vector<std::pair<std::string, C>> good = {
      {"", {}},
      {"Basic", {{"basic", {}}}},
      {R"(Bearer realm="https://a/t",service="s",scope="repository:x:pull,push")",
       {{"bearer", {{"realm", "https://a/t"}, {"service", "s"}, {"scope", "repository:x:pull,push"}}}}},
      {R"(bearer Realm = "a\"b\\c" , service=plain)",
       {{"bearer", {{"realm", "a\"b\\c"}, {"service", "plain"}}}}},
      {R"(Negotiate, Basic realm="x", charset="UTF-8", Bearer realm="y")",
       {{"negotiate", {}}, {"basic", {{"realm", "x"}, {"charset", "UTF-8"}}}, {"bearer", {{"realm", "y"}}}}},
      {"Negotiate YWJj/+==, Basic", {{"negotiate", {{"", "YWJj/+=="}}}, {"basic", {}}}},
      {R"(, ,Basic realm="",,)", {{"basic", {{"realm", ""}}}}},
  };
  for (const auto& [text, expected] : good) {
    auto parsed = ParseChallenges(text);
    ASSERT_TRUE(parsed) << text << ": " << parsed.error().what;
    EXPECT_EQ(*parsed, expected) << text;
  }
  for (std::string bad : {R"(Bearer realm="x)", R"(Bearer realm=)", R"(Bearer realm="x" service="y")",
                          "Bearer \"x\"", R"(Bearer realm="a",realm="b")", "=", "\"", R"(Bearer realm="a\)",
                          "Bearer realm=\"a\nb\"", "Be@rer x", "Basic a=b c"})
    EXPECT_FALSE(ParseChallenges(bad)) << bad;
  EXPECT_FALSE(ParseChallenges("Bearer realm=\"" + std::string(9000, 'a') + "\""));
}

TEST(Base64, RoundTripsAndIsStrict) {
  for (size_t size = 0; size < 70; ++size) EXPECT_EQ(FromBase64(Base64(Noise(size))), Noise(size));
  EXPECT_EQ(Base64("user:s3cret"), "dXNlcjpzM2NyZXQ=");
  EXPECT_EQ(FromBase64("dXNlcjpzM2NyZXQ"), "user:s3cret");
  for (const char* bad : {"a", "ab=c", "a===", "ab c", "dXNlcjpzM2NyZXR=", "\xff\xff\xff\xff"})
    EXPECT_FALSE(FromBase64(bad)) << bad;
}

class Credential : public testing::Test {
 protected:
  Credential() {
    context.env = {{"HOME", dir / "home"}, {"XDG_RUNTIME_DIR", dir / "run"}};
    context.log_sink = [this](LogLevel, std::string_view line) { log += line; };
  }
  void Write(const std::string& file, const std::string& text, mode_t mode = 0600) {
    ASSERT_TRUE(MakeDirectories(SplitPath(dir / file).first));
    auto written = ReplaceFileAt(AT_FDCWD, dir / file, text, mode, Durability::kVolatile);
    ASSERT_TRUE(written) << written.error().what;
  }
  std::string Find(const std::string& name, const std::string& authfile = "") {
    auto found = FindCredentials(context, authfile, name);
    if (!found) return "error: " + found.error().what;
    return *found ? (*found)->user + "/" + (*found)->password + (*found)->identity_token : "none";
  }
  static std::string Auth(const std::string& key, const std::string& user) {
    return "\"" + key + "\":{\"auth\":\"" + Base64(user + ":pw") + "\"}";
  }
  TempDir dir;
  Context context;
  std::string log;
};

TEST_F(Credential, LooksInTheUsualPlacesInOrder) {
  EXPECT_EQ(Find("docker.io/library/x"), "none");
  Write("home/.docker/config.json",
        "{\"auths\":{" + Auth("https://index.docker.io/v1/", "hub") + "," + Auth("a.io", "docker") + "}}");
  EXPECT_EQ(Find("docker.io/library/x"), "hub/pw");
  EXPECT_EQ(Find("a.io/x"), "docker/pw");
  Write("home/.config/containers/auth.json", "{\"auths\":{" + Auth("a.io", "config") + "}}");
  EXPECT_EQ(Find("a.io/x"), "config/pw");
  Write("run/containers/auth.json", "{\"auths\":{" + Auth("a.io", "host") + "," + Auth("a.io/team", "team") +
                                        "," + Auth("a.io/team/app", "app") + "," +
                                        Auth("https://b.io:5000/v2/", "url") +
                                        ",\"c.io\":{},\"d.io\":{\"identitytoken\":\"refresh\"}}}");
  EXPECT_EQ(Find("a.io/x"), "host/pw");
  EXPECT_EQ(Find("a.io/team/other"), "team/pw");
  EXPECT_EQ(Find("a.io/team/app"), "app/pw");
  EXPECT_EQ(Find("a.io/teammate/app"), "host/pw");
  EXPECT_EQ(Find("b.io:5000/x"), "url/pw");
  EXPECT_EQ(Find("c.io/x"), "none");
  EXPECT_EQ(Find("d.io/x"), "/refresh");
  EXPECT_EQ(Find("docker.io/library/x"), "hub/pw");
  // A file that is named is the only one, and must be there.
  Write("mine.json", "{\"auths\":{" + Auth("a.io", "mine") + "}}");
  EXPECT_EQ(Find("a.io/x", dir / "mine.json"), "mine/pw");
  EXPECT_EQ(Find("docker.io/library/x", dir / "mine.json"), "none");
  EXPECT_THAT(Find("a.io/x", dir / "missing.json"), HasSubstr("missing.json"));
  context.env["REGISTRY_AUTH_FILE"] = dir / "mine.json";
  EXPECT_EQ(Find("a.io/x"), "mine/pw");
}

TEST_F(Credential, RefusesMalformedFilesWithoutShowingThem) {
  for (const char* text :
       {"{", "[]", R"({"auths":{"a.io":{"auth":"c2VjcmV0"}}})", R"({"auths":{"a.io":{"auth":"!!secret"}}})",
        R"({"auths":{"a.io":"secret"}})", R"({"auths":[]})", R"({"credHelpers":{"a.io":7}})",
        R"({"credsStore":"../evil"})"}) {
    Write("auth.json", text);
    std::string found = Find("a.io/x", dir / "auth.json");
    EXPECT_THAT(found, testing::StartsWith("error: ")) << text;
    EXPECT_THAT(found, testing::Not(HasSubstr("secret"))) << found;
  }
}

TEST_F(Credential, AsksHelpers) {
  const std::string bin = dir / "bin";
  Write(
      "bin/docker-credential-good",
      "#!/bin/sh\nread host\necho '{\"ServerURL\":\"'$host'\",\"Username\":\"'$host'\",\"Secret\":\"pw\"}'\n",
      0700);
  Write("bin/docker-credential-token",
        "#!/bin/sh\ncat >/dev/null\necho '{\"Username\":\"<token>\",\"Secret\":\"refresh\"}'\n", 0700);
  Write("bin/docker-credential-none",
        "#!/bin/sh\ncat >/dev/null\necho credentials not found in native keychain\nexit 1\n", 0700);
  Write("bin/docker-credential-bad", "#!/bin/sh\ncat >/dev/null\necho secret\nexit 3\n", 0700);
  const std::string old_path = getenv("PATH");
  setenv("PATH", (bin + ":" + old_path).c_str(), 1);
  Write("auth.json",
        R"({"credHelpers":{"t.io":"token","n.io":"none","b.io":"bad","m.io":"missing"},"credsStore":"good",
        "auths":{)" +
            Auth("known.io", "known") + R"(,"empty.io":{}}})");
  const std::string file = dir / "auth.json";
  EXPECT_EQ(Find("t.io/x", file), "/refresh");
  EXPECT_EQ(Find("n.io/x", file), "none");
  EXPECT_THAT(Find("b.io/x", file),
              testing::AllOf(HasSubstr("exit code 3"), testing::Not(HasSubstr("secret"))));
  EXPECT_EQ(Find("m.io/x", file), "none");
  EXPECT_THAT(log, HasSubstr("docker-credential-missing is not installed"));
  EXPECT_EQ(Find("known.io/x", file), "known/pw");
  EXPECT_EQ(Find("empty.io/x", file), "empty.io/pw");
  EXPECT_EQ(Find("docker.io/library/x", file), "https://index.docker.io/v1//pw");
  setenv("PATH", old_path.c_str(), 1);
}

TEST(ParseCredentials, NeedsAUser) {
  EXPECT_EQ(ParseCredentials("a:b:c")->password, "b:c");
  EXPECT_FALSE(ParseCredentials("a"));
  EXPECT_FALSE(ParseCredentials(":b"));
}

TEST(Certificates, BelongToAHost) {
  TempDir dir;
  Context context;
  context.env = {{"XDG_CONFIG_HOME", dir / "config"}};
  const std::string host = dir / "config/containers/certs.d/a.io:5000";
  EXPECT_EQ(*FindCertificates(context, "a.io:5000", ""), HostCertificates{});
  ASSERT_TRUE(MakeDirectories(host));
  auto add = [&](const std::string& name) {
    ASSERT_TRUE(CreateFileAt(AT_FDCWD, host + "/" + name, "x", 0600));
  };
  add("b.crt");
  add("a.crt");
  add("notes.txt");
  EXPECT_THAT(FindCertificates(context, "a.io:5000", "")->ca_files,
              ElementsAre(host + "/a.crt", host + "/b.crt"));
  EXPECT_EQ(*FindCertificates(context, "a.io", ""), HostCertificates{});
  EXPECT_EQ(*FindCertificates(context, "../certs.d/a.io:5000", ""), HostCertificates{});
  add("client.cert");
  EXPECT_THAT(FindCertificates(context, "a.io:5000", "").error().what, HasSubstr("client.key is missing"));
  add("client.key");
  auto found = FindCertificates(context, "a.io:5000", "");
  EXPECT_EQ(found->client_certificate, host + "/client.cert");
  EXPECT_EQ(found->client_key, host + "/client.key");
  EXPECT_EQ(FindCertificates(context, "other", host)->ca_files.size(), 2u);
  add("lonely.key");
  EXPECT_FALSE(FindCertificates(context, "a.io:5000", ""));
}

std::string Show(const RegistrySettings& settings, const std::string& typed) {
  auto candidates = ResolveName(settings, typed);
  if (!candidates) return "error: " + candidates.error().what;
  std::string text;
  for (const PullCandidate& candidate : *candidates) {
    text += (text.empty() ? "" : " | ") + candidate.name.str() + " <-";
    for (const Endpoint& e : candidate.endpoints)
      text += " " + e.host + "/" + e.repository + (e.insecure ? "!" : "") +
              (e.ca_file.empty() ? "" : "(" + e.ca_file + ")");
  }
  return text;
}

TEST(ResolveName, Table) {
  RegistrySettings settings;
  settings.search = {"docker.io", "quay.io"};
  settings.aliases = {{"debian", "docker.io/library/debian"}, {"bad", "short"}};
  settings.rules = {
      {.prefix = "moved.io/old", .location = "new.io:5000/fresh", .insecure = true, .ca_file = "/ca"},
      {.prefix = "no.io", .blocked = true},
      {.prefix = "*.wild.io", .location = "one.io/all"},
      {.prefix = "mirrored.io",
       .mirrors = {{.location = "m1.io/x", .insecure = true},
                   {.location = "m2.io", .pull_from_mirror = "digest-only"},
                   {.location = "m3.io", .pull_from_mirror = "tag-only"}}},
      {.prefix = "digests.io", .mirrors = {{.location = "m4.io"}}, .mirror_by_digest_only = true},
      {.prefix = "m4.io", .ca_file = "/m4"},
      {.prefix = "broken.io", .location = "Not A Host"},
  };
  const std::string digest = "@sha256:" + std::string(64, 'a');
  for (const auto& [typed, expected] : std::vector<std::pair<std::string, std::string>>{
           {"docker.io/debian", "docker.io/library/debian:latest <- docker.io/library/debian"},
           {"index.docker.io/a/b:1", "docker.io/a/b:1 <- docker.io/a/b"},
           {"debian:12", "docker.io/library/debian:12 <- docker.io/library/debian"},
           {"app",
            "docker.io/library/app:latest <- docker.io/library/app | quay.io/app:latest <- quay.io/app"},
           {"team/app:1",
            "docker.io/team/app:1 <- docker.io/team/app | quay.io/team/app:1 <- quay.io/team/app"},
           {"moved.io/old/a:1", "moved.io/old/a:1 <- new.io:5000/fresh/a!(/ca)"},
           {"moved.io/older:1", "moved.io/older:1 <- moved.io/older"},
           {"a.b.wild.io/x:1", "a.b.wild.io/x:1 <- one.io/all/x"},
           {"mirrored.io/a:1", "mirrored.io/a:1 <- m1.io/x/a! m3.io/a mirrored.io/a"},
           {"mirrored.io/a" + digest, "mirrored.io/a" + digest + " <- m1.io/x/a! m2.io/a mirrored.io/a"},
           {"digests.io/a:1", "digests.io/a:1 <- digests.io/a"},
           {"digests.io/a" + digest, "digests.io/a" + digest + " <- m4.io/a(/m4) digests.io/a"},
       })
    EXPECT_EQ(Show(settings, typed), expected) << typed;
  EXPECT_THAT(Show(settings, "no.io/x"), HasSubstr("is blocked"));
  EXPECT_THAT(Show(settings, "bad"), HasSubstr("alias of bad"));
  EXPECT_THAT(Show(settings, "broken.io/x"), HasSubstr("broken.io"));
  EXPECT_THAT(Show(settings, "UPPER"), testing::StartsWith("error"));
  settings.search.clear();
  EXPECT_THAT(Show(settings, "app"), HasSubstr("docker.io/library/app"));
}

TEST(Url, DecidesWhatASecretMayFollow) {
  Url base = *Url::Parse("https://user:pw@a.io/v2/x?sig=1#f");
  EXPECT_EQ(base.full, "https://a.io/v2/x?sig=1");
  EXPECT_EQ(base.display, "https://a.io/v2/x");
  EXPECT_EQ(base.origin, "https://a.io:443");
  EXPECT_EQ(base.Resolve("/y")->full, "https://a.io/y");
  EXPECT_EQ(base.Resolve("https://a.io:443/y")->origin, base.origin);
  EXPECT_NE(base.Resolve("https://a.io:444/y")->origin, base.origin);
  EXPECT_NE(base.Resolve("http://a.io/y")->origin, base.origin);
  EXPECT_EQ(base.Resolve("//b.io/y")->authority, "b.io");
  EXPECT_EQ(base.Resolve("https://x:y@b.io/y")->full, "https://b.io/y");
  for (const char* bad :
       {"file:///etc/passwd", "gopher://a/", "javascript:x", "", "https://", "ftp://a/b", "https://a b/"})
    EXPECT_FALSE(base.Resolve(bad)) << bad;
  EXPECT_FALSE(Url::Parse("a.io/x:y"));
  EXPECT_FALSE(Url::Parse("https://a/" + std::string(20'000, 'x')));
}

// Feeds the input in pieces of `step` bytes.
Result<std::string> Decode(const std::string& input, size_t step, uint64_t budget = 64 << 20) {
  std::string out;
  WindowBudget windows(budget);
  Cancel cancel;
  Decompressor decoder(
      [&](std::string_view bytes) -> Result<> {
        out += bytes;
        return {};
      },
      windows, cancel);
  for (size_t at = 0; at < input.size(); at += step)
    TRY(decoder.Push(std::string_view(input).substr(at, step)));
  TRY(decoder.Finish());
  return out;
}

TEST(Decompressor, DecodesAllFormatsInAnyPieces) {
  const std::string text = Noise(5000) + std::string(300'000, 'x') + Noise(100'000, 3);
  const std::string skippable = std::string("\x50\x2a\x4d\x18\x03\x00\x00\x00", 8) + "abc";
  struct Case {
    const char* name;
    std::string input, expected;
  };
  for (const Case& test : std::vector<Case>{
           {"nothing", "", ""},
           {"two plain bytes", "ab", "ab"},
           {"plain", text, text},
           {"gzip", Gzip(text), text},
           {"stored gzip", Gzip(text, 0), text},
           {"empty gzip", Gzip(""), ""},
           {"members", Gzip(text) + Gzip("") + Gzip("tail") + Gzip(text), text + "tail" + text},
           {"zstd", Zstd(text), text},
           {"empty zstd", Zstd(""), ""},
           {"frames", Zstd(text) + skippable + Zstd("") + Zstd("tail", 19) + Zstd(text),
            text + "tail" + text},
           {"skippable first", skippable + Zstd(text), text},
       })
    for (size_t step : {size_t{1}, size_t{7}, size_t{4096}, size_t{1} << 30}) {
      auto decoded = Decode(test.input, step);
      ASSERT_TRUE(decoded) << test.name << " in steps of " << step << ": " << decoded.error().what;
      EXPECT_TRUE(*decoded == test.expected) << test.name << " in steps of " << step;
    }
  // A member's end at every place of a piece.
  const std::string pair = Gzip("first") + Gzip("second");
  for (size_t step = 1; step <= pair.size(); ++step) EXPECT_EQ(*Decode(pair, step), "firstsecond") << step;
}

TEST(Decompressor, RefusesDamage) {
  const std::string text = Noise(20'000) + std::string(100'000, 'x');
  for (const std::string& good : {Gzip(text), Zstd(text), Gzip(text) + Gzip("tail")}) {
    for (size_t size :
         {size_t{4}, size_t{9}, size_t{18}, good.size() / 2, good.size() - 9, good.size() - 1}) {
      auto cut = Decode(good.substr(0, size), 1000);
      EXPECT_TRUE(!cut && cut.error().code == Code::kCorrupt) << size << " of " << good.size();
    }
    EXPECT_FALSE(Decode(good + "garbage", 1000));
  }
  std::string checksum = Gzip(text);
  checksum[checksum.size() - 6] ^= 1;
  EXPECT_THAT(Decode(checksum, 1000).error().what, HasSubstr("checksum"));
  for (uint32_t seed = 1; seed < 200; ++seed)
    for (std::string bytes : {Gzip(text), Zstd(text)}) {
      for (int i = 0; i < 3; ++i)
        bytes[(seed * 7919u + static_cast<unsigned>(i) * 104729u) % bytes.size()] ^= static_cast<char>(seed);
      (void)Decode(bytes, 777);  // must end, whatever comes out
    }
  std::string huge("\x28\xb5\x2f\xfd\x00\xa0", 6);  // a window of 1 GiB
  EXPECT_EQ(Decode(huge + std::string(20, '\0'), 100).error().code, Code::kUnsupported);
}

TEST(WindowBudget, LargeWindowsTakeTurns) {
  WindowBudget windows(1000);
  Cancel cancel;
  EXPECT_TRUE(windows.Take(600, cancel));
  std::thread other([&] {
    EXPECT_TRUE(windows.Take(5000, cancel));  // more than there is: alone
    windows.Return(5000);
  });
  EXPECT_TRUE(windows.Take(400, cancel));
  windows.Return(600);
  windows.Return(400);
  other.join();
  EXPECT_TRUE(windows.Take(1000, cancel));
  cancel.Set();
  EXPECT_FALSE(windows.Take(1, cancel));
}

TEST(ChunkQueue, KeepsOrderAndPassesErrors) {
  const std::string text = Noise(3 * ChunkQueue::kChunkBytes + 17);
  ChunkQueue queue(2);
  std::thread writer([&] {
    Result<> wrote;
    for (size_t at = 0; at < text.size() && wrote; at += 999)
      wrote = queue.Write(std::string_view(text).substr(at, 999));
    queue.Close(std::move(wrote));
  });
  std::string got;
  for (;;) {
    auto part = queue.Read();
    ASSERT_TRUE(part);
    if (!*part) break;
    got += **part;
  }
  writer.join();
  EXPECT_TRUE(got == text);

  ChunkQueue failing(2);
  ASSERT_TRUE(failing.Write("abc"));
  failing.Close(Fail(Code::kNetwork, "cut"));
  EXPECT_EQ(failing.Read().error().what, "cut");

  ChunkQueue abandoned(1);
  abandoned.Abandon();
  EXPECT_EQ(abandoned.Write(text).error().code, Code::kBusy);
}

}  // namespace
}  // namespace wolffia
