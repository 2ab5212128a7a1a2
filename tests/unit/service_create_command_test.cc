#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cmd/create_command.h"

namespace wolffia {
namespace {

using Words = std::vector<std::string>;

TEST(CreateCommand, KeepsWhatMakesTheContainer) {
  auto command = ReadCreateCommand({"wolffia",
                                    "--root",
                                    "/x",
                                    "container",
                                    "run",
                                    "--rm",
                                    "-d",
                                    "--cidfile",
                                    "/id",
                                    "-iq",
                                    "--name",
                                    "web",
                                    "-eA=1",
                                    "-e",
                                    "B",
                                    "--init=false",
                                    "--cap-drop=ALL,KILL",
                                    "busybox",
                                    "sh",
                                    "--rm",
                                    "-c",
                                    "a b"});
  ASSERT_TRUE(command.has_value()) << command.error().what;
  EXPECT_EQ(command->run,
            (Words{"--interactive", "--quiet", "--name=web", "--env=A=1", "--env=B", "--init=false",
                   "--cap-drop=ALL,KILL", "busybox", "sh", "--rm", "-c", "a b"}));
  EXPECT_TRUE(command->has_name);
  EXPECT_EQ(command->inherited_env, (Words{"B"}));
}

TEST(CreateCommand, OfCreateToo) {
  auto command = ReadCreateCommand({"wolffia", "create", "busybox"});
  ASSERT_TRUE(command.has_value());
  EXPECT_EQ(command->run, (Words{"busybox"}));
  EXPECT_FALSE(command->has_name);
}

TEST(CreateCommand, RefusesWhatItDoesNotUnderstand) {
  for (const Words& words :
       {Words{}, {"wolffia"}, {"wolffia", "ps"}, {"wolffia", "run", "--of-another-version", "x"}})
    EXPECT_EQ(ReadCreateCommand(words).error().code, Code::kInvalid);
}

}  // namespace
}  // namespace wolffia
