// policy.toml, the payloads of signatures, and what is attached to an image.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "engine/signature/attachment.h"
#include "engine/signature/policies.h"
#include "engine/signature/signature_set.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

using testing::HasSubstr;
using Answer = PolicyRule::Answer;

Policy Parsed(const std::string& text) {
  auto policy = Policy::Parse(text, "/etc/wolffia/policy.toml");
  EXPECT_TRUE(policy) << policy.error().what;
  return policy ? *std::move(policy) : Policy();
}

std::string Fault(const std::string& text) {
  auto policy = Policy::Parse(text, "/p/policy.toml");
  EXPECT_FALSE(policy) << text;
  return policy ? "" : policy.error().what;
}

ImageOrigin Registry(const char* name) {
  return ImageOrigin::OfRegistry(*Reference::Parse(name));
}

std::string ScopeFor(const Policy& policy, const ImageOrigin& origin) {
  return policy.RuleFor(origin).scope;
}

std::string Rules(std::initializer_list<const char*> scopes) {
  std::string text;
  for (const char* scope : scopes)
    text += "[[rule]]\nscope = \"" + std::string(scope) + "\"\nanswer = \"reject\"\n";
  return text;
}

TEST(Policy, WithoutRulesItAccepts) {
  EXPECT_EQ(Parsed("").RuleFor(Registry("docker.io/library/x:1")).answer, Answer::kAccept);
  EXPECT_EQ(Parsed("default = \"reject\"").RuleFor(Registry("docker.io/library/x:1")).answer,
            Answer::kReject);
}

TEST(Policy, TheLongestScopeDecides) {
  const Policy policy = Parsed(Rules({"*", "r.example", "r.example/team", "r.example/team/app",
                                      "r.example/team/app:1", "*.example", "r.example:5000"}));
  const std::pair<const char*, const char*> kCases[] = {
      {"r.example/team/app:1", "r.example/team/app:1"},
      {"r.example/team/app:1.2", "r.example/team/app"},
      {"r.example/team/app:2", "r.example/team/app"},
      {"r.example/team/other:1", "r.example/team"},
      {"r.example/teams/x:1", "r.example"},
      {"r.example:5000/team/app:1", "r.example:5000"},
      {"r.example:5001/team/app:1", "*.example"},
      {"R.Example/team/app:1", "r.example/team/app:1"},
      {"a.b.example/x:1", "*.example"},
      {"example.org/x:1", "*"},
  };
  for (const auto& [name, scope] : kCases) EXPECT_EQ(ScopeFor(policy, Registry(name)), scope) << name;
  const std::string digest = "@sha256:" + std::string(64, '0');
  EXPECT_EQ(ScopeFor(policy, Registry(("r.example/team/app" + digest).c_str())), "r.example/team/app");
  EXPECT_EQ(ScopeFor(policy, Registry(("r.example/team/app:1" + digest).c_str())), "r.example/team/app:1");
}

TEST(Policy, AHostBeatsAWildcard) {
  const Policy policy = Parsed(Rules({"*.example.com", "a.example.com"}));
  EXPECT_EQ(ScopeFor(policy, Registry("a.example.com/x:1")), "a.example.com");
  EXPECT_EQ(ScopeFor(policy, Registry("b.example.com/x:1")), "*.example.com");
  EXPECT_EQ(ScopeFor(policy, Registry("example.com/x:1")), "default");
}

TEST(Policy, FilesAreMatchedByTransportAndPath) {
  const Policy policy = Parsed(Rules({"*", "oci-archive:", "oci-archive:/srv/images", "import:"}));
  EXPECT_EQ(ScopeFor(policy, {"oci-archive", {}, "/srv/images/a.tar"}), "oci-archive:/srv/images");
  EXPECT_EQ(ScopeFor(policy, {"oci-archive", {}, "/srv/images2/a.tar"}), "oci-archive:");
  EXPECT_EQ(ScopeFor(policy, {"oci-archive", {}, ""}), "oci-archive:");
  EXPECT_EQ(ScopeFor(policy, {"docker-archive", {}, "/srv/images/a.tar"}), "default");
  EXPECT_EQ(ScopeFor(policy, {"import", {}, ""}), "import:");
}

TEST(Policy, ReadsRequirements) {
  const Policy policy = Parsed(
      "[[rule]]\nscope = \"r.example/team\"\n"
      "[[rule.require]]\ntype = \"sigstore\"\nkeys = [\"a.pub\", \"/k/b.pub\"]\nidentity = "
      "\"matchRepository\"\n"
      "[[rule.require]]\ntype = \"gpg\"\nkeys = [\"a.asc\"]\nlookaside = \"file:///srv/sigs/\"\n");
  const PolicyRule& rule = policy.RuleFor(Registry("r.example/team/x:1"));
  EXPECT_EQ(rule.answer, Answer::kSigned);
  EXPECT_EQ(rule.str(), "rule \"r.example/team\" of /etc/wolffia/policy.toml:1");
  ASSERT_EQ(rule.required.size(), 2u);
  EXPECT_EQ(rule.required[0], (SignatureRequirement{.kind = SignatureKind::kSigstore,
                                                    .keys = {"/etc/wolffia/a.pub", "/k/b.pub"},
                                                    .identity = IdentityRule::kRepository}));
  EXPECT_EQ(rule.required[1],
            (SignatureRequirement{
                .kind = SignatureKind::kGpg, .keys = {"/etc/wolffia/a.asc"}, .lookaside = "/srv/sigs"}));
}

TEST(Policy, WhatCannotBeUnderstoodIsRefusedWithItsPlace) {
  const std::string rule = "[[rule]]\nscope = \"r.example\"\n";
  const std::string require = rule + "[[rule.require]]\n";
  const std::pair<std::string, const char*> kCases[] = {
      {"defualt = \"reject\"", "unknown key"},
      {"default = \"allow\"", "neither accept nor reject"},
      {"default = \"\"", "neither accept nor reject"},
      {"default = 1", "not a string"},
      {"rule = 1", "write [[rule]]"},
      {"rule = [1]", "not a table"},
      {rule, "it needs either"},
      {rule + "answer = \"accept\"\nrequire = []", "it needs either"},
      {rule + "require = []", "write [[rule.require]]"},
      {rule + "answer = \"signed\"", "neither accept nor reject"},
      {rule + "answer = \"reject\"\n" + rule + "answer = \"accept\"", "a second rule"},
      {"[[rule]]\nscope = \"debian\"\nanswer = \"reject\"", "does not begin with a registry"},
      {"[[rule]]\nscope = \"https://r.example\"\nanswer = \"reject\"", "without a scheme"},
      {"[[rule]]\nscope = \"r.*.example\"\nanswer = \"reject\"", "a wildcard can only be"},
      {"[[rule]]\nscope = \"*.example/x\"\nanswer = \"reject\"", "a wildcard can only be"},
      {"[[rule]]\nscope = \"oci-archive:relative\"\nanswer = \"reject\"", "an absolute path"},
      {"[[rule]]\nscope = \"\"\nanswer = \"reject\"", "HOST"},
      {"[[rule]]\nscope = \"oci:\"\n[[rule.require]]\ntype = \"sigstore\"\nkeys = [\"k\"]",
       "have no signatures"},
      {require + "type = \"x509\"\nkeys = [\"k\"]", "neither sigstore nor gpg"},
      {require + "type = \"sigstore\"", "files of public keys"},
      {require + "type = \"sigstore\"\nkeys = []", "files of public keys"},
      {require + "type = \"sigstore\"\nkeys = [\"\"]", "an empty name"},
      {require + "type = \"sigstore\"\nkeys = [\"k\"]\nidentity = \"any\"", "is not one of"},
      {require + "type = \"sigstore\"\nkeys = [\"k\"]\nlookaside = \"/x\"", "own registry"},
      {require + "type = \"gpg\"\nkeys = [\"k\"]", "where are the signatures"},
      {require + "type = \"gpg\"\nkeys = [\"k\"]\nlookaside = \"ftp://x\"", "where are the signatures"},
      {require + "type = \"gpg\"\nkeys = [\"k\"]\nlookaside = \"https://x?y\"", "without a query"},
      {" {\"default\": [{\"type\": \"reject\"}]}", "is JSON"},
  };
  for (const auto& [text, fault] : kCases) EXPECT_THAT(Fault(text), HasSubstr(fault)) << text;
  EXPECT_THAT(Fault("\ndefault = \"x\""), HasSubstr("/p/policy.toml:2:"));
}

class PoliciesTest : public testing::Test {
 protected:
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(dir_.path() + "/" + name) << text;
  }
  Result<Policies> Load(const std::string& flag = "") {
    return Policies::Load(context_, flag, dir_.path() + "/site.toml");
  }
  void SetUp() override {
    context_.env = {{"XDG_CONFIG_HOME", dir_.path()}};
    context_.log_sink = [this](LogLevel, std::string_view line) { logged_ += line; };
    ASSERT_TRUE(MakeDirectories(dir_.path() + "/wolffia"));
    ASSERT_TRUE(MakeDirectories(dir_.path() + "/containers"));
  }
  TempDir dir_;
  Context context_;
  std::string logged_;
};

TEST_F(PoliciesTest, AUserCannotLoosenWhatTheSiteAsksFor) {
  Write("site.toml", Rules({"r.example/bad"}));
  Write("wolffia/policy.toml",
        "[[rule]]\nscope = \"r.example/bad\"\nanswer = \"accept\"\n" + Rules({"r.example/worse"}));
  auto policies = Load();
  ASSERT_TRUE(policies) << policies.error().what;
  for (const char* name : {"r.example/bad/x:1", "r.example/worse/x:1"})
    EXPECT_FALSE(CheckNotRejected(policies->RulesFor(Registry(name)), Registry(name))) << name;
  const ImageOrigin good = Registry("r.example/good/x:1");
  EXPECT_TRUE(CheckNotRejected(policies->RulesFor(good), good));
  // --signature-policy takes the place of the user's file, not of the site's.
  Write("other.toml", "default = \"accept\"");
  auto other = Load(dir_.path() + "/other.toml");
  ASSERT_TRUE(other);
  EXPECT_FALSE(CheckNotRejected(other->RulesFor(Registry("r.example/bad/x:1")), good));
  EXPECT_TRUE(CheckNotRejected(other->RulesFor(Registry("r.example/worse/x:1")), good));
}

TEST_F(PoliciesTest, NoFileAcceptsAndAFlagMustBeThere) {
  auto policies = Load();
  ASSERT_TRUE(policies);
  EXPECT_TRUE(policies->empty());
  EXPECT_EQ(logged_, "");
  EXPECT_FALSE(Load(dir_.path() + "/missing.toml"));
  Write("wolffia/policy.toml", "nonsense");
  EXPECT_FALSE(Load());
}

TEST_F(PoliciesTest, AChangeIsSeenByStat) {
  const std::vector<std::string> paths = {dir_ / "site.toml", dir_ / "none/policy.toml"};
  EXPECT_FALSE(PolicyChangedSince(paths, 0));
  Write("site.toml", "");
  const int64_t now = Context::OfProcess().now();
  EXPECT_TRUE(PolicyChangedSince(paths, 0));
  EXPECT_TRUE(PolicyChangedSince(paths, now - 60'000'000'000));
  EXPECT_FALSE(PolicyChangedSince(paths, now + 60'000'000'000));
  // What a flag's policy says does not outlive its command.
  context_.now = [&] { return now; };
  EXPECT_EQ(Load()->loaded_ns(), now);
  EXPECT_EQ(Load(dir_ / "site.toml")->loaded_ns(), 0);
}

TEST_F(PoliciesTest, AStricterPolicyOfOtherEnginesIsWarnedOf) {
  Write("containers/policy.json", R"({"default": [{"type": "insecureAcceptAnything"}]})");
  ASSERT_TRUE(Load());
  EXPECT_EQ(logged_, "");
  Write("containers/policy.json",
        R"({"default": [{"type": "insecureAcceptAnything"}],
            "transports": {"docker": {"r.example": [{"type": "signedBy", "keyPath": "/k"}]}}})");
  ASSERT_TRUE(Load());
  EXPECT_THAT(logged_, HasSubstr("does not read it"));
  logged_.clear();
  Write("site.toml", "");
  ASSERT_TRUE(Load());
  EXPECT_EQ(logged_, "");
}

const std::string kDigest = "sha256:" + std::string(64, 'a');

std::string Payload(const std::string& reference = "r.example/x:1") {
  return R"({"critical":{"identity":{"docker-reference":")" + reference +
         R"("},"image":{"docker-manifest-digest":")" + kDigest +
         R"("},"type":"cosign container image signature"},"optional":null})";
}

std::string Changed(const std::string& from, const std::string& to) {
  std::string text = Payload();
  EXPECT_NE(text.find(from), std::string::npos) << from;
  return text.replace(text.find(from), from.size(), to);
}

TEST(Claim, IsRead) {
  auto claim = ParseClaim(Payload(), kSigstoreType);
  ASSERT_TRUE(claim) << claim.error().what;
  EXPECT_EQ(claim->digest.str(), kDigest);
  EXPECT_EQ(claim->reference, "r.example/x:1");
  EXPECT_TRUE(ParseClaim(Changed("null", R"({"creator": "x", "timestamp": 1})"), kSigstoreType));
  EXPECT_TRUE(ParseClaim(Changed(R"(,"optional":null)", ""), kSigstoreType));
}

TEST(Claim, IsStrict) {
  const std::string kBad[] = {
      "",
      "{}",
      "[]",
      Payload() + "x",
      Payload() + Payload(),
      std::string("\0", 1) + Payload(),
      Changed("null", "1"),
      Changed("null", "[]"),
      Changed("\"optional\"", "\"optionnal\""),
      Changed("null", R"(null,"more":1)"),
      Changed("\"type\"", "\"extra\":1,\"type\""),
      Changed("\"image\":", "\"image\":{\"docker-manifest-digest\":\"sha256:b\"},\"image\":"),
      Changed("\"docker-manifest-digest\"", "\"docker-manifest-digest\":\"x\",\"docker-manifest-digest\""),
      Changed("\"docker-reference\"", "\"other\":\"x\",\"docker-reference\""),
      Changed("\"docker-reference\":\"r.example/x:1\"", "\"docker-reference\":5"),
      Changed("sha256:a", "sha512:a"),
      Changed("sha256:", ""),
      Changed("cosign container", "Cosign container"),
      Changed("null", "{\"x\":\"" + std::string(kMaxPayloadBytes, 'x') + "\"}"),
      Changed("null", "{\"x\":" + std::string(1000, '[') + std::string(1000, ']') + "}"),
  };
  for (const std::string& text : kBad) EXPECT_FALSE(ParseClaim(text, kSigstoreType)) << text.substr(0, 200);
  EXPECT_FALSE(ParseClaim(Payload(), kGpgType));
}

TEST(Claim, TheNameMustFit) {
  using enum IdentityRule;
  const std::string digest = "@" + kDigest;
  struct Case {
    IdentityRule rule;
    std::string asked, claimed;
    bool fits;
  };
  const Case kCases[] = {
      {kRepoDigestOrExact, "r.example/x:1", "r.example/x:1", true},
      {kRepoDigestOrExact, "r.example/x:1", "r.example/x:2", false},
      {kRepoDigestOrExact, "r.example/x:1", "r.example/x", false},
      {kRepoDigestOrExact, "r.example/x:1", "r.example/y:1", false},
      {kRepoDigestOrExact, "r.example/x" + digest, "r.example/x:2", true},
      {kRepoDigestOrExact, "r.example/x:1" + digest, "r.example/x:2", true},
      {kRepoDigestOrExact, "r.example/x" + digest, "r.example/y:2", false},
      {kExact, "r.example/x:1", "r.example/x:1", true},
      {kExact, "r.example/x" + digest, "r.example/x:1", false},
      {kExact, "r.example/x" + digest, "r.example/x" + digest, true},
      {kExact, "r.example/x:1", "r.example/x", false},
      {kRepository, "r.example/x:1", "r.example/x", true},
      {kRepository, "r.example/x:1", "r.example/x:2", true},
      {kRepository, "r.example/x:1", "r.example/x/y:1", false},
      {kRepository, "r.example/x:1", "other.example/x:1", false},
      {kRepository, "docker.io/library/x:1", "docker.io/x", true},
      {kRepository, "docker.io/library/x:1", "x", false},
      {kRepository, "r.example/x:1", "r.example/x:1\n", false},
      {kRepository, "r.example/x:1", "", false},
  };
  for (const Case& c : kCases)
    EXPECT_EQ(CheckIdentity(c.rule, *Reference::Parse(c.asked), c.claimed).has_value(), c.fits)
        << IdentityRuleName(c.rule) << " " << c.asked << " " << c.claimed;
  EXPECT_THAT(CheckIdentity(kExact, *Reference::Parse("r.example/x:1"), "r.example/x").error().what,
              HasSubstr("matchRepository"));
}

std::string Layer(const std::string& signature, const std::string& size = "10") {
  return R"({"mediaType":"application/vnd.dev.cosign.simplesigning.v1+json","digest":")" + kDigest +
         R"(","size":)" + size + R"(,"annotations":{"dev.cosignproject.cosign/signature":")" + signature +
         "\"}}";
}

std::string Attachment(const std::string& layers, const std::string& more = "") {
  return R"({"schemaVersion":2,"layers":[)" + layers + "]" + more + "}";
}

TEST(Attachment, ListsItsSignatures) {
  auto found = ParseAttachment(
      Attachment(Layer("QUJD") + "," + Layer("not base64!") + R"(,{"mediaType":"other"})"), std::nullopt);
  ASSERT_TRUE(found) << found.error().what;
  ASSERT_EQ(found->size(), 2u);
  EXPECT_EQ((*found)[0].signature, "ABC");
  EXPECT_EQ((*found)[0].payload.size, 10);
  EXPECT_EQ((*found)[1].signature, "");
}

TEST(Attachment, IsBounded) {
  std::string layers = Layer("QUJD");
  for (size_t i = 1; i < kMaxSignatures; ++i) layers += "," + Layer("QUJD");
  EXPECT_TRUE(ParseAttachment(Attachment(layers), std::nullopt));
  EXPECT_THAT(ParseAttachment(Attachment(layers + "," + Layer("QUJD")), std::nullopt).error().what,
              HasSubstr("more than 64"));
  for (const std::string& bad : {std::string("[]"), Attachment("1"), Attachment(Layer("x", "-1")),
                                 Attachment(Layer("x", "\"1\"")), std::string("{\"layers\":1}")})
    EXPECT_FALSE(ParseAttachment(bad, std::nullopt)) << bad;
}

TEST(Attachment, OfAReferrerMustSayWhatItIsAbout) {
  const Digest digest = *Digest::Parse(kDigest);
  EXPECT_TRUE(ParseAttachment(Attachment("", R"(,"subject":{"digest":")" + kDigest + "\"}"), digest));
  EXPECT_FALSE(ParseAttachment(Attachment(""), digest));
  EXPECT_FALSE(ParseAttachment(Attachment("", R"(,"subject":{"digest":"sha256:b"})"), digest));
}

TEST(Attachment, ReferrersOfOtherKindsAreLeftOut) {
  const std::string entry = R"({"digest":")" + kDigest + R"(","size":1,"artifactType":")";
  auto found =
      ParseReferrers(R"({"manifests":[)" + entry + R"(application/vnd.dev.cosign.artifact.sig.v1+json"},)" +
                     entry + R"(sbom"}]})");
  ASSERT_TRUE(found) << found.error().what;
  EXPECT_EQ(found->size(), 1u);
  EXPECT_FALSE(ParseReferrers("<html>"));
}

TEST(SignatureSet, SurvivesBeingKept) {
  const std::vector<FoundSignature> found = {
      {.kind = SignatureKind::kSigstore, .place = "a", .payload = "p", .bytes = std::string("\0\xff", 2)},
      {.kind = SignatureKind::kGpg, .place = "b", .bytes = "m"}};
  EXPECT_EQ(ParseSignatures(SerializeSignatures(found)).value(), found);
  EXPECT_EQ(ParseSignatures(SerializeSignatures({{.place = "x", .fault = "too large"}})).value().size(), 0u);
  EXPECT_FALSE(ParseSignatures("{}"));
  EXPECT_FALSE(ParseSignatures(R"({"signatures":[{"type":"x"}]})"));
}

}  // namespace
}  // namespace wolffia
