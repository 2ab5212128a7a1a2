// Names of images, digests, hashes, and how foreign text is quoted.
#include <gtest/gtest.h>

#include "engine/oci/hasher.h"
#include "engine/oci/quote.h"
#include "engine/oci/reference.h"

namespace wolffia {
namespace {

const std::string kHex(64, 'a');
const std::string kDigest = "sha256:" + kHex;

TEST(Reference, Parse) {
  struct Row {
    std::string text, domain, path, tag;
    bool digest = false;
    std::string str = "";  // where it is not `text`
  };
  const Row rows[] = {
      {"debian", "", "debian", ""},
      {"debian:12", "", "debian", "12"},
      {"debian@" + kDigest, "", "debian", "", true},
      {"debian:12@" + kDigest, "", "debian", "12", true},
      {"team/app", "", "team/app", ""},
      {"a/b/c:v1", "", "a/b/c", "v1"},
      {"localhost/app", "localhost", "app", ""},
      {"localhost:5000/app:x", "localhost:5000", "app", "x"},
      {"example.com/app", "example.com", "app", ""},
      {"Example.COM/app", "Example.COM", "app", ""},
      {"HOST/app", "HOST", "app", ""},
      {"10.0.0.1:443/a/b", "10.0.0.1:443", "a/b", ""},
      {"[::1]:5000/app", "[::1]:5000", "app", ""},
      {"[fe80::1]/app", "[fe80::1]", "app", ""},
      {"docker.io/debian", "docker.io", "library/debian", "", false, "docker.io/library/debian"},
      {"index.docker.io/debian:1", "docker.io", "library/debian", "1", false, "docker.io/library/debian:1"},
      {"docker.io/team/app", "docker.io", "team/app", ""},
      {"a-b/c.d_e__f---g", "", "a-b/c.d_e__f---g", ""},
      {"x:_A-.9", "", "x", "_A-.9"},
      {"127.0.0.1/" + std::string(245, 'x'), "127.0.0.1", std::string(245, 'x'), ""},
      {"debian:" + std::string(128, 't'), "", "debian", std::string(128, 't')},
  };
  for (const Row& row : rows) {
    auto parsed = Reference::Parse(row.text);
    ASSERT_TRUE(parsed.has_value()) << row.text << ": " << parsed.error().what;
    EXPECT_EQ(parsed->domain, row.domain) << row.text;
    EXPECT_EQ(parsed->path, row.path) << row.text;
    EXPECT_EQ(parsed->tag, row.tag) << row.text;
    EXPECT_EQ(parsed->digest.has_value(), row.digest) << row.text;
    EXPECT_EQ(parsed->str(), row.str.empty() ? row.text : row.str);
    auto again = Reference::Parse(parsed->str());
    ASSERT_TRUE(again.has_value()) << parsed->str();
    EXPECT_EQ(*again, *parsed);
  }
}

TEST(Reference, Refused) {
  struct Row {
    std::string text, why;
  };
  const Row rows[] = {
      {"", "no repository"},
      {"/", "malformed"},
      {"/debian", "malformed"},
      {"debian/", "malformed"},
      {"a//b", "malformed"},
      {"Debian", "lower-case"},
      {"team/App", "lower-case"},
      {"debian:", "tag ''"},
      {"debian:-x", "tag '-x'"},
      {"debian:a b", "tag 'a b'"},
      {"debian:" + std::string(129, 't'), "malformed"},
      {"debian@", "no algorithm"},
      {"debian@sha256:abc", "64 lower-case"},
      {"debian@sha256:" + std::string(64, 'A'), "64 lower-case"},
      {"debian@sha512:" + std::string(128, 'a'), "'sha512' is not supported"},
      {"debian@md5:x@" + kDigest, "'md5' is not supported"},
      {kHex, "image id"},
      {"https://example.com/app", "://"},
      {"example.com:0/app", "port"},
      {"example.com:65536/app", "port"},
      {"example.com:/app", "port"},
      {"-example.com/app", "not a host name"},
      {"exa_mple.com/app", "not a host name"},
      {"example..com/app", "not a host name"},
      {"[::g]/app", "not a host name"},
      {"[]/app", "not a host name"},
      {"a_-b", "malformed"},
      {"a___b", "malformed"},
      {"a..b", "malformed"},
      {"../../etc/passwd", "not a host name"},
      {"a/../b", "malformed"},
      {"a\nb", "a\\x0ab"},
      {std::string("a\0b", 3), "a\\x00b"},
      {"\x1b[31m", "\\x1b[31m"},
      {"caf\xc3\xa9", "malformed"},
      {"a.b/" + std::string(252, 'x'), "longer than 255"},
      {"docker.io/" + std::string(240, 'x'), "longer than 255"},
  };
  for (const Row& row : rows) {
    auto parsed = Reference::Parse(row.text);
    ASSERT_FALSE(parsed.has_value()) << row.text;
    EXPECT_EQ(parsed.error().code, Code::kInvalid);
    EXPECT_NE(parsed.error().what.find(row.why), std::string::npos)
        << row.text << " -> " << parsed.error().what;
    EXPECT_EQ(parsed.error().what.find('\x1b'), std::string::npos);
  }
}

TEST(Reference, DefaultsAndDomains) {
  auto of = [](const char* text) { return Reference::Parse(text).value(); };
  EXPECT_EQ(of("debian").WithDefaultTag().str(), "debian:latest");
  EXPECT_EQ(of("debian:12").WithDefaultTag().str(), "debian:12");
  EXPECT_EQ(of(("debian@" + kDigest).c_str()).WithDefaultTag().str(), "debian@" + kDigest);
  EXPECT_EQ(of("debian").WithDomain("docker.io").str(), "docker.io/library/debian");
  EXPECT_EQ(of("team/app:1").WithDomain("docker.io").str(), "docker.io/team/app:1");
  EXPECT_EQ(of("debian").WithDomain("quay.io").str(), "quay.io/debian");
  EXPECT_TRUE(of("team/app").IsShort());
  EXPECT_FALSE(of("localhost/app").IsShort());
  EXPECT_EQ(of("localhost:5000/a:1").Name(), "localhost:5000/a");
}

TEST(Digest, ParseAndHash) {
  EXPECT_EQ(Digest::Parse(kDigest).value().str(), kDigest);
  EXPECT_EQ(Digest::OfHex(kHex).value().hex(), kHex);
  EXPECT_TRUE(Digest().empty());
  for (const char* bad : {"", "sha256", "sha256:", "SHA256:x", "sha256:../../x", ":x"})
    EXPECT_EQ(Digest::Parse(bad).error().code, Code::kInvalid) << bad;
  EXPECT_FALSE(Digest::OfHex(kHex + "a").has_value());

  const std::string empty_hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  EXPECT_EQ(Sha256Of("").hex(), empty_hash);
  EXPECT_EQ(Sha256Of("abc").hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 moved_from;
  moved_from.Update("a", 1);
  Sha256 hash = std::move(moved_from);
  hash.Update("bc", 2);
  EXPECT_EQ(hash.Finish(), Sha256Of("abc"));
}

TEST(Digest, ChainId) {
  const Digest first = Sha256Of("first"), second = Sha256Of("second");
  EXPECT_EQ(ChainId(Digest(), first), first);
  EXPECT_EQ(ChainId(first, second), Sha256Of(first.str() + " " + second.str()));
}

TEST(Quote, MakesForeignTextHarmless) {
  EXPECT_EQ(Quote("plain"), "'plain'");
  EXPECT_EQ(Quote("caf\xc3\xa9 \xf0\x9f\x98\x80"), "'caf\xc3\xa9 \xf0\x9f\x98\x80'");
  EXPECT_EQ(Quote("\x1b[2J\x7f\t"), "'\\x1b[2J\\x7f\\x09'");
  EXPECT_EQ(Quote("\xc2\x9b"
                  "31m"),
            "'\\xc2\\x9b31m'");  // C1: CSI in one character
  EXPECT_EQ(Quote("\xff\xed\xa0\x80"), "'\\xff\\xed\\xa0\\x80'");
  EXPECT_EQ(Quote(std::string(500, 'x'), 10), "'xxxxxxxxxx...'");
  EXPECT_TRUE(IsUtf8Text("caf\xc3\xa9"));
  for (std::string_view bad :
       {std::string_view("a\0b", 3), std::string_view("\xc0\x80"), std::string_view("\xe2\x82"),
        std::string_view("\xf4\x90\x80\x80"), std::string_view("\x80")})
    EXPECT_FALSE(IsUtf8Text(bad));
}

}  // namespace
}  // namespace wolffia
