// Layers: written, verified and indexed in one pass; indexes made again; the whole store checked and
// repaired.
#include <fcntl.h>
#include <unistd.h>

#include <map>
#include <set>

#include "storage/overlay/chunk_digest.h"
#include "tests/unit/store_fixture.h"

namespace wolffia {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StoreLayerTest : public StoreFixture {
 protected:
  void Overwrite(const std::string& path, off_t offset, std::string_view bytes) {
    Fd fd = Must(OpenAt(store_.root(), path, O_WRONLY));
    ASSERT_EQ(pwrite(fd.get(), bytes.data(), bytes.size(), offset), static_cast<ssize_t>(bytes.size()));
  }
  void Remove(const std::string& path) { ASSERT_EQ(unlinkat(store_.root(), path.c_str(), 0), 0) << path; }
};

TEST_F(StoreLayerTest, AnyChunkingGivesTheSameLayer) {
  const std::string tar = TarOf({{"a", std::string(700'000, 'x')}, {"b", "hello"}});
  const Digest diff_id = Sha256Of(tar);
  std::string index;
  for (size_t chunk : {size_t{511}, size_t{65'536}, size_t{262'144}, size_t{262'145}, tar.size()}) {
    Staging staging = Must(Staging::Begin(store_));
    auto writer = Must(LayerWriter::Begin(store_, staging, {}));
    for (size_t at = 0; at < tar.size(); at += chunk)
      ASSERT_TRUE(writer->Write(std::string_view(tar).substr(at, chunk)));
    EXPECT_EQ(Must(writer->Commit(std::nullopt)), diff_id);
    EXPECT_EQ(Must(blobs_.Read(diff_id)), tar);
    std::string now = Must(ReadFileAt(store_.root(), Store::LayerIndexPath(diff_id), 1 << 20));
    EXPECT_TRUE(index.empty() || index == now);
    index = now;
    Remove(Store::BlobPath(diff_id));
  }
}

TEST_F(StoreLayerTest, WhatIsWrongGetsNoName) {
  const std::string tar = TarOf({{"a", std::string(100'000, 'x')}});
  struct Row {
    const char* what;
    std::string bytes;
    LayerLimits limits;
    Digest expected;
    Code code;
    const char* says;
  };
  std::string broken = tar;
  broken[0] = 'z';  // the header's checksum is wrong now
  for (const Row& row : std::vector<Row>{
           {"another digest", tar, {}, Sha256Of("x"), Code::kCorrupt, "as expected"},
           {"too large",
            tar,
            {.bytes = tar.size() - 1},
            Sha256Of(tar),
            Code::kNoSpace,
            "pull.max_layer_size"},
           {"no tar", broken, {}, Sha256Of(broken), Code::kCorrupt, ""},
           {"cut off", tar.substr(0, 50'000), {}, Sha256Of(tar.substr(0, 50'000)), Code::kCorrupt, ""},
       }) {
    SCOPED_TRACE(row.what);
    Staging staging = Must(Staging::Begin(store_));
    {
      auto writer = Must(LayerWriter::Begin(store_, staging, row.limits));
      auto written = writer->Write(row.bytes);
      Result<Digest> done = std::unexpected(Error{});
      if (written)
        done = writer->Commit(row.expected);
      else
        done = std::unexpected(written.error());
      ASSERT_FALSE(done);
      EXPECT_EQ(done.error().code, row.code) << done.error().what;
      EXPECT_THAT(done.error().what, HasSubstr(row.says));
    }
    EXPECT_THAT(Names(staging.path()), IsEmpty()) << "its space is free again before the pull ends";
    EXPECT_THAT(Names("blobs/sha256"), IsEmpty());
    EXPECT_THAT(Names("index"), IsEmpty());
  }
}

TEST_F(StoreLayerTest, TwoWritersOfOneLayerBothSucceed) {
  const std::string tar = TarOf({{"a", "x"}});
  Staging one = Must(Staging::Begin(store_)), two = Must(Staging::Begin(store_));
  auto first = Must(LayerWriter::Begin(store_, one, {})), second = Must(LayerWriter::Begin(store_, two, {}));
  ASSERT_TRUE(first->Write(tar));
  ASSERT_TRUE(second->Write(tar));
  EXPECT_EQ(Must(first->Commit(Sha256Of(tar))), Must(second->Commit(Sha256Of(tar))));
  EXPECT_EQ(Must(blobs_.Read(Sha256Of(tar))), tar);
}

TEST_F(StoreLayerTest, SafeDurabilityWritesTheSame) {
  Store safe = Must(Reopen(Durability::kSafe));
  ImageRecord image = Must(ImportImage(safe, "h/a:1", {{{"a", std::string(20 << 20, 'x')}}, {{"b", "y"}}}));
  NewContainer made = Must(ContainerStore(safe).Create(ContainerOf(image, "web"), RuntimeSpec()));
  ASSERT_TRUE(ContainerStore(safe).WriteExit(made.id, {}));
  EXPECT_EQ(Findings(store_), "");
  made.lock.Release();
  ASSERT_TRUE(ContainerStore(safe).Remove(made.id));
  ASSERT_TRUE(ImageStore(safe).RemoveName(image, true));
}

TEST_F(StoreLayerTest, IndexesAreMadeAgain) {
  ImageRecord image =
      Must(ImportImage(store_, "h/a:1", {{{"a", "1"}, {"b", "2"}}, {{".wh.a", ""}, {"c", "3"}}}));
  const Lower lower = Must(images_.OpenLower(image.chain, image.diff_ids));
  EXPECT_EQ(Must(lower.ReadFile("/c", 100)), "3");
  EXPECT_EQ(lower.ReadFile("/a", 100).error().code, Code::kNotFound);
  EXPECT_EQ(Must(EnsureChainIndex(store_, image.diff_ids)), image.chain);

  const std::string chain = Store::ChainIndexPath(image.chain),
                    layer = Store::LayerIndexPath(image.diff_ids[0]);
  const std::string good = Must(ReadFileAt(store_.root(), chain, 1 << 20));
  struct Row {
    const char* what;
    std::function<void()> harm;
  };
  for (const Row& row : std::vector<Row>{
           {"no chain index", [&] { Remove(chain); }},
           {"no index at all", [&] { Remove(chain), Remove(layer); }},
           {"damaged",
            [&] {
              Overwrite(chain, 0, "damage"), Overwrite(layer, 8, std::string(8, '\xff')), Remove(chain);
            }},
           {"truncated", [&] { ASSERT_EQ(truncate((dir_ / "root/" + chain).c_str(), 100), 0); }},
           {"a layer's index under a chain's name",
            [&] {
              Remove(chain);
              Must(CreateFileAt(store_.root(), chain, Must(ReadFileAt(store_.root(), layer, 1 << 20)), 0600));
            }},
       }) {
    SCOPED_TRACE(row.what);
    row.harm();
    auto opened = images_.OpenLower(image.chain, image.diff_ids);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Code::kNotFound) << opened.error().what;
    EXPECT_EQ(opened.error().os_errno, ENOENT);
    EXPECT_EQ(Must(EnsureChainIndex(store_, image.diff_ids)), image.chain);
    EXPECT_EQ(Must(ReadFileAt(store_.root(), chain, 1 << 20)), good);
  }
  Remove(Store::BlobPath(image.diff_ids[1]));
  EXPECT_EQ(images_.OpenLower(image.chain, image.diff_ids).error().code, Code::kCorrupt);
  Remove(Store::LayerIndexPath(image.diff_ids[1]));
  Remove(chain);
  EXPECT_EQ(EnsureChainIndex(store_, image.diff_ids).error().code, Code::kNotFound);
}

TEST_F(StoreLayerTest, CheckFindsAndRepairs) {
  const ImageRecord image = Must(ImportImage(store_, "h/a:1", {{{"a", "1"}}, {{"b", "2"}}}));
  const ImageRecord other = Must(ImportImage(store_, "h/b:1", {{{"c", "3"}}}));
  const Digest layer = image.diff_ids[0];
  struct Row {
    const char* what;
    std::function<void()> harm;
    std::vector<std::string> says;
    bool repairable = true;
  };
  for (const Row& row : std::vector<Row>{
           {"nothing", [] {}, {}},
           {"layer index gone",
            [&] { Remove(Store::LayerIndexPath(layer)); },
            {layer.hex() + ".layer.idx: missing index"}},
           {"layer index of another version",
            [&] { Overwrite(Store::LayerIndexPath(layer), 7, "1"); },
            {".layer.idx: index of another version"}},
           {"layer index damaged",
            [&] { Overwrite(Store::LayerIndexPath(layer), 70, "x"); },
            {".layer.idx: damaged index (damage)"}},
           {"chain index damaged",
            [&] { Overwrite(Store::ChainIndexPath(image.chain), 70, "x"); },
            {"index/" + image.chain.hex() + ".idx: damaged index"}},
           {"orphans",
            [&] {
              ASSERT_TRUE(CreateFileAt(store_.root(), Store::BlobPath(Sha256Of("o")), "o", 0600));
              ASSERT_TRUE(CreateFileAt(store_.root(), "index/foreign", "", 0600));
              ASSERT_TRUE(CreateFileAt(store_.root(), "blobs/sha256/foreign", "", 0600));
            },
            {Sha256Of("o").hex() + ": orphan", "index/foreign: orphan",
             "blobs/sha256/foreign: not a file of the store"}},
           {"left over",
            [&] { ASSERT_TRUE(MakeDirectories(dir_ / "root/tmp/0123456789abcdef")); },
            {"tmp/0123456789abcdef: left over"}},
           {"claim", [&] { ASSERT_TRUE(MakeDirectories(dir_ / "root/names/x")); }, {"names/x: orphan"}},
           {"bit rot in a layer",
            [&] { Overwrite(Store::BlobPath(layer), 512, "9"); },
            {layer.hex() + ": digest mismatch",
             "images/h%2Fa:1.json: damaged layer " + layer.str() + " of image h/a:1; pull"},
            false},
       }) {
    SCOPED_TRACE(row.what);
    row.harm();
    std::string findings = Findings(store_);
    EXPECT_EQ(findings, Findings(store_)) << "looking changes nothing";
    for (const std::string& says : row.says) EXPECT_THAT(findings, HasSubstr(says));
    EXPECT_EQ(std::count(findings.begin(), findings.end(), '\n'), static_cast<ptrdiff_t>(row.says.size()))
        << findings;
    Findings(store_, true);
    if (row.repairable) {
      EXPECT_EQ(Findings(store_), "");
    }
  }
  EXPECT_FALSE(blobs_.Has(layer)) << "damaged bytes do not stay under their name";
  EXPECT_THAT(Findings(store_), HasSubstr("missing layer " + layer.str()));
  Must(ImportImage(store_, "h/a:1", {{{"a", "1"}}, {{"b", "2"}}}));
  EXPECT_EQ(Findings(store_), "") << "pulling again heals it";
  EXPECT_TRUE(images_.OpenLower(other.chain, other.diff_ids));
}

TEST_F(StoreLayerTest, RepairFetchesWhatIsDamagedOrMissing) {
  const std::vector<Files> files = {{{"a", "1"}}, {{"b", "2"}}, {{"c", "3"}}};
  const ImageRecord image = Must(ImportImage(store_, "h/a:1", files));
  const Digest damaged = image.diff_ids[0], missing = image.diff_ids[1], lost = image.diff_ids[2];
  auto harm = [&] {
    Overwrite(Store::BlobPath(damaged), 512, "9");
    Remove(Store::BlobPath(missing));
    Overwrite(Store::BlobPath(lost), 512, "9");
  };
  harm();
  std::set<Digest> asked;
  StoreRepair repair{.refetch = [&](const std::set<Digest>& broken) -> Result<> {
    asked = broken;
    EXPECT_TRUE(blobs_.Has(damaged)) << "it keeps its name until there is a better one";
    Staging staging = TRY(Staging::Begin(store_));
    TRY(blobs_.Put(staging, TarOf(files[0]), damaged));
    return blobs_.Put(staging, TarOf(files[1]), missing);
  }};
  std::map<std::string, bool> repaired;
  for (const Finding& f : Must(CheckStore(store_, &repair, {}))) {
    EXPECT_TRUE(f.damage) << f.path;
    repaired[f.path] = f.repaired;
  }
  EXPECT_EQ(asked, (std::set<Digest>{damaged, missing, lost}));
  EXPECT_EQ(repaired, (std::map<std::string, bool>{{Store::BlobPath(damaged), true},
                                                   {Store::BlobPath(missing), true},
                                                   {Store::BlobPath(lost), false},
                                                   {"images/h%2Fa:1.json", false}}));
  EXPECT_TRUE(blobs_.Has(lost)) << "what is left of it can be read";
  repair.refetch = nullptr;
  repair.discard = true;
  Must(CheckStore(store_, &repair, {}));
  EXPECT_FALSE(blobs_.Has(lost));
  Must(ImportImage(store_, "h/a:1", files));
  EXPECT_EQ(Findings(store_), "");
}

TEST_F(StoreLayerTest, IndexesHaveDigestsHoweverTheyWereMade) {
  std::string large(3 * kChunkBytes + 1000, 'x');
  for (size_t i = 0; i < large.size(); i += 997) large[i] = static_cast<char>(i);
  const ImageRecord image = Must(ImportImage(store_, "h/a:1", {{{"a", large}, {"e", ""}}, {{"b", "2"}}}));
  for (int again = 0; again < 2; ++again) {
    const LowerIndex index = Must(LowerIndex::Open(store_.root(), Store::ChainIndexPath(image.chain)));
    EXPECT_TRUE(index.has_digests());
    EXPECT_EQ(index.header().digest_count, 5u);
    auto digests = index.Digests(index.node(Must(index.Resolve("a"))));
    ASSERT_EQ(digests.size(), 4u);
    for (size_t i = 0; i < digests.size(); ++i)
      EXPECT_EQ(digests[i], ChunkDigest(std::string_view(large).substr(i * kChunkBytes, kChunkBytes))) << i;
    for (const Digest& layer : image.diff_ids) Remove(Store::LayerIndexPath(layer));
    Remove(Store::ChainIndexPath(image.chain));
    Must(EnsureChainIndex(store_, image.diff_ids));
  }
  EXPECT_EQ(Findings(store_), "");
}

TEST_F(StoreLayerTest, AStoreThatVerifiesReadsOpensNoIndexThatHasChanged) {
  const ImageRecord image = Must(ImportImage(store_, "h/a:1", {{{"a", "1"}}, {{"b", "2"}}}));
  const Store careful =
      Must(Store::Open({.root = dir_ / "root", .runroot = dir_ / "run", .verify_reads = true}));
  auto open = [&](const Store& store) {
    return ImageStore(store).OpenLower(image.chain, image.diff_ids, IndexCheck::kBounds);
  };
  EXPECT_EQ(*Must(open(careful)).ReadFile("a", 1), "1");
  Overwrite(Store::BlobPath(image.diff_ids[0]), 512, "9");
  EXPECT_EQ(*Must(open(store_)).ReadFile("a", 1), "9");
  EXPECT_EQ(Must(open(careful)).ReadFile("a", 1).error().code, Code::kCorrupt);
  EXPECT_EQ(*Must(open(careful)).ReadFile("b", 1), "2");
  const uint64_t end =
      Must(LowerIndex::Open(store_.root(), Store::ChainIndexPath(image.chain))).header().file_size;
  Overwrite(Store::ChainIndexPath(image.chain), static_cast<off_t>(end - 1), "\1");
  EXPECT_TRUE(open(store_));
  EXPECT_EQ(open(careful).error().code, Code::kNotFound) << "to be made again";
  Must(EnsureChainIndex(store_, image.diff_ids));
  EXPECT_TRUE(open(careful));
}

}  // namespace
}  // namespace wolffia
