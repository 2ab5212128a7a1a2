// Image names, resolution, and collection of what no name needs.
#include <fcntl.h>
#include <unistd.h>

#include "storage/image_record.h"
#include "tests/unit/store_fixture.h"

namespace wolffia {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StoreImageTest : public StoreFixture {
 protected:
  ImageRecord Import(const std::string& name, const std::string& content, const std::string& salt = "") {
    return Must(ImportImage(store_, name, {{{"f", content}}}, salt));
  }
  std::vector<std::string> ImageNames() const {
    std::vector<std::string> names;
    for (const ImageRecord& r : Must(images_.List())) names.push_back(r.name);
    return names;
  }
};

TEST_F(StoreImageTest, FileNames) {
  struct Row {
    std::string name, file;
  };
  for (const Row& row : std::vector<Row>{
           {"docker.io/library/debian:12", "docker.io%2Flibrary%2Fdebian:12.json"},
           {"localhost:5000/a_b/c-d@sha256:00", "localhost:5000%2Fa_b%2Fc-d@sha256:00.json"},
           {"../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd.json"},
           {std::string("a/\0\n%\xff", 6), "a%2F%00%0A%25%FF.json"},
       })
    EXPECT_EQ(Must(ImageFileName(row.name)), row.file);
  EXPECT_EQ(ImageFileName("debian").error().code, Code::kInvalid);
  EXPECT_EQ(ImageFileName(std::string(64, 'a')).error().code, Code::kInvalid) << "could be taken for an id";
  EXPECT_TRUE(ImageFileName("h/" + std::string(246, 'a')));
  EXPECT_THAT(ImageFileName("h/" + std::string(247, 'a')).error().what, HasSubstr("too long"));
}

TEST_F(StoreImageTest, RecordsSurviveTheDisk) {
  ImageRecord image = Import("docker.io/library/debian:12", "x");
  image.index = image.manifest;
  image.created_ns = 1'700'000'000'123'456'789;
  image.platform.variant = "v8";
  ImageRecord read = Must(ParseImage(SerializeImage(image), "x"));
  EXPECT_EQ(SerializeImage(read), SerializeImage(image));
  EXPECT_EQ(read.diff_ids, image.diff_ids);
  EXPECT_EQ(read.created_ns, image.created_ns);
}

TEST_F(StoreImageTest, MalformedRecordsAreSkippedAndReported) {
  ImageRecord good = Import("docker.io/library/good:1", "x");
  std::string json = SerializeImage(good);
  const std::string config = good.config.str();
  std::vector<std::string> bad = {"",
                                  "{",
                                  "[]",
                                  "null",
                                  "{}",
                                  "{\"name\":1}",
                                  json.substr(0, json.size() / 2),
                                  R"({"config":")" + config + R"(","diff_ids":["sha256:xyz"]})",
                                  R"({"config":")" + config + R"(","size":"much"})",
                                  R"({"config":")" + config + R"(","chain":")" + config + "\"}",
                                  std::string(1000, '['),
                                  json};  // the last is another image's
  for (size_t i = 0; i < bad.size(); ++i)
    ASSERT_TRUE(CreateFileAt(store_.root(), "images/h%2F" + std::to_string(i) + ":1.json", bad[i], 0600));
  ASSERT_TRUE(MakeDirectories(dir_ / "root/images/directory"));
  EXPECT_THAT(ImageNames(), ElementsAre("docker.io/library/good:1"));
  EXPECT_EQ(images_.ByName("h/0:1").error().code, Code::kInvalid);
  EXPECT_TRUE(CollectGarbage(store_));
  std::string findings = Findings(store_, true);
  for (size_t i = 0; i < bad.size(); ++i)
    EXPECT_THAT(findings, HasSubstr("images/h%2F" + std::to_string(i) + ":1.json: malformed record: "));
  EXPECT_EQ(Findings(store_), "");
}

TEST_F(StoreImageTest, Resolve) {
  const ImageRecord debian = Import("docker.io/library/debian:12", "12");
  const ImageRecord latest = Import("docker.io/library/debian:latest", "13");
  const ImageRecord local = Import("localhost/tool:latest", "tool");
  const ImageRecord tool = Import("quay.io/team/tool:latest", "other tool");
  const ImageRecord port = Import("reg.example.com:5000/team/app:v1", "app");
  const ImageRecord twin1 = Import("a.example.com/x/twin:1", "twin1");
  const ImageRecord twin2 = Import("b.example.com/x/twin:1", "twin2");
  struct Row {
    std::string typed;
    const ImageRecord* found;
    Code code = Code::kNotFound;
  };
  for (const Row& row : std::vector<Row>{
           {"debian:12", &debian},
           {"debian", &latest},
           {"library/debian:12", &debian},
           {"docker.io/debian:12", &debian},
           {"docker.io/library/debian", &latest},
           {"tool", &local},  // localhost first
           {"team/tool", &tool},
           {"quay.io/team/tool:latest", &tool},
           {"app:v1", &port},
           {"team/app:v1", &port},
           {"reg.example.com:5000/team/app:v1", &port},
           {"app", nullptr},
           {"pp:v1", nullptr},
           {"reg.example.com/team/app:v1", nullptr},
           {"twin:1", nullptr, Code::kInvalid},
           {"a.example.com/x/twin:1", &twin1},
           {"debian@" + debian.manifest.str(), &debian},
           {"docker.io/library/debian@" + debian.manifest.str(), &debian},
           {"quay.io/library/debian@" + debian.manifest.str(), nullptr},
           {"tool@" + debian.manifest.str(), nullptr},
           {"debian:13@" + debian.manifest.str(), &debian},
           {debian.config.hex(), &debian},
           {debian.config.str(), &debian},
           {"sha256:" + debian.config.hex().substr(0, 12), &debian},
           {twin2.config.hex().substr(0, 12), &twin2},
           {std::string(64, '0'), nullptr},
           {"ab", nullptr},
           {"sha256:ab", nullptr, Code::kNotFound},
           {"", nullptr, Code::kInvalid},
           {"UPPER", nullptr, Code::kInvalid},
           {"../x", nullptr, Code::kInvalid},
       }) {
    SCOPED_TRACE(row.typed);
    auto record = images_.Resolve(row.typed, {"docker.io"});
    if (row.found == nullptr) {
      ASSERT_FALSE(record) << record->name;
      EXPECT_EQ(record.error().code, row.code) << record.error().what;
    } else {
      ASSERT_TRUE(record) << record.error().what;
      EXPECT_EQ(record->name, row.found->name);
    }
  }
  EXPECT_EQ(images_.Resolve("debian:11", {"docker.io"}).error().what, "debian:11: image not known");
}

TEST_F(StoreImageTest, AnAmbiguousIdNamesTheCandidates) {
  // 5,000 configurations would share three digits for sure; two records of made-up ids are enough.
  ImageRecord image = Import("h/a:1", "x");
  for (const char* hex : {"abcd", "abce"}) {
    image.config = Must(Digest::OfHex(hex + std::string(60, '0')));
    image.name = std::string("h/") + hex + ":1";
    ASSERT_TRUE(images_.Save(image));
  }
  auto both = images_.Resolve("abc", {});
  ASSERT_FALSE(both);
  EXPECT_EQ(both.error().what, "abc is ambiguous; it could be h/abcd:1 h/abce:1");
  EXPECT_EQ(Must(images_.Resolve("abce", {})).name, "h/abce:1");
}

TEST_F(StoreImageTest, AnImageThatLosesItsNameStaysNameless) {
  const ImageRecord first = Import("h/a:1", "first");
  const ImageRecord second = Import("h/a:1", "second");
  EXPECT_THAT(ImageNames(), ElementsAre("", "h/a:1"));
  EXPECT_EQ(Must(images_.Resolve(first.config.hex().substr(0, 12), {})).name, "");
  EXPECT_EQ(Must(CollectGarbage(store_)).blobs, 0u);

  const ImageRecord again = Import("h/b:1", "first");  // named again: the nameless record goes
  EXPECT_EQ(again.config, first.config);
  EXPECT_THAT(ImageNames(), ElementsAre("h/a:1", "h/b:1"));
  Import("h/a:1", "first");  // second loses its only name; first has two
  EXPECT_THAT(ImageNames(), ElementsAre("", "h/a:1", "h/b:1"));
  EXPECT_TRUE(images_.RemoveName(Must(images_.Resolve(second.config.hex(), {})), false));
  EXPECT_THAT(ImageNames(), ElementsAre("h/a:1", "h/b:1"));
  EXPECT_EQ(Findings(store_).find("damage"), std::string::npos);
}

TEST_F(StoreImageTest, RemovingNames) {
  const ImageRecord a = Import("h/a:1", "x"), b = Import("h/b:1", "x");
  ASSERT_TRUE(images_.RemoveName(a, true));
  EXPECT_THAT(ImageNames(), ElementsAre("h/b:1")) << "it has another name";
  EXPECT_EQ(images_.RemoveName(a, true).error().code, Code::kNotFound);
  ASSERT_TRUE(images_.RemoveName(b, true));
  EXPECT_THAT(ImageNames(), ElementsAre(""));
  ASSERT_TRUE(images_.RemoveName(Must(images_.List())[0], true));
  EXPECT_THAT(ImageNames(), IsEmpty());
  Import("h/c:1", "x");
  ASSERT_TRUE(images_.RemoveName(Must(images_.ByName("h/c:1")), false));
  EXPECT_THAT(ImageNames(), IsEmpty());
}

TEST_F(StoreImageTest, CollectionKeepsWhatIsNamed) {
  const ImageRecord kept = Must(ImportImage(store_, "h/kept:1", {{{"f", "base"}}, {{"g", "kept"}}}));
  const ImageRecord gone = Must(ImportImage(store_, "h/gone:1", {{{"f", "base"}}, {{"g", "gone"}}}));
  EXPECT_EQ(Must(CollectGarbage(store_)).blobs, 0u);
  ASSERT_TRUE(images_.RemoveName(gone, false));
  const GcReport report = Must(CollectGarbage(store_));
  EXPECT_EQ(report.blobs, 3u) << "configuration, manifest, one layer";
  EXPECT_GT(report.bytes, 2048u);
  EXPECT_TRUE(images_.OpenLower(kept.chain, kept.diff_ids));
  EXPECT_FALSE(blobs_.Has(gone.diff_ids[1]));
  EXPECT_EQ(images_.OpenLower(gone.chain, gone.diff_ids).error().code, Code::kNotFound);
  EXPECT_EQ(Names("index").size(), 3u) << "two layers, one chain";
  EXPECT_EQ(Findings(store_), "");

  // A container keeps its image's content after the last name.
  NewContainer container = Must(containers_.Create(ContainerOf(kept), RuntimeSpec()));
  ASSERT_TRUE(images_.RemoveName(kept, false));
  EXPECT_EQ(Must(CollectGarbage(store_)).blobs, 1u) << "the manifest";
  EXPECT_TRUE(images_.OpenLower(kept.chain, kept.diff_ids));
  ASSERT_TRUE(containers_.Remove(container.id, nullptr, true));
  EXPECT_EQ(Must(CollectGarbage(store_)).blobs, 3u);
  EXPECT_THAT(Names("blobs/sha256"), IsEmpty());
  EXPECT_THAT(Names("index"), IsEmpty());
  EXPECT_THAT(Names("tmp"), IsEmpty());
}

TEST_F(StoreImageTest, PinsKeepContentAndWhatWasSetAsideComesBack) {
  const ImageRecord image = Import("h/a:1", "x");
  ASSERT_TRUE(images_.RemoveName(image, false));
  const Digest& layer = image.diff_ids[0];
  {
    Staging staging = Must(Staging::Begin(store_));
    ASSERT_TRUE(staging.Pin(layer));
    EXPECT_EQ(Must(CollectGarbage(store_)).blobs, 2u);
    EXPECT_TRUE(blobs_.Has(layer));
    EXPECT_TRUE(images_.OpenLower(image.chain, image.diff_ids))
        << "a chain of one layer has its layer's digest";
  }
  // As a collection that was killed in the middle leaves it.
  auto set_aside = [&](const std::string& path) {
    ASSERT_TRUE(RenameAt(store_.root(), path, store_.root(), AsidePath(path, "0123456789abcdef")));
  };
  set_aside(Store::BlobPath(layer));
  EXPECT_TRUE(blobs_.Has(layer));
  set_aside(Store::BlobPath(layer));
  EXPECT_TRUE(blobs_.Open(layer));
  set_aside(Store::ChainIndexPath(image.chain));
  EXPECT_TRUE(images_.OpenLower(image.chain, image.diff_ids));
  set_aside(Store::BlobPath(layer));
  EXPECT_TRUE(Staging::Sweep(store_));
  EXPECT_FALSE(blobs_.Has(layer)) << "nobody needs it: the sweep finished the collection";
  EXPECT_THAT(Names("tmp"), IsEmpty());
}

TEST_F(StoreImageTest, BigFilesAreGoneAtOnceAndNoLockOutlivesUs) {
  const ImageRecord image = Import("h/a:1", std::string(8 << 20, 'x'));
  ASSERT_TRUE(images_.RemoveName(image, false));
  auto lock = Must(FileLock::TryAcquire(store_.root(), "tmp/mine"));
  EXPECT_GT(Must(CollectGarbage(store_)).bytes, uint64_t{8} << 20);
  EXPECT_THAT(Names("blobs/sha256"), IsEmpty());
  EXPECT_THAT(Names("tmp"), ElementsAre("mine"));
  lock.reset();
  for (int i = 0; i < 200 && *FileLock::IsHeld(store_.root(), "tmp/mine"); ++i) usleep(1000);
  EXPECT_FALSE(*FileLock::IsHeld(store_.root(), "tmp/mine"));
}

TEST_F(StoreImageTest, ARecordThatCannotBeReadStopsTheCollection) {
  if (geteuid() == 0) GTEST_SKIP() << "root can read everything";
  const ImageRecord image = Import("h/a:1", "x");
  ASSERT_EQ(fchmodat(store_.root(), "images/h%2Fa:1.json", 0, 0), 0);
  EXPECT_EQ(CollectGarbage(store_).error().code, Code::kDenied);
  EXPECT_TRUE(blobs_.Has(image.config));
}

}  // namespace
}  // namespace wolffia
