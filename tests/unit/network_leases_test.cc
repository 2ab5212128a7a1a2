// What a holder leaves behind, and what the next one makes of it.
#include <gtest/gtest.h>

#include "engine/base/file.h"
#include "network/leases.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

Member MemberWith(const std::string& id, const std::string& ip) {
  Member member;
  member.id = id;
  member.name = "web";
  MemberInterface interface;
  interface.inside.network = "one";
  interface.inside.ip = ip;
  member.interfaces.push_back(std::move(interface));
  return member;
}

TEST(Leases, AreReadAsTheyWereWritten) {
  TempDir dir;
  Fd directory = OpenDirectory(AT_FDCWD, dir.path()).value();
  EXPECT_FALSE(HasLeases(directory.get()));
  ASSERT_TRUE(WriteLease(directory.get(), MemberWith("aa11", "10.89.0.2")));
  ASSERT_TRUE(WriteLease(directory.get(), MemberWith("bb22", "10.89.0.3")));
  ASSERT_TRUE(WriteLease(directory.get(), MemberWith("aa11", "10.89.0.4"))) << "it has changed its networks";
  EXPECT_TRUE(HasLeases(directory.get()));
  RemoveLease(directory.get(), "bb22");
  const auto leases = ReadLeases(directory.get());
  ASSERT_EQ(leases.size(), 1U);
  EXPECT_EQ(leases[0].container, "aa11");
  ASSERT_EQ(leases[0].networks.size(), 1U);
  EXPECT_EQ(leases[0].networks[0].network.name, "one");
  EXPECT_EQ(leases[0].networks[0].use.ip, "10.89.0.4");
}

TEST(Leases, WhatIsNoneIsPassedOver) {
  TempDir dir;
  Fd directory = OpenDirectory(AT_FDCWD, dir.path()).value();
  ASSERT_TRUE(MakeDirectories(dir / "leases"));
  const JoinRequest other{.container = "cc33", .name = "", .networks = {}};
  for (const auto& [name, text] : {std::pair<std::string, std::string>{"dd44", "nonsense"},
                                   {"ee55", ""},
                                   {"ff66", Encode(other)},
                                   {"not-an-id", Encode(other)}})
    ASSERT_TRUE(CreateFileAt(directory.get(), "leases/" + name, text, 0600));
  EXPECT_TRUE(ReadLeases(directory.get()).empty());
  EXPECT_FALSE(WriteLease(directory.get(), MemberWith("../up", "10.89.0.2")));
  EXPECT_FALSE(WriteLease(directory.get(), MemberWith("", "10.89.0.2")));
}

}  // namespace
}  // namespace wolffia
