// --change: each instruction in its forms, and what is refused, by the configuration that comes out.
#include "cmd/change_flag.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/oci/json.h"

namespace wolffia {
namespace {

using testing::HasSubstr;

struct Case {
  std::vector<std::string> changes;
  const char* expected;  // the "config" object, or what the error says
};

TEST(ChangeFlag, Instructions) {
  const Case cases[] = {
      {{"CMD echo hi"}, R"({"Cmd":["/bin/sh","-c","echo hi"]})"},
      {{R"(cmd ["a", "b c"])"}, R"({"Cmd":["a","b c"]})"},
      {{"CMD=[\"a\"]"}, R"({"Cmd":["a"]})"},
      {{"CMD [\"a\""}, R"({"Cmd":["/bin/sh","-c","[\"a\""]})"},
      {{"ENTRYPOINT [\"/x\",\"y\"]", "ENTRYPOINT [\"z\"]"}, R"({"Entrypoint":["z"]})"},
      {{"ENV a=b c='d e' f=\"g h\" i=j\\ k"}, R"({"Env":["a=b","c=d e","f=g h","i=j k"]})"},
      {{"ENV a b c", "ENV a=$a:d", "ENV e=${none}"}, R"({"Env":["a=b c:d","e="]})"},
      {{"LABEL a=b", "LABEL c d", "LABEL a=x e='f g'"}, R"({"Labels":{"a":"x","c":"d","e":"f g"}})"},
      {{"EXPOSE 80", "EXPOSE=90/udp 8000-8001"},
       R"({"ExposedPorts":{"80/tcp":{},"8000/tcp":{},"8001/tcp":{},"90/udp":{}}})"},
      {{"VOLUME /a /b", "VOLUME [\"/c\"]"}, R"({"Volumes":{"/a":{},"/b":{},"/c":{}}})"},
      {{"USER u:g", "WORKDIR /w", "WORKDIR x"}, R"({"User":"u:g","WorkingDir":"/w/x"})"},
      {{"WORKDIR rel"}, R"({"WorkingDir":"/rel"})"},
      {{"STOPSIGNAL SIGUSR1"}, R"({"StopSignal":"SIGUSR1"})"},
      {{"ONBUILD RUN x", "ONBUILD COPY a b"}, R"({"OnBuild":["RUN x","COPY a b"]})"},
      {{"BAD x"}, "invalid change \"BAD x\" - invalid instruction BAD"},
      {{""}, "invalid change \"\" - "},
      {{"CMD"}, "requires an argument"},
      {{"EXPOSE abc"}, "EXPOSE port must be a number from 1 to 65535, not \"abc\""},
      {{"EXPOSE 0"}, "EXPOSE port must be"},
      {{"EXPOSE 65536"}, "EXPOSE port must be"},
      {{"EXPOSE 5-4"}, "goes down"},
      {{"EXPOSE 1/icmp"}, "EXPOSE protocol"},
      {{"ENV a"}, "a name and a value"},
      {{"ENV a=b c"}, "\"c\" is not KEY=VALUE"},
      {{"ENV =b"}, "a name is empty"},
      {{"ENV a='b"}, "invalid change"},
      {{"STOPSIGNAL NOPE"}, "invalid signal: NOPE"},
  };
  for (const Case& c : cases) {
    ImageConfig config;
    std::string text;
    for (const std::string& change : c.changes)
      if (auto applied = ApplyChange(change, config); !applied) text = applied.error().what;
    SCOPED_TRACE(c.changes[0]);
    if (!text.empty()) {
      EXPECT_THAT(text, HasSubstr(c.expected));
      continue;
    }
    const std::string json = SerializeImageConfig(config);
    EXPECT_EQ(ParseJson(json)->at("config").dump(), c.expected);
    auto again = ImageConfig::Parse(json);
    ASSERT_TRUE(again) << again.error().what;
    EXPECT_EQ(SerializeImageConfig(*again), json);
  }
}

}  // namespace
}  // namespace wolffia
