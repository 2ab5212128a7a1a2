#include "storage/secret_store.h"

#include <sys/stat.h>

#include "tests/unit/store_fixture.h"

namespace wolffia {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SecretStoreTest : public StoreFixture {
 protected:
  SecretStore secrets_{store_};
};

TEST_F(SecretStoreTest, IsMadeReadReplacedAndRemoved) {
  SecretRecord made = Must(secrets_.Create({.name = "s", .created_ns = 1, .labels = {{"a", "b"}}}, "value"));
  EXPECT_EQ(made.id.size(), 25U);
  EXPECT_EQ(Must(secrets_.Get("s")), made);
  EXPECT_EQ(Must(secrets_.Get(made.id)), made);
  EXPECT_EQ(Must(secrets_.Get(made.id.substr(0, 6))), made);
  EXPECT_EQ(Must(secrets_.ReadData("s")), "value");
  struct stat st;
  ASSERT_EQ(fstatat(store_.root(), "secrets/s/data", &st, 0), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600U);
  EXPECT_EQ(secrets_.Create({.name = "s"}, "other").error().what, "s: secret name in use");
  SecretRecord again = Must(secrets_.Create({.name = "s", .created_ns = 9, .updated_ns = 9}, "other", true));
  EXPECT_EQ(again.created_ns, 1);
  EXPECT_EQ(again.updated_ns, 9);
  EXPECT_NE(again.id, made.id);
  EXPECT_EQ(Must(secrets_.ReadData("s")), "other");
  EXPECT_EQ(Must(secrets_.List()).size(), 1U);
  EXPECT_EQ(Findings(store_), "");
  EXPECT_TRUE(secrets_.Remove("s"));
  EXPECT_EQ(secrets_.Remove("s").error().code, Code::kNotFound);
  EXPECT_EQ(secrets_.Get("s").error().what, "no secret with name or id \"s\": no such secret");
  EXPECT_THAT(Names("tmp"), IsEmpty());
  EXPECT_THAT(Names("secrets"), IsEmpty());
}

TEST_F(SecretStoreTest, Bounds) {
  for (const std::string& name :
       {std::string(), std::string("a/b"), std::string("a=b"), std::string(".."), std::string(254, 'a')})
    EXPECT_EQ(secrets_.Create({.name = name}, "x").error().code, Code::kInvalid) << name;
  EXPECT_FALSE(secrets_.Create({.name = "s"}, ""));
  EXPECT_FALSE(secrets_.Create({.name = "s"}, std::string(kMaxSecretBytes, 'x')));
  EXPECT_TRUE(secrets_.Create({.name = std::string(253, 'a')}, std::string(kMaxSecretBytes - 1, '\0')));
  EXPECT_EQ(Must(secrets_.ReadData(std::string(253, 'a'))).size(), kMaxSecretBytes - 1);
}

TEST_F(SecretStoreTest, InAStoreThatIsOlder) {
  ASSERT_EQ(unlinkat(store_.root(), "secrets", AT_REMOVEDIR), 0);
  EXPECT_THAT(Must(secrets_.List()), IsEmpty());
  EXPECT_EQ(secrets_.Get("s").error().code, Code::kNotFound);
  EXPECT_EQ(Findings(store_), "");
  Must(secrets_.Create({.name = "s"}, "x"));
  EXPECT_THAT(Names("secrets"), ElementsAre("s"));
  ASSERT_TRUE(ReplaceFileAt(store_.root(), "secrets/s/meta.json", "{}", 0600, Durability::kVolatile));
  EXPECT_THAT(Findings(store_), HasSubstr("secrets/s: malformed record"));
}

}  // namespace
}  // namespace wolffia
