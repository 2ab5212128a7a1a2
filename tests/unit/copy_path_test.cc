// The two ends of `cp`: every row of the table in copy_path.h, and podman's errors.
#include "cmd/copy_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wolffia {
namespace {

TEST(CopyPath, Ends) {
  struct Case {
    const char *source, *destination, *expected;
  };
  const Case cases[] = {
      {"c:/a", "b", "c|/a  |b"},
      {"a", "c:b", "|a  c|b"},
      {"c:/a:b", "d:/x", "c|/a:b  d|/x"},
      {"./a:b", "c:/", "|./a:b  c|/"},
      {"/a:b", "c:/", "|/a:b  c|/"},
      {"-", "c:/", "|-  c|/"},
      {"c:/", "-", "c|/  |-"},
      {"a", "b", "invalid arguments \"a\", \"b\": name a container, as CONTAINER:PATH"},
      {":a", "b", "invalid arguments \":a\", \"b\": name a container, as CONTAINER:PATH"},
      {"c:", "b", "invalid arguments \"c:\", \"b\": you must specify paths"},
      {"c:/x", "", "invalid arguments \"c:/x\", \"\": you must specify paths"},
  };
  for (const Case& c : cases) {
    auto ends = ParseCopyEnds(c.source, c.destination);
    std::string text = ends ? ends->source.container + "|" + ends->source.path + "  " +
                                  ends->destination.container + "|" + ends->destination.path
                            : ends.error().what;
    EXPECT_EQ(text, c.expected);
  }
}

TEST(CopyPath, Contents) {
  for (const char* path : {".", "./", "a/.", "a/./", "/.", "a//.//"})
    EXPECT_TRUE(MeansContents(path)) << path;
  for (const char* path : {"", "a", "a.", "a/..", "/", "a/", "..", "a/.b"})
    EXPECT_FALSE(MeansContents(path)) << path;
}

constexpr PathKind kMissing = PathKind::kMissing, kFile = PathKind::kFile, kDirectory = PathKind::kDirectory,
                   kStream = PathKind::kStream;

TEST(CopyPath, Plan) {
  constexpr char kMustBeDirectory[] = "destination must be a directory when copying a directory";
  struct Case {
    const char* source;
    ResolvedPath from;
    const char* destination;
    ResolvedPath to;
    const char* expected;  // "into TOP", "beside TOP", or the error
  };
  const Case cases[] = {
      {"s", {kFile, "/", "s"}, "d", {kMissing, "/", "d"}, "beside d"},
      {"s", {kFile, "/", "s"}, "d", {kFile, "/", "d"}, "beside d"},
      {"s", {kFile, "/", "s"}, "link", {kFile, "/elsewhere", "target"}, "beside target"},
      {"s", {kFile, "/", "s"}, "d/", {kFile, "/", "d"}, "\"d/\" on container c is not a directory"},
      {"s", {kFile, "/", "s"}, "d", {kDirectory, "/", "d"}, "into s"},
      {"link", {kFile, "/x", "target"}, "d", {kDirectory, "/", "d"}, "into target"},
      {"s", {kDirectory, "/", "s"}, "d", {kMissing, "/", "d"}, "beside d"},
      {"s/.", {kDirectory, "/", "s"}, "d", {kMissing, "/", "d"}, "beside d"},
      {"s", {kDirectory, "/", "s"}, "d", {kDirectory, "/", "d"}, "into s"},
      {"s/", {kDirectory, "/", "s"}, "d", {kDirectory, "/", "d"}, "into s"},
      {"s/.", {kDirectory, "/", "s"}, "d", {kDirectory, "/", "d"}, "into "},
      {"/", {kDirectory, "/", ""}, "d", {kDirectory, "/", "d"}, "into "},
      {"s", {kDirectory, "/", "s"}, "d", {kFile, "/", "d"}, kMustBeDirectory},
      {"s/.", {kDirectory, "/", "s"}, "d", {kFile, "/", "d"}, kMustBeDirectory},
      {"-", {kStream}, "d", {kDirectory, "/", "d"}, "into "},
      {"-", {kStream}, "d", {kFile, "/", "d"}, "destination must be a directory when copying from stdin"},
      {"-", {kStream}, "d", {kMissing, "/", "d"}, "destination must be a directory when copying from stdin"},
      {"s", {kFile, "/", "s"}, "-", {kStream}, "into s"},
      {"s", {kDirectory, "/", "s"}, "-", {kStream}, "into s"},
      {"s/.", {kDirectory, "/", "s"}, "-", {kStream}, "into "},
      {"s",
       {kMissing, "/", "s"},
       "d",
       {kMissing, "", ""},
       "\"s\" could not be found on the host: no such file or directory"},
      {"s",
       {kFile, "/", "s"},
       "x/d",
       {kMissing, "", "d"},
       "\"x/d\" could not be found on container c: no such file or directory"},
      {"s",
       {kFile, "/", "s"},
       "d/",
       {kMissing, "/", "d"},
       "\"d/\" could not be found on container c: no such file or directory"},
      {"s",
       {kDirectory, "/", "s"},
       "d/",
       {kMissing, "/", "d"},
       "\"d/\" could not be found on container c: no such file or directory"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(std::string(c.source) + " -> " + c.destination);
    auto plan = PlanCopy({"", c.source}, c.from, {"c", c.destination}, c.to);
    EXPECT_EQ(plan ? (plan->into_destination ? "into " : "beside ") + plan->top : plan.error().what,
              c.expected);
  }
}

}  // namespace
}  // namespace wolffia
