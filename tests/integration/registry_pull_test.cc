// Pulls from a registry that misbehaves on purpose. After each one the store is whole and nothing is left in
// tmp/.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/registry/pull.h"
#include "storage/gc.h"
#include "tests/integration/registry_server.h"
#include "tests/unit/registry_images.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

using testing::HasSubstr;
using testing::Not;

// A registry with one repository, team/app; `misbehave` may take over any request.
class FakeRegistry {
 public:
  explicit FakeRegistry(TestImage image)
      : image_(std::move(image)), server([this](const TestRequest& r) { return Handle(r); }) {
    documents["v1"] = documents[image_.Name()] = image_.manifest;
  }

  std::map<std::string, std::string> documents;  // manifests by tag and digest
  TestImage image_;
  // nullopt: the usual answer. `nth` counts the requests of that path from 0.
  std::function<std::optional<TestReply>(const TestRequest&, int nth)> misbehave;

  TestReply Usual(const TestRequest& request) {
    const std::string prefix = "/v2/team/app/";
    if (request.path == "/v2/") return {};
    if (!request.path.starts_with(prefix)) return {.status = 404};
    std::string rest = request.path.substr(prefix.size());
    if (rest.starts_with("manifests/")) {
      auto found = documents.find(rest.substr(10));
      if (found == documents.end())
        return {.status = 404, .body = R"({"errors":[{"code":"MANIFEST_UNKNOWN","message":"no"}]})"};
      bool index = found->second.find("image.index") != std::string::npos;
      return {.headers = {std::string("Content-Type: application/vnd.oci.image.") +
                              (index ? "index" : "manifest") + ".v1+json",
                          "Docker-Content-Digest: " + Sha256Of(found->second).str()},
              .body = found->second};
    }
    auto found = image_.blobs.find(rest.substr(6));
    if (found == image_.blobs.end()) return {.status = 404};
    std::string range = request.Header("range");
    if (range.empty()) return {.body = found->second};
    size_t from = strtoul(range.c_str() + 6, nullptr, 10);
    if (from >= found->second.size()) return {.status = 416};
    return {
        .status = 206,
        .headers = {"Content-Range: bytes " + std::to_string(from) + "-" +
                    std::to_string(found->second.size() - 1) + "/" + std::to_string(found->second.size())},
        .body = found->second.substr(from)};
  }

 private:
  TestReply Handle(const TestRequest& request) {
    int nth;
    {
      std::lock_guard lock(mutex_);
      nth = seen_[request.path]++;
    }
    if (misbehave)
      if (auto reply = misbehave(request, nth)) return *reply;
    return Usual(request);
  }
  std::mutex mutex_;
  std::map<std::string, int> seen_;

 public:
  HttpServer server;  // last: its threads end before what they use
};

std::vector<std::string> SomeTars() {
  return {MakeTar({{"etc/", "", '5'}, {"etc/a", "one"}}), MakeTar({{"big", Noise(900'000)}}),
          MakeTar({{"bin/", "", '5'}, {"bin/sh", Noise(3000)}}), MakeTar({{"more", Noise(700'000, 7)}})};
}

class RegistryPull : public testing::Test {
 protected:
  RegistryPull() : store(*Store::Open({dir / "store", dir / "run", Durability::kVolatile})) {
    context.env = {{"HOME", dir / "home"}};
    context.now = [] { return int64_t{1}; };
    context.log_level = LogLevel::kTrace;
    context.log_sink = [this](LogLevel, std::string_view line) { log += std::string(line) + "\n"; };
    settings.retries = 3;
    options.platform = *Platform::Parse("linux/amd64");
    options.progress = [this](const ProgressEvent& event) { events.push_back(event); };
  }
  ~RegistryPull() override { ExpectClean(); }

  void ExpectClean() {
    auto left = ListDirectory(store.root(), "tmp");
    ASSERT_TRUE(left) << left.error().what;
    EXPECT_THAT(*left, testing::IsEmpty());
    auto findings = CheckStore(store, nullptr, [](const std::string&) {});
    ASSERT_TRUE(findings) << findings.error().what;
    for (const Finding& finding : *findings)
      EXPECT_FALSE(finding.damage) << finding.path << ": " << finding.problem;
  }
  void Trust(FakeRegistry& registry) {
    for (const std::string& host : {registry.server.host(), registry.server.other_name()})
      settings.registries.rules.push_back({.prefix = host, .insecure = true});
  }
  Result<ImageRecord> Pull(FakeRegistry& registry, const std::string& suffix = ":v1") {
    return PullImage(context, settings, store, registry.server.host() + "/team/app" + suffix, options);
  }
  void ExpectFailure(FakeRegistry& registry, Code code, const std::string& part) {
    auto pulled = Pull(registry);
    ASSERT_FALSE(pulled);
    EXPECT_EQ(pulled.error().code, code) << pulled.error().what;
    EXPECT_THAT(pulled.error().what, HasSubstr(part));
    auto images = ImageStore(store).List();
    ASSERT_TRUE(images);
    EXPECT_TRUE(images->empty());
    ExpectClean();
  }
  int Events(ProgressEvent::Kind kind) {
    return static_cast<int>(
        std::count_if(events.begin(), events.end(), [&](auto& e) { return e.kind == kind; }));
  }

  TempDir dir;
  Store store;
  Context context;
  Settings settings;
  PullOptions options;
  std::vector<ProgressEvent> events;
  std::string log;
};

TEST_F(RegistryPull, StoresTheImageAndAsksOnceTheNextTime) {
  FakeRegistry registry(MakeImage(SomeTars()));
  Trust(registry);
  auto record = Pull(registry);
  ASSERT_TRUE(record) << record.error().what;
  EXPECT_EQ(record->name, registry.server.host() + "/team/app:v1");
  EXPECT_EQ(record->manifest.str(), registry.image_.Name());
  EXPECT_EQ(record->diff_ids, registry.image_.diff_ids);
  EXPECT_EQ(Events(ProgressEvent::kLayerDone), 4);
  for (size_t i = 0; i < 4; ++i) EXPECT_TRUE(BlobStore(store).Has(record->diff_ids[i]));
  EXPECT_TRUE(ImageStore(store).OpenLower(record->chain, record->diff_ids));

  registry.server.Forget();
  auto again = Pull(registry);
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_EQ(again->config, record->config);
  EXPECT_EQ(registry.server.Count("/manifests/"), 1);
  EXPECT_EQ(registry.server.Count("/blobs/"), 0);

  // By digest nothing can have changed.
  auto pinned = Pull(registry, "@" + registry.image_.Name());
  ASSERT_TRUE(pinned) << pinned.error().what;
  EXPECT_THAT(pinned->name, testing::EndsWith("/team/app@" + registry.image_.Name()));
  registry.server.Forget();
  ASSERT_TRUE(Pull(registry, "@" + registry.image_.Name()));
  EXPECT_EQ(registry.server.Requests().size(), 0u);

  // The tag moves; common layers stay.
  std::vector<std::string> tars = SomeTars();
  tars.push_back(MakeTar({{"new", "layer"}}));
  TestImage next = MakeImage(tars);
  registry.image_.blobs.insert(next.blobs.begin(), next.blobs.end());
  registry.documents["v1"] = registry.documents[next.Name()] = next.manifest;
  registry.server.Forget();
  auto moved = Pull(registry);
  ASSERT_TRUE(moved) << moved.error().what;
  EXPECT_EQ(moved->manifest.str(), next.Name());
  EXPECT_EQ(registry.server.Count("/blobs/"), 2);  // configuration and one layer
}

TEST_F(RegistryPull, SmallAndOddImages) {
  std::string empty = MakeTar({}), file = MakeTar({{"a", "b"}});
  for (const std::vector<std::string>& tars :
       {std::vector<std::string>{}, {empty}, {empty, empty}, {file, file, file, empty, file}}) {
    FakeRegistry registry(MakeImage(tars));
    Trust(registry);
    auto record = Pull(registry);
    ASSERT_TRUE(record) << record.error().what;
    EXPECT_EQ(record->diff_ids.size(), tars.size());
    EXPECT_EQ(ImageStore(store).OpenLower(record->chain, record->diff_ids).has_value(), !tars.empty());
  }
}

TEST_F(RegistryPull, SelectsThePlatform) {
  TestImage arm = MakeImage({MakeTar({{"arm", "1"}})}, "arm64");
  FakeRegistry registry(MakeImage({MakeTar({{"amd", "1"}})}));
  Trust(registry);
  registry.image_.blobs.insert(arm.blobs.begin(), arm.blobs.end());
  registry.documents[arm.Name()] = arm.manifest;
  registry.documents["v1"] = MakeIndex({{"arm64", &arm}, {"amd64", &registry.image_}});
  auto record = Pull(registry);
  ASSERT_TRUE(record) << record.error().what;
  EXPECT_EQ(record->manifest.str(), registry.image_.Name());
  EXPECT_EQ(record->index, Sha256Of(registry.documents["v1"]));
  registry.server.Forget();
  ASSERT_TRUE(Pull(registry));
  EXPECT_EQ(registry.server.Count("/manifests/"), 1);
  options.platform = *Platform::Parse("linux/arm64");
  auto other = Pull(registry);
  ASSERT_TRUE(other) << other.error().what;
  EXPECT_EQ(other->manifest.str(), arm.Name());
  options.platform = *Platform::Parse("linux/s390x");
  EXPECT_EQ(Pull(registry).error().code, Code::kNotFound);
  // A single manifest says it in its configuration.
  registry.documents["v2"] = arm.manifest;
  auto wrong = Pull(registry, ":v2");
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().what, HasSubstr("use --platform linux/arm64"));
  options.platform = *Platform::Parse("linux/arm64");
  EXPECT_TRUE(Pull(registry, ":v2"));
}

TEST_F(RegistryPull, RefusesWhatDoesNotMatch) {
  struct Case {
    const char* name;
    std::function<void(FakeRegistry&)> spoil;
    Code code;
    const char* part;
  };
  auto answer_blob = [](size_t layer,
                        std::function<TestReply(const std::string&, const TestRequest&)> change) {
    return [=](FakeRegistry& registry) {
      std::string digest = registry.image_.layers[layer].digest.str();
      registry.misbehave = [=, &registry](const TestRequest& request, int) -> std::optional<TestReply> {
        if (request.path.find("blobs/" + digest) == std::string::npos) return std::nullopt;
        return change(registry.image_.blobs[digest], request);
      };
    };
  };
  auto rewrite = [](std::function<void(std::string & manifest, TestImage&)> change) {
    return [=](FakeRegistry& registry) {
      change(registry.image_.manifest, registry.image_);
      registry.documents = {{"v1", registry.image_.manifest}};
    };
  };
  // An image of one layer whose configuration says something else of its layers.
  auto claim = [&](const std::vector<Digest>& diff_ids) {
    return rewrite([=](std::string&, TestImage& image) {
      image = MakeImage({MakeTar({{"other", "content"}})});
      image.config = MakeConfig(diff_ids, "amd64");
      Manifest manifest{.media_type = "application/vnd.oci.image.manifest.v1+json"};
      manifest.config = {"application/vnd.oci.image.config.v1+json", Sha256Of(image.config),
                         static_cast<int64_t>(image.config.size())};
      manifest.layers = image.layers;
      image.blobs[manifest.config.digest.str()] = image.config;
      image.manifest = SerializeManifest(manifest);
    });
  };
  const std::vector<Case> cases = {
      {"other content of a layer",
       answer_blob(1,
                   [](std::string blob, auto&) {
                     blob[blob.size() / 2] ^= 1;
                     return TestReply{.body = blob};
                   }),
       Code::kCorrupt, "layer sha256:"},
      {"truncated layer",
       answer_blob(1,
                   [](const std::string& blob, const TestRequest& r) {
                     return r.Header("range").empty() ? TestReply{.body = blob.substr(0, 1000)}
                                                      : TestReply{.status = 416};
                   }),
       Code::kCorrupt, "fewer than"},
      {"truncated layer, no ranges",
       answer_blob(1, [](const std::string& blob, auto&) { return TestReply{.body = blob.substr(0, 1000)}; }),
       Code::kCorrupt, "fewer than"},
      {"oversized layer",
       answer_blob(1, [](const std::string& blob, auto&) { return TestReply{.body = blob + "x"}; }),
       Code::kCorrupt, "more than"},
      {"empty layer", answer_blob(1, [](auto&, auto&) { return TestReply{}; }), Code::kCorrupt, "fewer than"},
      {"missing layer", answer_blob(1, [](auto&, auto&) { return TestReply{.status = 404}; }),
       Code::kNotFound, "has no blob"},
      {"another diff-id", claim({Sha256Of("something else")}), Code::kCorrupt, "layer sha256:"},
      {"more diff-ids than layers", claim({Sha256Of("a"), Sha256Of("b")}), Code::kInvalid, ""},
      {"manifest that is no JSON", rewrite([](std::string& manifest, TestImage&) { manifest = "{"; }),
       Code::kInvalid, "manifest"},
      {"manifest over 4 MiB",
       rewrite([](std::string& manifest, TestImage&) { manifest += std::string(5 << 20, ' '); }),
       Code::kInvalid, "longer than"},
      {"manifest with another digest than the registry says",
       [](FakeRegistry& registry) {
         registry.misbehave = [&registry](const TestRequest& request, int) -> std::optional<TestReply> {
           if (request.path.find("manifests/") == std::string::npos) return std::nullopt;
           TestReply reply = registry.Usual(request);
           reply.body += " ";
           return reply;
         };
       },
       Code::kCorrupt, "instead of"},
      {"bomb", rewrite([](std::string&, TestImage& image) {
         image = MakeImage({MakeTar({{"zeros", std::string(40 << 20, '\0')}})});
       }),
       Code::kNoSpace, "layer sha256:"},
      {"gzip that is none", rewrite([](std::string&, TestImage& image) {
         std::string tar = MakeTar({{"a", "b"}}), blob = Gzip(tar).substr(0, 60);
         image = MakeImage({tar});
         TestImage broken = image;
         broken.layers[0].digest = Sha256Of(blob);
         broken.layers[0].size = 60;
         Manifest manifest{.media_type = "application/vnd.oci.image.manifest.v1+json"};
         manifest.config = {"application/vnd.oci.image.config.v1+json", Sha256Of(image.config),
                            static_cast<int64_t>(image.config.size())};
         manifest.layers = broken.layers;
         image.blobs[Sha256Of(blob).str()] = blob;
         image.manifest = SerializeManifest(manifest);
       }),
       Code::kCorrupt, "truncated"},
  };
  settings.max_layer_size = 32 << 20;
  for (const Case& test : cases) {
    SCOPED_TRACE(test.name);
    FakeRegistry registry(MakeImage(SomeTars()));
    Trust(registry);
    test.spoil(registry);
    ExpectFailure(registry, test.code, test.part);
  }
}

TEST_F(RegistryPull, TriesAgainWhatMayGoAway) {
  TestImage image = MakeImage(SomeTars());
  const std::string big = image.layers[1].digest.str();
  using Misbehave = std::function<std::optional<TestReply>(FakeRegistry&, const TestRequest&, int)>;
  auto is_big = [=](const TestRequest& request) { return request.path.ends_with("blobs/" + big); };
  const std::vector<std::pair<const char*, Misbehave>> cases = {
      {"503 at the ping",
       [](auto&, auto& r, int nth) -> std::optional<TestReply> {
         if (r.path != "/v2/" || nth > 0) return std::nullopt;
         return TestReply{.status = 503};
       }},
      {"429 with a delay at the manifest",
       [](auto&, auto& r, int nth) -> std::optional<TestReply> {
         if (!r.path.ends_with("manifests/v1") || nth > 0) return std::nullopt;
         return TestReply{.status = 429, .headers = {"Retry-After: 1"}};
       }},
      {"no answer to a blob",
       [=](auto&, auto& r, int nth) -> std::optional<TestReply> {
         if (!is_big(r) || nth > 1) return std::nullopt;
         return TestReply{.cut_after = 0};
       }},
      {"cut in the middle, three times",
       [=](auto& registry, auto& r, int nth) -> std::optional<TestReply> {
         if (!is_big(r) || nth > 2) return std::nullopt;
         TestReply reply = registry.Usual(r);
         reply.cut_after = 200'001;
         return reply;
       }},
      {"cut, and the range is ignored",
       [=](auto& registry, auto& r, int nth) -> std::optional<TestReply> {
         if (!is_big(r)) return std::nullopt;
         TestReply reply{.body = registry.image_.blobs[big]};
         if (nth < 3) reply.cut_after = 100'000 + nth * 150'001;
         return reply;
       }},
      {"500 in the middle",
       [=](auto& registry, auto& r, int nth) -> std::optional<TestReply> {
         if (!is_big(r) || nth > 1) return std::nullopt;
         if (nth == 1) return TestReply{.status = 500};
         TestReply reply = registry.Usual(r);
         reply.cut_after = 300'000;
         return reply;
       }},
  };
  for (const auto& [name, misbehave] : cases) {
    SCOPED_TRACE(name);
    FakeRegistry registry(image);
    Trust(registry);
    registry.misbehave = [&, change = misbehave](const TestRequest& r, int nth) {
      return change(registry, r, nth);
    };
    events.clear();
    auto record = Pull(registry);
    ASSERT_TRUE(record) << record.error().what;
    EXPECT_GE(Events(ProgressEvent::kRetry), 1);
    ASSERT_TRUE(ImageStore(store).RemoveName(*record, false));
    ASSERT_TRUE(CollectGarbage(store));
  }
}

TEST_F(RegistryPull, GivesUpInTheEnd) {
  settings.retries = 1;
  struct Case {
    const char* name;
    TestReply reply;
    Code code;
    const char* part;
  };
  for (const Case& test : std::vector<Case>{
           {"always 502", {.status = 502}, Code::kNetwork, "status 502"},
           {"always cut", {.cut_after = 0}, Code::kNetwork, "was cut"},
           {"come back tomorrow",
            {.status = 429, .headers = {"Retry-After: 86400"}},
            Code::kNetwork,
            "86400"},
           {"forbidden", {.status = 403}, Code::kDenied, "denies access"},
           {"401 without a challenge", {.status = 401}, Code::kDenied, "log in"},
           {"a strange challenge",
            {.status = 401, .headers = {"WWW-Authenticate: Negotiate"}},
            Code::kUnsupported,
            "login"},
           {"a malformed challenge",
            {.status = 401, .headers = {"WWW-Authenticate: Bearer realm=\"x"}},
            Code::kInvalid,
            "malformed"},
           {"its own words",
            {.status = 404, .body = R"({"errors":[{"code":"NAME_UNKNOWN","message":"not\u001b[2J here"}]})"},
            Code::kNotFound,
            "NAME_UNKNOWN: not?[2J here"},
           {"a teapot", {.status = 418}, Code::kInvalid, "status 418"}}) {
    SCOPED_TRACE(test.name);
    FakeRegistry registry(MakeImage({MakeTar({{"a", "b"}})}));
    Trust(registry);
    registry.misbehave = [&](const TestRequest& r, int) -> std::optional<TestReply> {
      return r.path.find("manifests/") != std::string::npos ? std::optional(test.reply) : std::nullopt;
    };
    ExpectFailure(registry, test.code, test.part);
  }
}

TEST_F(RegistryPull, RedirectsCarryNoSecret) {
  FakeRegistry registry(MakeImage(SomeTars()));
  Trust(registry);
  options.credentials = "user:s3cret";
  FakeRegistry& r = registry;
  HttpServer storage([&](const TestRequest& request) {
    EXPECT_EQ(request.Header("authorization"), "");
    return TestReply{.body = r.image_.blobs[request.path.substr(1, request.path.find('?') - 1)]};
  });
  registry.misbehave = [&](const TestRequest& request, int) -> std::optional<TestReply> {
    if (request.Header("authorization") != "Basic " + std::string("dXNlcjpzM2NyZXQ="))
      return TestReply{.status = 401, .headers = {"WWW-Authenticate: Basic realm=\"test\""}};
    size_t at = request.path.find("blobs/");
    if (at == std::string::npos) return std::nullopt;
    return TestReply{.status = 307,
                     .headers = {"Location: http://user:pw@" + storage.host() + "/" +
                                 request.path.substr(at + 6) + "?signature=topsecret"}};
  };
  auto record = Pull(registry);
  ASSERT_TRUE(record) << record.error().what;
  EXPECT_EQ(storage.Requests().size(), 5u);
  EXPECT_THAT(log, HasSubstr("GET http://" + storage.host()));
  EXPECT_THAT(log, Not(HasSubstr("topsecret")));
  EXPECT_THAT(log, Not(HasSubstr("s3cret")));
}

TEST_F(RegistryPull, RefusesBadRedirects) {
  settings.retries = 0;
  for (const auto& [location, part] :
       std::vector<std::pair<std::string, std::string>>{{"/v2/team/app/manifests/v1", "in a loop"},
                                                        {"file:///etc/passwd", "file"},
                                                        {"ftp://127.0.0.1/x", "ftp"},
                                                        {"", "malformed"},
                                                        {"http://", "malformed"}}) {
    SCOPED_TRACE(location);
    FakeRegistry registry(MakeImage({MakeTar({{"a", "b"}})}));
    Trust(registry);
    registry.misbehave = [&](const TestRequest& request, int) -> std::optional<TestReply> {
      if (request.path.find("manifests/") == std::string::npos) return std::nullopt;
      return TestReply{.status = 302, .headers = {"Location: " + location}};
    };
    ExpectFailure(registry, Code::kInvalid, part);
    EXPECT_LE(registry.server.Count("manifests/"), 11);
  }
}

TEST_F(RegistryPull, FetchesOneTokenForAll) {
  FakeRegistry registry(MakeImage(SomeTars()));
  Trust(registry);
  options.credentials = "user:s3cret";
  std::atomic<int> valid = 0;
  HttpServer tokens([&](const TestRequest& request) {
    EXPECT_EQ(request.Header("authorization"), "Basic dXNlcjpzM2NyZXQ=");
    EXPECT_EQ(request.path, "/token?x=1&service=the%20registry&scope=repository%3Ateam%2Fapp%3Apull");
    return TestReply{.body = "{\"token\":\"t" + std::to_string(++valid) + "\"}"};
  });
  registry.misbehave = [&](const TestRequest& request, int nth) -> std::optional<TestReply> {
    // The token expires once in the middle of everything.
    if (request.path.find(registry.image_.layers[2].digest.str()) != std::string::npos && nth == 0) ++valid;
    if (request.Header("authorization") == "Bearer t" + std::to_string(valid)) return std::nullopt;
    return TestReply{.status = 401,
                     .headers = {"WWW-Authenticate: Bearer realm=\"" + tokens.url() +
                                 "/token?x=1\",service=\"the registry\",scope=\"repository:team/app:pull\""}};
  };
  auto record = Pull(registry);
  ASSERT_TRUE(record) << record.error().what;
  EXPECT_LE(tokens.Requests().size(), 2u);
  EXPECT_GE(tokens.Requests().size(), 1u);
}

TEST_F(RegistryPull, SaysHowToLogIn) {
  FakeRegistry registry(MakeImage({MakeTar({})}));
  Trust(registry);
  registry.misbehave = [&](const TestRequest&, int) -> std::optional<TestReply> {
    return TestReply{.status = 401, .headers = {"WWW-Authenticate: Basic realm=\"test\""}};
  };
  ExpectFailure(registry, Code::kDenied, "podman login " + registry.server.host());
  options.credentials = "user:wr0ng";
  ExpectFailure(registry, Code::kDenied, "refuses the credentials of --creds");
  EXPECT_THAT(Pull(registry).error().what, Not(HasSubstr("wr0ng")));
  EXPECT_THAT(log, Not(HasSubstr("wr0ng")));
  // As many requests as it takes, not one a retry.
  registry.server.Forget();
  EXPECT_FALSE(Pull(registry));
  EXPECT_LE(registry.server.Requests().size(), 4u);
}

TEST_F(RegistryPull, PlainHttpOnlyWhereAllowed) {
  settings.retries = 0;
  FakeRegistry registry(MakeImage({MakeTar({})}));
  auto refused = Pull(registry);
  ASSERT_FALSE(refused);
  EXPECT_EQ(registry.server.Requests().size(), 0u);
  options.tls_verify = false;
  EXPECT_TRUE(Pull(registry));
  Trust(registry);
  options.tls_verify = true;
  EXPECT_FALSE(Pull(registry, ":v1"));
}

TEST_F(RegistryPull, MirrorsPrefixesSearchAndBlocks) {
  FakeRegistry registry(MakeImage({MakeTar({{"a", "b"}})})), broken(MakeImage({}));
  broken.misbehave = [](auto&, int) { return TestReply{.status = 404}; };
  settings.retries = 0;
  settings.registries.search = {"blocked.example.com"};
  settings.registries.rules = {
      {.prefix = "example.com/people",
       .location = "127.0.0.1:1",
       .mirrors = {{.location = broken.server.host() + "/team", .insecure = true},
                   {.location = registry.server.host() + "/team", .insecure = true}}},
      {.prefix = "blocked.example.com", .blocked = true},
      {.prefix = "*.wild.example.com", .location = registry.server.host(), .insecure = true},
      {.prefix = broken.server.host(), .insecure = true},
      {.prefix = registry.server.host(), .insecure = true},
  };
  auto mirrored = PullImage(context, settings, store, "example.com/people/app:v1", options);
  ASSERT_TRUE(mirrored) << mirrored.error().what;
  EXPECT_EQ(mirrored->name, "example.com/people/app:v1");
  EXPECT_GE(broken.server.Requests().size(), 1u);
  auto wild = PullImage(context, settings, store, "docker://x.wild.example.com/team/app:v1", options);
  ASSERT_TRUE(wild) << wild.error().what;
  EXPECT_EQ(PullImage(context, settings, store, "app", options).error().code, Code::kDenied);
  settings.registries.search = {broken.server.host(), registry.server.host()};
  auto found = PullImage(context, settings, store, "team/app:v1", options);
  ASSERT_TRUE(found) << found.error().what;
  EXPECT_EQ(found->name, registry.server.host() + "/team/app:v1");
}

}  // namespace
}  // namespace wolffia
