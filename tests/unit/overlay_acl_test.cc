// POSIX ACLs: the bytes of the attribute, and what the kernel's rules make of a mode.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "storage/overlay/acl.h"

namespace wolffia {
namespace {

std::string Bytes(std::initializer_list<int> bytes) {
  std::string text;
  for (int byte : bytes) text += static_cast<char>(byte);
  return text;
}

constexpr AclEntry Owner(uint16_t p) {
  return {AclTag::kOwner, p};
}
constexpr AclEntry Group(uint16_t p) {
  return {AclTag::kOwningGroup, p};
}
constexpr AclEntry Mask(uint16_t p) {
  return {AclTag::kMask, p};
}
constexpr AclEntry Other(uint16_t p) {
  return {AclTag::kOther, p};
}
constexpr AclEntry User(uint32_t id, uint16_t p) {
  return {AclTag::kUser, p, id};
}

TEST(Acl, ReadsAndWritesTheKernelsBytes) {
  // As setfacl -m u:1000:rw made it on ext4 (mode 0644).
  const std::string bytes = Bytes({2,  0, 0, 0,                          //
                                   1,  0, 6, 0, 0xff, 0xff, 0xff, 0xff,  //
                                   2,  0, 6, 0, 0xe8, 3,    0,    0,     //
                                   4,  0, 4, 0, 0xff, 0xff, 0xff, 0xff,  //
                                   16, 0, 6, 0, 0xff, 0xff, 0xff, 0xff,  //
                                   32, 0, 4, 0, 0xff, 0xff, 0xff, 0xff});
  auto acl = ParseAcl(bytes);
  ASSERT_TRUE(acl);
  EXPECT_EQ(*acl, (Acl{Owner(6), User(1000, 6), Group(4), Mask(6), Other(4)}));
  EXPECT_EQ(FormatAcl(*acl), bytes);
  EXPECT_FALSE(IsOnlyMode(*acl));
  EXPECT_EQ(ModeOfAcl(*acl, S_IFREG | 04111), S_IFREG | 04664u);
  EXPECT_EQ(ParseAcl(Bytes({2, 0, 0, 0}))->size(), 0u);
}

TEST(Acl, RefusesWhatTheKernelRefuses) {
  const std::string good = FormatAcl({Owner(7), Group(5), Other(0)});
  for (size_t size = 0; size < good.size(); ++size) {
    auto acl = ParseAcl(good.substr(0, size));
    if (size == 4)
      EXPECT_TRUE(acl);
    else
      EXPECT_EQ(acl.error(), EINVAL) << size;
  }
  std::string other = good;
  other[0] = 1;
  EXPECT_EQ(ParseAcl(other).error(), EOPNOTSUPP);
  EXPECT_EQ(ParseAcl(std::string(70000, '\2')).error(), EINVAL);
  const AclEntry odd{static_cast<AclTag>(0x40), 7};
  for (const Acl& acl : {Acl{Owner(7)},
                         {Owner(7), Group(5)},
                         {Group(5), Owner(7), Other(0)},
                         {Owner(7), Owner(7), Group(5), Other(0)},
                         {Owner(7), User(1, 7), Group(5), Other(0)},  // no mask
                         {Owner(7), User(0xffffffff, 7), Group(5), Mask(7), Other(0)},
                         {Owner(7), Group(5), User(1, 7), Mask(7), Other(0)},
                         {Owner(7), Group(5), Mask(7), Mask(7), Other(0)},
                         {Owner(7), Group(5), Other(0), Other(0)},
                         {Owner(8), Group(5), Other(0)},
                         {Owner(7), Group(5), odd, Other(0)}})
    EXPECT_EQ(ParseAcl(FormatAcl(acl)).error(), EINVAL) << FormatAcl(acl).size();
}

TEST(Acl, FollowsAChangeOfMode) {
  Acl acl{Owner(7), User(5, 7), Group(5), Mask(7), Other(5)};
  ChangeAclMode(&acl, 0640);
  EXPECT_EQ(acl, (Acl{Owner(6), User(5, 7), Group(5), Mask(4), Other(0)}));
  acl = {Owner(7), Group(5), Other(5)};
  ChangeAclMode(&acl, 04701);
  EXPECT_EQ(acl, (Acl{Owner(7), Group(0), Other(1)}));
  EXPECT_TRUE(IsOnlyMode(acl));
}

TEST(Acl, IsInherited) {
  const std::string list = FormatAcl({Owner(7), User(5, 7), Group(5), Mask(7), Other(5)});
  const std::string small = FormatAcl({Owner(7), Group(7), Other(1)});
  struct Case {
    std::string parent;
    mode_t mode, umask, want;
    std::optional<Acl> access;
    bool passes_on;
  };
  for (const Case& c :
       std::vector<Case>{{"", S_IFREG | 0666, 022, S_IFREG | 0644, {}, false},
                         {"", S_IFDIR | 02777, 027, S_IFDIR | 02750, {}, false},
                         {"nonsense", S_IFREG | 0666, 022, S_IFREG | 0644, {}, false},
                         {list, S_IFLNK | 0777, 022, S_IFLNK | 0777, {}, false},
                         // The umask does not count; what the maker did not ask for is not given.
                         {list, S_IFREG | 0660, 077, S_IFREG | 0660,
                          Acl{Owner(6), User(5, 7), Group(5), Mask(6), Other(0)}, false},
                         {list, S_IFDIR | 02777, 077, S_IFDIR | 02775,
                          Acl{Owner(7), User(5, 7), Group(5), Mask(7), Other(5)}, true},
                         {small, S_IFREG | 0666, 022, S_IFREG | 0660, {}, false},
                         {small, S_IFDIR | 0777, 022, S_IFDIR | 0771, {}, true}}) {
    InheritedAcl got = InheritAcl(c.parent, c.mode, S_ISDIR(c.mode), c.umask);
    EXPECT_EQ(got.mode, c.want);
    EXPECT_EQ(got.access, c.access ? std::optional(FormatAcl(*c.access)) : std::nullopt);
    EXPECT_EQ(got.default_acl, c.passes_on ? std::optional(c.parent) : std::nullopt);
  }
}

}  // namespace
}  // namespace wolffia
