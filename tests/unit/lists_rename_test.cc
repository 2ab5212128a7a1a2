// Renaming: each state that a kill -9 can leave, and races for one name.
#include <fcntl.h>

#include <atomic>
#include <thread>

#include "storage/container_edit.h"
#include "storage/container_record.h"
#include "storage/name_claim.h"
#include "tests/unit/store_fixture.h"

namespace wolffia {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RenameTest : public StoreFixture {
 protected:
  std::string Make(const std::string& name) {
    return Must(containers_.Create(ContainerOf(image_, name), RuntimeSpec())).id;
  }
  Code RenameCode(const std::string& id, const std::string& name) {
    auto renamed = RenameContainer(store_, id, name);
    EXPECT_FALSE(renamed);
    return renamed ? Code::kIo : renamed.error().code;
  }
  void Claim(const std::string& name, const std::string& id) {
    Must(MakeDirectories(dir_ / "root/names/" + name));
    Must(CreateFileAt(store_.root(), "names/" + name + "/" + id, "", 0600));
  }
  ImageRecord image_ = Must(ImportImage(store_, "h/a:1", {{{"f", "x"}}}));
};

TEST_F(RenameTest, TheNameMoves) {
  std::string id = Make("u");
  Must(RenameContainer(store_, id, "v"));
  EXPECT_EQ(Must(containers_.Lookup("v")), id);
  EXPECT_EQ(Must(containers_.Get(id)).record.name, "v");
  EXPECT_EQ(containers_.Lookup("u").error().code, Code::kNotFound);
  EXPECT_THAT(Names("names"), ElementsAre("v"));
  std::string other = Make("u");  // free again
  EXPECT_EQ(RenameCode(other, "v"), Code::kExists);
  EXPECT_EQ(RenameCode(other, "u"), Code::kExists);
  EXPECT_EQ(RenameCode(other, "u/v"), Code::kInvalid);
  EXPECT_EQ(RenameCode(std::string(64, 'e'), "w"), Code::kNotFound);
  EXPECT_EQ(Findings(store_), "");
  Must(containers_.Remove(id));
  Must(RenameContainer(store_, other, "v"));
  EXPECT_EQ(Findings(store_), "");
}

TEST_F(RenameTest, KilledBeforeTheRecordSaysSo) {
  std::string id = Make("u");
  Claim("v", id);
  EXPECT_EQ(containers_.Lookup("v").error().code, Code::kNotFound);
  EXPECT_EQ(Must(containers_.Lookup("u")), id);
  EXPECT_THAT(Findings(store_), HasSubstr("names/v: orphan"));
  std::string other = Make("v");  // takes the claim over
  EXPECT_EQ(Must(containers_.Lookup("v")), other);
  EXPECT_EQ(Findings(store_), "");
  Claim("w", id);
  Must(RenameContainer(store_, id, "w"));  // the same rename again
  EXPECT_EQ(Must(containers_.Lookup("w")), id);
  EXPECT_THAT(Names("names"), ElementsAre("v", "w"));
}

TEST_F(RenameTest, KilledBeforeTheOldClaimWent) {
  std::string id = Make("u");
  Must(RenameContainer(store_, id, "v"));
  Claim("u", id);
  EXPECT_EQ(containers_.Lookup("u").error().code, Code::kNotFound);
  std::string other = Make("u");
  EXPECT_EQ(Must(containers_.Lookup("u")), other);
  EXPECT_EQ(Must(containers_.Lookup("v")), id);
  EXPECT_EQ(Findings(store_), "");
}

TEST_F(RenameTest, BothNamesLeadThereWhileItGoesOn) {
  std::string id = Make("u");
  Claim("v", id);
  FileLock lock = Must(FileLock::Acquire(store_.root(), EditLockPath(id)));
  EXPECT_EQ(Must(containers_.Lookup("u")), id);
  EXPECT_EQ(Must(containers_.Lookup("v")), id);
  EXPECT_EQ(containers_.Create(ContainerOf(image_, "v"), RuntimeSpec()).error().code, Code::kExists);
}

// Many threads give three containers three names at once, and make and remove others of these names.
TEST_F(RenameTest, Races) {
  std::vector<std::string> ids = {Make("u"), Make("v"), Make("w")};
  std::atomic<int> renamed{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 60; i++) {
        const std::string name(1, static_cast<char>('u' + (i * 7 + t) % 5));
        if (t == 3) {
          auto made = containers_.Create(ContainerOf(image_, name), RuntimeSpec());
          if (!made) continue;
          made->lock.Release();
          Must(containers_.Remove(made->id));
        } else if (RenameContainer(store_, ids[static_cast<size_t>((i + t) % 3)], name)) {
          renamed++;
        }
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(renamed, 0);
  for (const std::string& id : ids)
    EXPECT_EQ(Must(containers_.Lookup(Must(containers_.Get(id)).record.name)), id);
  EXPECT_EQ(Names("names").size(), 3u);
  EXPECT_EQ(Findings(store_), "");
}

}  // namespace
}  // namespace wolffia
